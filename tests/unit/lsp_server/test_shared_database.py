"""Files that several windows open at once."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lsp_server.shared_database import keep_write_ahead_log


@contextmanager
def opened(file: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(file, timeout=0, isolation_level=None)
    with closing(connection):
        yield connection


def test_who_opens_a_new_file_waits_for_another_who_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "new.sqlite"
    with opened(file) as other, opened(file) as own:
        other.execute("BEGIN EXCLUSIVE")
        slept: list[float] = []

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            if len(slept) == 2:
                other.execute("COMMIT")

        monkeypatch.setattr(time, "sleep", sleep)
        keep_write_ahead_log(own, timeout_s=60.0)
        assert len(slept) == 2
        assert own.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_file_that_stays_locked_is_told_of(tmp_path: Path) -> None:
    file = tmp_path / "new.sqlite"
    with opened(file) as other, opened(file) as own:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            keep_write_ahead_log(own, timeout_s=0.02)


def test_what_is_no_lock_is_not_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "other.sqlite"
    file.write_bytes(b"no database at all " * 100)
    with opened(file) as own, pytest.raises(sqlite3.DatabaseError, match="not a database"):
        keep_write_ahead_log(own, timeout_s=30.0)
