"""What the index knows, on disk: a SQLite file for each workspace folder, in the user's cache.

Rows of a file's content are keyed by its hash, so that a branch that comes back finds them; a file
is a path, its time of change and size, and the content that it had then. Full text is an FTS5 table
of the words that `words.py` finds, a row for each `WINDOW_LINES` of a content: what is defined there
in one column, all words in the other.

Invariants
- A batch is written whole or not at all, whenever the process is killed (a transaction, WAL).
- A store that is damaged, or that another version wrote, is made anew: what it holds can always be
  read from the workspace again. SQLite tells damage where it reads (`StoreDamaged`), and outlines
  have a checksum; to look through all of a store would take half a second for 20,000 files.
- Nothing is held in memory but what the caller asks for.

SQLite was chosen over a flat file for each content, on 20,000 made files (one run, busy machine):
written in 3.7 s against 2.6 s, 108 MB against 165 MB; the list of files is read in 17 ms against
71 ms, an outline in 7 µs against 23 µs; a search for eight words takes 9 ms, where flat files are
read into memory for 3 s first.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsp_server.workspace.snapshot import TextMatch

logger = logging.getLogger(__name__)

FORMAT_VERSION = 1
WINDOW_LINES = 40
_WINDOWS = 1 << 20  # of one content, at most
_BUSY_TIMEOUT_S = 10.0
# Rows of contents that no file has any more; with so many, and more than of others, all is made anew.
_MAX_ORPHANS = 10_000
_DEFINED_WEIGHT, _WORDS_WEIGHT = 4.0, 1.0

_SCHEMA = """
CREATE TABLE content (
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE,
    outline BLOB NOT NULL, checksum INTEGER NOT NULL
);
CREATE TABLE file (
    path TEXT PRIMARY KEY, changed_ns INTEGER NOT NULL, size INTEGER NOT NULL,
    content INTEGER NOT NULL REFERENCES content
) WITHOUT ROWID;
CREATE INDEX file_content ON file (content);
CREATE VIRTUAL TABLE text USING fts5 (
    defined, words, content='', tokenize="unicode61 remove_diacritics 0 tokenchars '_$'"
);
"""


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as it was when it was read."""

    changed_ns: int
    size: int


@dataclass(frozen=True, slots=True)
class Window:
    """The words of `WINDOW_LINES` lines, separated by spaces; `defined` are names that start there."""

    number: int
    defined: str
    words: str


@dataclass(frozen=True, slots=True)
class IndexedFile:
    path: str  # below the workspace folder, with forward slashes
    state: FileState
    digest: bytes
    outline: bytes  # by `pack_outline`
    windows: tuple[Window, ...]


class StoreDamaged(Exception):
    """What was read makes no sense: delete the store, and index anew."""


