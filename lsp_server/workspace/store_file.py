"""What the index knows, on disk: a SQLite file for each workspace folder, in the user's cache.

Rows of a file's content are keyed by its hash, so that a branch that comes back finds them; a file
is a path, its time of change and size, and the content that it had then. Full text is an FTS5 table
of the words that `words.py` finds, a row for each `WINDOW_LINES` of a content: what is defined there
in one column, all words in the other.

Invariants
- A batch is written whole or not at all, whenever the process is killed (a transaction, WAL).
- A store that is damaged, or that another version wrote, is made anew: what it holds can always be
  read from the workspace again. SQLite tells damage where it reads (`StoreDamaged`), and what is
  packed has a checksum; to look through all of a store would take half a second for 20,000 files.
- Nothing is held in memory but what the caller asks for.

SQLite was chosen over a flat file for each content, on 20,000 made files (one run, busy machine):
written in 3.7 s against 2.6 s, 108 MB against 165 MB; the list of files is read in 17 ms against
71 ms, an outline in 7 µs against 23 µs; a search for eight words takes 9 ms, where flat files are
read into memory for 3 s first.

Symbols are rows, and references are a blob for each content. A symbol is asked for by name at each
completion, and is not to cost the unpacking of all that its file refers to: ten times as many, of
which a row for each would double the time to write. A blob is packed by name (`outline_codec.py`),
and which contents name something is known from the full text.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sqlite3
import time
from pathlib import Path

from lsp_server.shared_database import keep_write_ahead_log

logger = logging.getLogger(__name__)

FORMAT_VERSION = 3
_DAY_S = 24 * 3600
_KEPT_DAYS = 60
_KEPT_DAYS_OF_USE = 10
_NOTED_DAYS = 100
_DAY = re.compile(r"[0-9]{1,7}")
_BUSY_TIMEOUT_S = 10.0
_MAPPED_BYTES = 1 << 30
# What the writer holds: with SQLite's usual 2 MB, 4 MB and 1 MB, 20,000 files take half as long again.
_CACHE_KIB = 16 * 1024
_LOG_PAGES = 8000  # of 4 KiB, before they are copied into the file
_TEXT_BYTES = 8 << 20  # of full text, before they become a segment of their own

_SCHEMA = """
CREATE TABLE content (
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, head BLOB NOT NULL,
    names BLOB NOT NULL, refs BLOB NOT NULL, checksum INTEGER NOT NULL
);
CREATE TABLE file (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, changed_ns INTEGER NOT NULL,
    size INTEGER NOT NULL, content INTEGER NOT NULL REFERENCES content
);
CREATE INDEX file_content ON file (content);
CREATE TABLE symbol (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE, kind TEXT NOT NULL,
    signature TEXT NOT NULL, doc TEXT NOT NULL, start_line INTEGER NOT NULL,
    end_line INTEGER NOT NULL, name_line INTEGER NOT NULL, name_column INTEGER NOT NULL,
    parent INTEGER
);
CREATE INDEX symbol_name ON symbol (name);
CREATE TABLE link (
    source INTEGER PRIMARY KEY, imports BLOB NOT NULL, is_old INTEGER NOT NULL
);
CREATE TABLE importer (
    target INTEGER NOT NULL, source INTEGER NOT NULL, PRIMARY KEY (target, source)
) WITHOUT ROWID;
CREATE INDEX importer_source ON importer (source);
CREATE VIRTUAL TABLE text USING fts5 (
    defined, words, content='', tokenize="unicode61 remove_diacritics 0 tokenchars '_$'"
);
"""


class StoreDamaged(Exception):
    """What was read makes no sense: delete the store, and index anew."""


CACHE_DIR_VARIABLE = "SPARROW_CACHE_DIR"


def cache_folder() -> Path:
    """The user's cache folder for Sparrow."""
    import platformdirs

    named = os.environ.get(CACHE_DIR_VARIABLE)
    return Path(named) if named else platformdirs.user_cache_path("sparrow-code")


def store_file(cache: Path, folder: Path) -> Path:
    """Where the store of a workspace folder is."""
    name = hashlib.blake2b(str(folder).encode(errors="surrogateescape"), digest_size=16).hexdigest()
    return cache / "index" / f"{name}.sqlite"


def forget_old_stores(cache: Path) -> None:
    """Deletes what no window has opened for `_KEPT_DAYS`: its folder may be long gone.

    To a clock that has jumped ahead every store is old. So the days on which somebody looked count as
    well: on `_KEPT_DAYS_OF_USE` of them, since it was opened last, a store has to have been unused.
    """
    today = int(time.time() // _DAY_S)
    days = _note_day(cache / "index" / "days", today)
    for file in (cache / "index").glob("*.sqlite"):
        try:
            opened = int(file.stat().st_mtime // _DAY_S)
            days_of_use = sum(opened < day <= today for day in days)
            if today - opened > _KEPT_DAYS and days_of_use >= _KEPT_DAYS_OF_USE:
                delete_store(file)
        except OSError as error:  # another window was faster, or it is not ours to delete
            logger.info("an old index stays: %s", error)


def _note_day(file: Path, today: int) -> frozenset[int]:
    """The days on which somebody looked for old stores, today's too, counted since 1970."""
    days = {today}
    try:
        if file.exists():
            noted = file.read_text(encoding="ascii", errors="replace").split()
            days |= {int(it) for it in noted if _DAY.fullmatch(it)}
        # Two windows may write at once: the day that one of them loses is no loss.
        file.write_text("\n".join(map(str, sorted(days)[-_NOTED_DAYS:])), encoding="ascii")
    except OSError as error:
        logger.info("%s cannot be used, so old indexes stay: %s", file, error)
    return frozenset(days)


def delete_store(file: Path) -> None:
    for leftover in (file, *(file.with_name(f"{file.name}{end}") for end in ("-wal", "-shm"))):
        leftover.unlink(missing_ok=True)


def connect(file: Path) -> sqlite3.Connection:
    """Raises `sqlite3.DatabaseError` for a file that is none of ours, or damaged."""
    connection = sqlite3.connect(file, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
    try:
        keep_write_ahead_log(connection, _BUSY_TIMEOUT_S)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not version and not tables:
            connection.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {FORMAT_VERSION}; COMMIT;"
            )
            connection.execute(
                "INSERT INTO text (text, rank) VALUES ('hashsize', ?)", (_TEXT_BYTES,)
            )
        elif version != FORMAT_VERSION:
            raise sqlite3.DatabaseError(f"it has format {version}, not {FORMAT_VERSION}")  # noqa: TRY301
        for table in ("file", "content", "symbol", "link", "importer"):
            connection.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()  # noqa: S608 - our own
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(file: Path) -> sqlite3.Connection | None:
    """To a store that is there and whole; it does not wait for who writes to it."""
    try:
        connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, isolation_level=None)
    except sqlite3.OperationalError:
        return None
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError:
        version = None
    if version == FORMAT_VERSION:
        # Pages are read where the system holds them already, at half of what a copy takes.
        connection.execute(f"PRAGMA mmap_size = {_MAPPED_BYTES}")
        return connection
    connection.close()
    return None
