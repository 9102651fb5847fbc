"""Which stores of the index are deleted for being old, by a clock that may be wrong."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from lsp_server.workspace import store_file

DAY_S = 24 * 3600
TODAY = 20_000


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._now_s = 0.0
        monkeypatch.setattr(time, "time", lambda: self._now_s)

    def looks(self, cache: Path, days: Iterable[int]) -> None:
        """A window is opened on each of these days, and looks for what is old."""
        for day in days:
            self._now_s = (day + 0.5) * DAY_S
            store_file.forget_old_stores(cache)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def opened(cache: Path, name: str, day: int) -> Path:
    file = cache / "index" / f"{name}.sqlite"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"")
    os.utime(file, (day * DAY_S, day * DAY_S))
    return file


def test_what_was_not_opened_for_long_goes(tmp_path: Path, clock: Clock) -> None:
    old, recent = opened(tmp_path, "old", TODAY - 61), opened(tmp_path, "recent", TODAY - 59)
    leftover = old.with_name(f"{old.name}-wal")
    leftover.write_bytes(b"")
    clock.looks(tmp_path, range(TODAY - 20, TODAY))
    assert old.exists()
    clock.looks(tmp_path, [TODAY])
    assert not old.exists()
    assert not leftover.exists()
    assert recent.exists()


@pytest.mark.parametrize("jump", [61, 365, 3_000])
def test_a_clock_that_jumps_takes_no_store(tmp_path: Path, clock: Clock, jump: int) -> None:
    store = opened(tmp_path, "mine", TODAY - 1)
    clock.looks(tmp_path, [*range(TODAY - 40, TODAY + 1), TODAY + jump, TODAY + jump])
    assert store.exists()
    clock.looks(tmp_path, [TODAY + 1])
    assert store.exists()


def test_a_clock_that_goes_back_takes_no_store(tmp_path: Path, clock: Clock) -> None:
    store = opened(tmp_path, "mine", TODAY)
    clock.looks(tmp_path, [TODAY, 0, 1])
    assert store.exists()


@pytest.mark.parametrize("noted", ["", "x -1 9" + "9" * 5_000, "\xff\0"])
def test_notes_that_make_no_sense_count_for_nothing(
    tmp_path: Path, clock: Clock, noted: str
) -> None:
    store = opened(tmp_path, "mine", TODAY - 100)
    (tmp_path / "index" / "days").write_text(noted, encoding="latin-1")
    clock.looks(tmp_path, [TODAY])
    assert store.exists()
    clock.looks(tmp_path, range(TODAY + 1, TODAY + 10))
    assert not store.exists()


def test_where_nothing_can_be_noted_nothing_goes(tmp_path: Path, clock: Clock) -> None:
    store = opened(tmp_path, "mine", TODAY - 100)
    (tmp_path / "index" / "days").mkdir()
    clock.looks(tmp_path, range(TODAY, TODAY + 20))
    assert store.exists()