class Store:
    """One workspace folder's. Not to be shared by threads; several processes may have one each."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, file: Path) -> Store:
        """Opens or makes the store. Raises OSError where the folder cannot be written to."""
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return cls(_connect(file))
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and "unable to open" in str(error):
                raise OSError(f"{file} cannot be opened: {error}") from error
            logger.warning("the index in %s is made anew: %s", file, error)
            delete_store(file)
            return cls(_connect(file))

    def close(self) -> None:
        self._connection.close()

    def files(self) -> dict[str, FileState]:
        """All files, by path."""
        rows = self._read("SELECT path, changed_ns, size FROM file")
        return {path: FileState(changed_ns, size) for path, changed_ns, size in rows}

    def put(self, files: Iterable[IndexedFile]) -> None:
        """Adds the files, or takes them in place of what was there."""
        with self._transaction() as connection:
            for file in files:
                row = connection.execute(
                    "SELECT id FROM content WHERE digest = ?", (file.digest,)
                ).fetchone()
                content = row[0] if row else self._add(file)
                connection.execute(
                    "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?)",
                    (file.path, file.state.changed_ns, file.state.size, content),
                )

    def remove(self, paths: Iterable[str]) -> None:
        with self._transaction() as connection:
            connection.executemany("DELETE FROM file WHERE path = ?", ((path,) for path in paths))

    def outline(self, path: str) -> bytes | None:
        """The packed outline of a file, or None. Raises `StoreDamaged`."""
        row = self._read(
            "SELECT outline, checksum FROM file JOIN content ON content.id = file.content"
            " WHERE path = ?",
            (path,),
        )
        if not row:
            return None
        ((outline, checksum),) = row
        if zlib.crc32(outline) != checksum:
            raise StoreDamaged(f"the outline of {path} is not what was written")
        return bytes(outline)

    def search(self, words: Sequence[str], limit: int) -> list[TextMatch]:
        """The windows that have most of the words, those that define them first."""
        return self._matches(" OR ".join(map(_quoted, dict.fromkeys(words))), limit)

    def defining(self, name: str, limit: int, *, prefix: bool = False) -> list[TextMatch]:
        """The windows in which a symbol of that name starts, whatever its letters' case."""
        return self._matches(f"defined : {_quoted(name)}{'*' if prefix else ''}", limit)

    def naming(self, name: str, limit: int) -> list[TextMatch]:
        """The windows in which the name stands, whatever its letters' case."""
        return self._matches(f"words : {_quoted(name)}", limit)

    def drop_orphans(self) -> bool:
        """Empties a store that holds mostly contents that no file has any more; True if it did."""
        (orphans,) = self._connection.execute(
            "SELECT count(*) FROM content WHERE id NOT IN (SELECT content FROM file)"
        ).fetchone()
        (files,) = self._connection.execute("SELECT count(*) FROM file").fetchone()
        if orphans <= max(_MAX_ORPHANS, files):
            return False
        with self._transaction() as connection:
            connection.execute("DELETE FROM file")
            connection.execute("DELETE FROM content")
            connection.execute("INSERT INTO text (text) VALUES ('delete-all')")
        return True

    def _matches(self, query: str, limit: int) -> list[TextMatch]:
        if not query:
            return []
        rows = self._read(
            """
            SELECT path, text.rowid % ?, -bm25(text, ?, ?) AS score
            FROM text JOIN file ON file.content = text.rowid / ?
            WHERE text MATCH ? ORDER BY score DESC, path, text.rowid LIMIT ?
            """,
            (_WINDOWS, _DEFINED_WEIGHT, _WORDS_WEIGHT, _WINDOWS, query, limit),
        )
        return [
            TextMatch(path, window * WINDOW_LINES, (window + 1) * WINDOW_LINES, score)
            for path, window, score in rows
        ]

    def _add(self, file: IndexedFile) -> int:
        content = self._connection.execute(
            "INSERT INTO content (digest, outline, checksum) VALUES (?, ?, ?)",
            (file.digest, file.outline, zlib.crc32(file.outline)),
        ).lastrowid
        assert content is not None
        self._connection.executemany(
            "INSERT INTO text (rowid, defined, words) VALUES (?, ?, ?)",
            (
                (content * _WINDOWS + window.number, window.defined, window.words)
                for window in file.windows
            ),
        )
        return content

    def _read(self, query: str, values: Sequence[str | int | float] = ()) -> list[Any]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            raise StoreDamaged(str(error)) from error

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            raise StoreDamaged(str(error)) from error


def store_file(cache: Path, folder: Path) -> Path:
    """Where the store of a workspace folder is."""
    name = hashlib.blake2b(str(folder).encode(errors="surrogateescape"), digest_size=16).hexdigest()
    return cache / "index" / f"{name}.sqlite"


def delete_store(file: Path) -> None:
    for leftover in (file, *(file.with_name(f"{file.name}{end}") for end in ("-wal", "-shm"))):
        leftover.unlink(missing_ok=True)


def _connect(file: Path) -> sqlite3.Connection:
    """Raises `sqlite3.DatabaseError` for a file that is none of ours, or damaged."""
    connection = sqlite3.connect(file, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA trusted_schema = OFF")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not version and not tables:
            connection.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {FORMAT_VERSION}; COMMIT;"
            )
        elif version != FORMAT_VERSION:
            raise sqlite3.DatabaseError(f"it has format {version}, not {FORMAT_VERSION}")  # noqa: TRY301
        connection.execute("SELECT path, changed_ns, size, content FROM file LIMIT 1").fetchone()
        connection.execute("SELECT digest, outline, checksum FROM content LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _quoted(word: str) -> str:
    doubled = word.replace('"', '""')
    return f'"{doubled}"'
