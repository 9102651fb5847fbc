"""The statistics on disk: one SQLite file for the user, which all windows add to.

It holds counts for each day, language and model, and neither code nor paths nor times of day; and
for the last texts of each model how sure it was, and whether they were taken. Every call opens the
file, does one transaction and closes it; two windows wait for one another (WAL).

A file that is damaged is set aside under another name, and a new one begun. One that a newer Sparrow
wrote is left alone. Imported where something is stored: the server starts without SQLite.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lsp_server.damaged_file import identity, set_aside
from lsp_server.shared_database import keep_write_ahead_log
from lsp_server.statistics.tally import Key, Tally

FORMAT_VERSION = 1
KEPT_DAYS = 400
KEPT_JUDGED = 2000  # of each model, the last
_BUSY_TIMEOUT_S = 10.0

_SCHEMA = """
CREATE TABLE count (
    day TEXT NOT NULL, language TEXT NOT NULL, model TEXT NOT NULL,
    name TEXT NOT NULL, amount INTEGER NOT NULL,
    PRIMARY KEY (day, language, model, name)
) WITHOUT ROWID;
CREATE TABLE judged (
    id INTEGER PRIMARY KEY, model TEXT NOT NULL, mean_logprob REAL NOT NULL, was_taken INTEGER NOT NULL
);
CREATE INDEX judged_model ON judged (model, id);
CREATE TABLE latency (
    day TEXT NOT NULL, language TEXT NOT NULL, model TEXT NOT NULL,
    bucket INTEGER NOT NULL, amount INTEGER NOT NULL,
    PRIMARY KEY (day, language, model, bucket)
) WITHOUT ROWID;
"""
_ADD = (
    "INSERT INTO {table} VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET amount = amount + excluded.amount"
)


JudgedText = tuple[str, float, bool]  # a model, its mean log-probability, and whether it was taken


class StatisticsUnusable(Exception):
    """Nothing can be kept or read; the message says why, and what to do."""


class StatisticsFile:
    """`set_aside` names the damaged file that was found last, until somebody has been told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set_aside: Path | None = None

    def add(self, tallies: Mapping[Key, Tally], judged: Sequence[JudgedText] = ()) -> None:
        """Adds to what is there, all or nothing. Raises `StatisticsUnusable`."""
        counts = [
            (*_columns(key), name, amount)
            for key, tally in tallies.items()
            for name, amount in tally.counts.items()
        ]
        latencies = [
            (*_columns(key), bucket, amount)
            for key, tally in tallies.items()
            for bucket, amount in tally.latencies.items()
        ]
        oldest = time.strftime("%Y-%m-%d", time.localtime(time.time() - KEPT_DAYS * 86400))
        with self._transaction() as connection:
            connection.executemany(_ADD.format(table="count"), counts)
            connection.executemany(_ADD.format(table="latency"), latencies)
            connection.executemany(
                "INSERT INTO judged (model, mean_logprob, was_taken) VALUES (?, ?, ?)", judged
            )
            for model in {model for model, *_ in judged}:
                connection.execute(
                    "DELETE FROM judged WHERE model = ? AND id <= (SELECT id FROM judged"
                    " WHERE model = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
                    (model, model, KEPT_JUDGED),
                )
            for table in ("count", "latency"):
                connection.execute(f"DELETE FROM {table} WHERE day < ?", (oldest,))  # noqa: S608 - our own

    def read(self, since: str = "") -> dict[Key, Tally]:
        """All that was counted from that day on. Raises `StatisticsUnusable`."""
        tallies: dict[Key, Tally] = {}
        if not self.path.exists():
            return tallies
        with self._transaction() as connection:
            for *key, name, amount in connection.execute(
                "SELECT * FROM count WHERE day >= ?", (since,)
            ):
                tallies.setdefault(Key(*key), Tally()).counts[name] = amount
            for *key, bucket, amount in connection.execute(
                "SELECT * FROM latency WHERE day >= ?", (since,)
            ):
                tallies.setdefault(Key(*key), Tally()).latencies[bucket] = amount
        return tallies

    def read_judged(self, model: str) -> list[tuple[float, bool]]:
        """How sure the model was of a text, and whether that was taken: the last, oldest first."""
        if not self.path.exists():
            return []
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT mean_logprob, was_taken FROM judged WHERE model = ? ORDER BY id", (model,)
            )
            return [(mean, bool(was_taken)) for mean, was_taken in rows]

    def clear(self) -> None:
        """Forgets everything. Raises `StatisticsUnusable`."""
        if self.path.exists():
            with self._transaction() as connection:
                connection.execute("DELETE FROM count")
                connection.execute("DELETE FROM latency")
                connection.execute("DELETE FROM judged")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._connect()
        except OSError as error:
            raise StatisticsUnusable(
                f"the folder of {self.path} cannot be used: {error.strerror}"
            ) from error
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise StatisticsUnusable(f"{self.path} cannot be used: {error}") from error
        finally:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._make()
        seen = identity(self.path)
        try:
            return _open(self.path)
        except sqlite3.OperationalError as error:  # it is busy, or not ours to open
            raise StatisticsUnusable(f"{self.path} cannot be opened: {error}") from error
        except sqlite3.DatabaseError:
            self.set_aside = set_aside(self.path, seen) or self.set_aside
        self._make()
        try:
            return _open(self.path)
        except sqlite3.DatabaseError as error:
            raise StatisticsUnusable(f"{self.path} cannot be opened: {error}") from error

    def _make(self) -> None:
        if not self.path.exists():
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL, 0o600))


def _open(path: Path) -> sqlite3.Connection:
    """Raises `sqlite3.DatabaseError` for a file that is none, `StatisticsUnusable` for a newer one."""
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
    try:
        keep_write_ahead_log(connection, _BUSY_TIMEOUT_S)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA trusted_schema = OFF")
        if _version(connection) == 0:
            connection.execute("BEGIN IMMEDIATE")
            if _version(connection) == 0:  # no other window was faster
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
            connection.execute("COMMIT")
        version = _version(connection)
        if version != FORMAT_VERSION:
            raise StatisticsUnusable(  # noqa: TRY301
                f"{path} was written by a newer Sparrow (format {version}, and this one knows"
                f" {FORMAT_VERSION}): update Sparrow, or move the file away"
            )
        connection.execute("SELECT * FROM count, latency LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _columns(key: Key) -> tuple[str, str, str]:
    return key.day, key.language, key.model
