"""The rows of a store: what is put into it, and what it is asked for.

What the store promises, and why it is as it is, stands in `store_file.py`.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgpack

from lsp_server.workspace.outline_codec import PackedOutline
from lsp_server.workspace.store_file import StoreDamaged, connect, delete_store
from lsp_server.workspace.store_reader import PARTS, FileState, Link, StoreReader, checksum_of

logger = logging.getLogger(__name__)

# Rows of contents that no file has any more; with so many, and more than of others, all is made anew.
_MAX_ORPHANS = 10_000


class Window(NamedTuple):
    """The words of `WINDOW_LINES` lines, separated by spaces; `defined` are names that start there.

    A tuple, since they go between processes by the thousand.
    """

    number: int
    defined: str
    words: str


@dataclass(frozen=True, slots=True)
class IndexedFile:
    path: str  # below the workspace folder, with forward slashes
    state: FileState
    digest: bytes
    outline: PackedOutline | None  # None for a content that the store has
    windows: tuple[Window, ...]


class Store(StoreReader):
    """One workspace folder's. Not to be shared by threads; several processes may have one each."""

    @classmethod
    def open(cls, file: Path) -> Store:
        """Opens or makes the store. Raises OSError where the folder cannot be written to."""
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return cls(connect(file))
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and "unable to open" in str(error):
                raise OSError(f"{file} cannot be opened: {error}") from error
            logger.warning("the index in %s is made anew: %s", file, error)
            delete_store(file)
            return cls(connect(file))

    def put(self, files: Iterable[IndexedFile]) -> None:
        """Adds the files, or takes them in place of what was there."""
        with self._transaction() as connection:
            for file in files:
                row = connection.execute(
                    "SELECT id FROM content WHERE digest = ?", (file.digest,)
                ).fetchone()
                if row is not None:
                    content = row[0]
                elif file.outline is not None:
                    content = self._add(file, file.outline)
                else:  # it was dropped meanwhile: the next round reads the file again
                    continue
                connection.execute(
                    "INSERT INTO file (path, changed_ns, size, content) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (path) DO UPDATE SET changed_ns = excluded.changed_ns,"
                    " size = excluded.size, content = excluded.content",
                    (file.path, file.state.changed_ns, file.state.size, content),
                )
                connection.execute(
                    "UPDATE link SET is_old = 1 WHERE source = (SELECT id FROM file WHERE path = ?)",
                    (file.path,),
                )

    def remove(self, paths: Iterable[str]) -> None:
        with self._transaction() as connection:
            for path in paths:
                row = connection.execute(
                    "DELETE FROM file WHERE path = ? RETURNING id", (path,)
                ).fetchone()
                if row is not None:
                    connection.execute("DELETE FROM link WHERE source = ?", row)
                    connection.execute("DELETE FROM importer WHERE source = ?", row)

    def link(self, links: Mapping[str, Sequence[Link]]) -> None:
        """What the imports of these files bind to files, in place of what they did."""
        with self._transaction() as connection:
            for path, found in links.items():
                row = connection.execute("SELECT id FROM file WHERE path = ?", (path,)).fetchone()
                if row is None:
                    continue
                connection.execute("DELETE FROM importer WHERE source = ?", row)
                connection.execute(
                    "INSERT OR REPLACE INTO link VALUES (?, ?, 0)", (*row, msgpack.packb(found))
                )
                connection.executemany(
                    "INSERT OR IGNORE INTO importer SELECT id, ? FROM file WHERE path = ?",
                    ((*row, target) for _, _, target in found),
                )

    def unlink(self, names: Collection[str] | None = None) -> None:
        """Files are to be linked anew: those whose imports have one of the names in them, or all."""
        with self._transaction() as connection:
            if names is None:
                connection.execute("UPDATE link SET is_old = 1")
                return
            connection.executemany(
                "UPDATE link SET is_old = 1 WHERE NOT is_old AND source IN (SELECT file.id FROM file"
                " JOIN content ON content.id = content WHERE instr(head, ?))",
                ((name.encode(),) for name in sorted(names)),
            )

    def drop_orphans(self) -> bool:
        """Empties a store that holds mostly contents that no file has any more; True if it did."""
        ((orphans, files),) = self._read(
            "SELECT (SELECT count(*) FROM content WHERE id NOT IN (SELECT content FROM file)),"
            " (SELECT count(*) FROM file)"
        )
        if orphans <= max(_MAX_ORPHANS, files):
            return False
        with self._transaction() as connection:
            for table in ("file", "content", "symbol", "link", "importer"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
            connection.execute("INSERT INTO text (text) VALUES ('delete-all')")
        return True

    def _add(self, file: IndexedFile, packed: PackedOutline) -> int:
        content = self._connection.execute(
            "INSERT INTO content (digest, head, names, refs, checksum) VALUES (?, ?, ?, ?, ?)",
            (
                file.digest,
                packed.head,
                packed.names,
                packed.references,
                checksum_of(packed.head, packed.names, packed.references),
            ),
        ).lastrowid
        assert content is not None
        self._connection.executemany(
            "INSERT INTO symbol VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ((content * PARTS + number, *symbol) for number, symbol in enumerate(packed.symbols)),
        )
        self._connection.executemany(
            "INSERT INTO text (rowid, defined, words) VALUES (?, ?, ?)",
            (
                (content * PARTS + window.number, window.defined, window.words)
                for window in file.windows
            ),
        )
        return content

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
