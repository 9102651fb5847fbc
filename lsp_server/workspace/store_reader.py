"""Reads a store: each question is one statement, and nothing is held in memory but the answer."""

from __future__ import annotations

import math
import sqlite3
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Self

import msgpack

from lsp_server.workspace.outline_codec import PackedOutline, SymbolRow
from lsp_server.workspace.snapshot import TextMatch
from lsp_server.workspace.store_file import StoreDamaged, connect_to_read

WINDOW_LINES = 40
PARTS = 1 << 20  # windows or symbols of one content, at most
_DEFINED_WEIGHT, _WORDS_WEIGHT = 4.0, 1.0
_SYMBOL = "name, kind, signature, doc, start_line, end_line, name_line, name_column, parent"
_MANY_WINDOWS = 2_000  # more than are ever ranked on the loop
_KNOWN_COUNTS = 20_000
_LEAST_WEIGHT = 1e-6  # as in FTS5
_BEYOND = "\U0010ffff"

Link = tuple[str, str, str]  # the fields of a `ResolvedImport`


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as it was when it was read."""

    changed_ns: int
    size: int


class StoreReader:
    """One workspace folder's. Not to be shared by threads; several processes may have one each."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._counts: dict[str, int] = {}
        self._windows: int | None = None

    @classmethod
    def open(cls, file: Path) -> Self | None:
        """Opens a store that is there and whole, and does not wait for who writes to it."""
        connection = connect_to_read(file)
        return cls(connection) if connection is not None else None

    def close(self) -> None:
        self._connection.close()

    def files(self, below: str = "") -> dict[str, FileState]:
        """All files by path; or the file of that path and those in the folder of that path."""
        query = "SELECT path, changed_ns, size FROM file"
        values: tuple[str, ...] = ()
        if below:
            query += " WHERE path = ? OR (path > ? AND path < ?)"
            values = (below, f"{below}/", f"{below}0")  # 0 is what comes after the slash
        return {path: FileState(*state) for path, *state in self._read(query, values)}

    def paths(self, after: str = "", limit: int = -1) -> list[str]:
        """Paths in order, from behind a given one."""
        rows = self._read(
            "SELECT path FROM file WHERE path > ? ORDER BY path LIMIT ?", (after, limit)
        )
        return [path for (path,) in rows]

    def spare_digests(self) -> set[bytes]:
        """The names of contents that no file has any more."""
        rows = self._read("SELECT digest FROM content WHERE id NOT IN (SELECT content FROM file)")
        return {digest for (digest,) in rows}

    def digest(self, path: str) -> bytes | None:
        """The name of the content that a file had."""
        rows = self._read(
            "SELECT digest FROM file JOIN content ON content.id = content WHERE path = ?", (path,)
        )
        return rows[0][0] if rows else None

    def head(self, path: str) -> bytes | None:
        """Of a file's packed outline the head, for its imports."""
        rows = self._read(
            "SELECT head FROM file JOIN content ON content.id = content WHERE path = ?", (path,)
        )
        return rows[0][0] if rows else None

    def links(self, path: str) -> list[Link]:
        """What the imports of a file bind to files. Raises `StoreDamaged`."""
        rows = self._read(
            "SELECT imports FROM file JOIN link ON source = file.id WHERE path = ?", (path,)
        )
        try:
            return [tuple(link) for link in msgpack.unpackb(rows[0][0])] if rows else []
        except (ValueError, msgpack.UnpackException) as error:
            raise StoreDamaged(f"the imports of {path} are not what was written") from error

    def importers(self, path: str) -> list[str]:
        """The files that import a file, in order."""
        rows = self._read(
            "SELECT other.path FROM file JOIN importer ON target = file.id"
            " JOIN file AS other ON other.id = source WHERE file.path = ? ORDER BY other.path",
            (path,),
        )
        return [importer for (importer,) in rows]

    def import_graph(self) -> dict[str, list[str]]:
        """The files that each file imports, of those that import any."""
        graph: dict[str, list[str]] = {}
        for source, target in self._read(
            "SELECT one.path, other.path FROM importer JOIN file AS one ON one.id = source"
            " JOIN file AS other ON other.id = target ORDER BY one.path, other.path"
        ):
            graph.setdefault(source, []).append(target)
        return graph

    def outline(self, path: str) -> PackedOutline | None:
        """The packed outline of a file, or None. Raises `StoreDamaged`."""
        rows = self._read(
            "SELECT head, names, refs, checksum FROM file JOIN content ON content.id = content"
            " WHERE path = ?",
            (path,),
        )
        if not rows:
            return None
        head, names, references, checksum = rows[0]
        if checksum_of(head, names, references) != checksum:
            raise StoreDamaged(f"the outline of {path} is not what was written")
        return PackedOutline(head, self.symbols(path), names, references)

    def symbols(self, path: str) -> list[SymbolRow]:
        """The symbols of a file."""
        return self._read(
            f"""
            SELECT {_SYMBOL} FROM file
            JOIN symbol ON symbol.id >= content * {PARTS} AND symbol.id < (content + 1) * {PARTS}
            WHERE path = ? ORDER BY symbol.id
            """,  # noqa: S608 - our own names
            (path,),
        )

    def definitions(self, name: str, limit: int) -> list[tuple[str, SymbolRow]]:
        """Paths and symbols of that very name, in the order of paths; of too many just some."""
        exact = "name = ? AND name = ? COLLATE BINARY LIMIT ?"
        found = self._symbols(exact, (name, name, limit))
        found.sort(key=_by_path_and_line)
        return found

    def definitions_from(self, start: str, limit: int) -> list[tuple[str, SymbolRow]]:
        """Paths and symbols whose names start so, whatever the letters' case (of ASCII)."""
        return self._symbols(
            "name >= ? AND name < ? ORDER BY substr(name, 1, ?) = ? COLLATE BINARY DESC,"
            " length(name), name, path, symbol.id LIMIT ?",
            (start, start + _BEYOND, len(start), start, limit),
        )

    def symbol_names(self) -> list[str]:
        """All names that are defined, and some that were."""
        return [name for (name,) in self._read("SELECT DISTINCT name COLLATE BINARY FROM symbol")]

    def naming(self, name: str) -> Iterator[tuple[str, bytes, bytes]]:
        """Paths of files that have the name, or have it in another, with what they refer to, packed.

        Lazily, since a name may stand everywhere: who has found enough reads no further.
        """
        last = None
        for (content,) in self._connection.execute(
            f"SELECT rowid / {PARTS} FROM text WHERE text MATCH ?",  # noqa: S608 - our own number
            (f"words : {_quoted(name.lower())}",),
        ):
            if content != last:
                last = content
                yield from self._connection.execute(
                    "SELECT path, names, refs FROM content JOIN file ON content = content.id"
                    " WHERE content.id = ?",
                    (content,),
                )

    def paths_naming(self, name: str, limit: int) -> list[str]:
        """Paths of files that have the name, or have it in another; of too many just some."""
        rows = self._read(
            f"SELECT DISTINCT path FROM (SELECT rowid / {PARTS} AS id FROM text WHERE text MATCH ?)"  # noqa: S608 - our own number
            " AS found JOIN file ON file.content = found.id LIMIT ?",
            (f"words : {_quoted(name.lower())}", limit),
        )
        return [path for (path,) in rows]

    def search(
        self,
        words: Sequence[str],
        limit: int,
        *,
        without: Collection[str] = (),
        max_rows: int | None = None,
    ) -> list[TextMatch]:
        """The windows that have most of the words, those that define them first.

        Those of the files `without` are left out. With `max_rows`, the words that stand in most
        windows do not count, and no more windows than that are ranked: 1,000 take a millisecond.
        """
        wanted = self.rarest(words, max_rows) if max_rows is not None else words
        query = " OR ".join(map(_quoted, dict.fromkeys(wanted)))
        if not query:
            return []
        found: list[TextMatch] = []
        beyond = 2 * limit + 20  # some are of contents that no file has any more
        while len(found) < limit:
            rows = self._read(
                """
                SELECT path, part % ?, score FROM
                (SELECT part, score FROM
                    (SELECT rowid AS part, -bm25(text, ?, ?) AS score
                     FROM text WHERE text MATCH ? LIMIT ?)
                 ORDER BY score DESC, part LIMIT ?)
                LEFT JOIN file ON file.content = part / ?
                """,
                (
                    *(PARTS, _DEFINED_WEIGHT, _WORDS_WEIGHT, query),
                    *(-1 if max_rows is None else max_rows, beyond, PARTS),
                ),
            )
            found = [
                TextMatch(path, window * WINDOW_LINES, (window + 1) * WINDOW_LINES, score)
                for path, window, score in rows
                if path is not None and path not in without
            ]
            if len(rows) < beyond:
                break
            beyond *= 4
        found.sort(key=lambda it: (-it.score, it.path, it.start_line))
        return found[:limit]

    def weights(self, words: Iterable[str]) -> dict[str, float]:
        """What a word counts for in `search`, by how few windows have it (the IDF of BM25)."""
        windows = self._windows
        if windows is None:
            ((windows,),) = self._read("SELECT count(*) FROM text_docsize")
            self._windows = windows
        weights = {}
        for word in words:
            having = self._count(word)
            weight = math.log((windows - having + 0.5) / (having + 0.5))
            weights[word] = max(weight, _LEAST_WEIGHT)
        return weights

    def forget_counts(self) -> None:
        """The store has changed: in how many windows words stand is counted anew."""
        self._counts.clear()
        self._windows = None

    def _count(self, word: str) -> int:
        """In how many windows a word stands, up to `_MANY_WINDOWS`."""
        count = self._counts.get(word)
        if count is None:
            ((count,),) = self._read(
                "SELECT count(*) FROM (SELECT 1 FROM text WHERE text MATCH ? LIMIT ?)",
                (_quoted(word), _MANY_WINDOWS),
            )
            if len(self._counts) >= _KNOWN_COUNTS:
                self._counts.clear()
            self._counts[word] = count
        return count

    def rarest(self, words: Iterable[str], max_rows: int) -> list[str]:
        """As many of the words, the rarest first, as stand in so many windows; one at least."""
        counted = sorted((self._count(word), word) for word in dict.fromkeys(words))
        counted = [(count, word) for count, word in counted if count]
        sums = accumulate(count for count, _ in counted)
        fitting = [word for (_, word), sum_ in zip(counted, sums, strict=True) if sum_ <= max_rows]
        return fitting or [word for _, word in counted[:1]]

    def _symbols(self, condition: str, values: Sequence[str | int]) -> list[tuple[str, SymbolRow]]:
        rows = self._read(
            f"SELECT path, {_SYMBOL} FROM symbol JOIN file ON file.content = symbol.id / {PARTS}"  # noqa: S608 - our own names
            f" WHERE {condition}",
            values,
        )
        return [(path, (*symbol,)) for path, *symbol in rows]

    def unlinked(self, limit: int) -> list[tuple[str, bytes]]:
        """Some paths of files that are to be linked, with their heads."""
        return self._read(
            "SELECT path, head FROM file JOIN content ON content.id = content"
            " LEFT JOIN link ON source = file.id WHERE is_old IS NOT 0 LIMIT ?",
            (limit,),
        )

    def _read(self, query: str, values: Sequence[str | int | float | bytes] = ()) -> list[Any]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            raise StoreDamaged(str(error)) from error


def _by_path_and_line(found: tuple[str, SymbolRow]) -> tuple[str, int]:
    return found[0], found[1][4]


def _quoted(word: str) -> str:
    doubled = word.replace('"', '""')
    return f'"{doubled}"'


def checksum_of(*parts: bytes) -> int:
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return checksum
