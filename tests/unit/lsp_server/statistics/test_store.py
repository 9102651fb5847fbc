"""The file of statistics: many windows add to it, and damage costs what was there alone."""

from __future__ import annotations

import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from lsp_server.statistics import store
from lsp_server.statistics.store import StatisticsFile, StatisticsUnusable
from lsp_server.statistics.tally import Count, Key, Tally

KEY = Key("2999-01-31", "python", "wren")


def some(shown: int, *buckets: int) -> dict[Key, Tally]:
    made = Tally()
    made.counts[Count.SHOWN] += shown
    made.latencies.update(buckets)
    return {KEY: made}


@pytest.fixture
def file(tmp_path: Path) -> StatisticsFile:
    return StatisticsFile(tmp_path / "data" / "statistics.sqlite")


def test_what_is_added_is_summed(file: StatisticsFile) -> None:
    assert file.read() == {}
    file.add(some(2, 4, 4, 9))
    file.add(some(3, 4))
    (read,) = file.read().values()
    assert read[Count.SHOWN] == 5
    assert read.latencies == {4: 3, 9: 1}
    assert file.read("2999-02-01") == {}


def test_it_is_the_users_alone(file: StatisticsFile) -> None:
    file.add(some(1))
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


def test_windows_write_at_once(file: StatisticsFile) -> None:
    failures: list[Exception] = []

    def write() -> None:
        try:
            for _ in range(10):
                StatisticsFile(file.path).add(some(1, 4))
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert file.read()[KEY][Count.SHOWN] == 40


def test_what_is_cleared_is_gone(file: StatisticsFile) -> None:
    file.clear()
    file.add(some(1))
    file.clear()
    assert file.read() == {}


def test_what_is_very_old_goes(file: StatisticsFile) -> None:
    file.add({Key("2001-01-01", "python", "wren"): some(1)[KEY]})
    file.add(some(1))
    assert list(file.read()) == [KEY]


def test_a_damaged_file_is_set_aside_and_counting_begins_anew(file: StatisticsFile) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(b"no database at all" * 200)
    file.add(some(1))
    assert file.read()[KEY][Count.SHOWN] == 1
    assert file.set_aside is not None
    assert file.set_aside.read_bytes().startswith(b"no database at all")


def test_the_file_of_a_newer_sparrow_is_left_alone(file: StatisticsFile) -> None:
    file.add(some(1))
    connection = sqlite3.connect(file.path)
    connection.execute(f"PRAGMA user_version = {store.FORMAT_VERSION + 1}")
    connection.close()
    with pytest.raises(StatisticsUnusable, match="newer Sparrow"):
        file.add(some(1))
    assert file.set_aside is None
    assert list(file.path.parent.glob("*damaged*")) == []


def test_a_file_that_is_busy_is_not_damaged(
    file: StatisticsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_BUSY_TIMEOUT_S", 0.01)
    file.add(some(1))
    connection = sqlite3.connect(file.path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StatisticsUnusable, match="locked"):
        file.add(some(1))
    connection.execute("ROLLBACK")
    connection.close()
    assert file.set_aside is None
    assert file.read()[KEY][Count.SHOWN] == 1


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(StatisticsUnusable, match="taken"):
        StatisticsFile(tmp_path / "taken" / "statistics.sqlite").add(some(1))


def test_of_what_was_judged_the_last_is_kept(
    file: StatisticsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "KEPT_JUDGED", 3)
    assert file.read_judged("wren") == []
    file.add({}, [("wren", -1.0, True), ("other", -7.0, False), ("wren", -2.0, False)])
    file.add({}, [("wren", -3.0, True), ("wren", -4.0, False)])
    assert file.read_judged("wren") == [(-2.0, False), (-3.0, True), (-4.0, False)]
    assert file.read_judged("other") == [(-7.0, False)]
    file.clear()
    assert file.read_judged("wren") == []
