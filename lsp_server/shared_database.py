"""SQLite files that several windows open and write at once."""

from __future__ import annotations

import sqlite3
import time

_RETRY_S = 0.01
_PRIMARY_CODE = 0xFF  # the other bits say more of the same


def keep_write_ahead_log(connection: sqlite3.Connection, timeout_s: float) -> None:
    """Lets others read while one writes. Raises `sqlite3.OperationalError` where it cannot be.

    SQLite waits for a file that is locked, but not here: who opens a new file while another window
    does is refused at once (https://sqlite.org/wal.html). So it is tried again until `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & _PRIMARY_CODE == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_S)
        else:
            return
