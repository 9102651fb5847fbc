"""The snapshot of a folder: what its store holds, and over it the documents that are open.

It answers for the moment in which it is asked: the loop takes a new one for each piece of work and
asks it before it lets go. Nothing is parsed here but what was edited in open documents. A store that
turns out to be damaged, or is written anew, has no answers.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Self, TypeVar

from lsp_server.workspace.disk import TextCache
from lsp_server.workspace.open_document import OpenDocument
from lsp_server.workspace.outline import Outline, Symbol
from lsp_server.workspace.outline_codec import unpack_outline, unpack_symbol
from lsp_server.workspace.ranking import rank
from lsp_server.workspace.search import MAX_QUERY_WORDS, Search
from lsp_server.workspace.snapshot import ReferenceAt, ResolvedImport, SymbolAt, TextMatch
from lsp_server.workspace.store_file import StoreDamaged
from lsp_server.workspace.store_reader import WINDOW_LINES, StoreReader

logger = logging.getLogger(__name__)

# What keeps each answer within its time; see `sparrow bench index`.
MAX_DEFINITIONS = 60
MAX_FILES = 60  # that are looked at for references
MAX_ROWS = 1_500  # of the full text that are ranked

MAX_HELD_FILES = 200  # whose symbols are held; of a thousand lines they take about 50 kB

SymbolCache = OrderedDict[bytes, Sequence[Symbol]]
ResultT = TypeVar("ResultT")


class FolderView:
    """Implements `Snapshot`. `open_documents` are all that are open in the folder, by path.

    `resolve` has it found out what a document's imports bind: the answer is of the last time.
    """

    def __init__(
        self,
        *,
        path: Path,
        store: StoreReader | None,
        paths: Sequence[str],
        named: Mapping[str, Sequence[str]],
        ranked: Sequence[str],
        open_documents: Mapping[str, OpenDocument],
        texts: TextCache,
        symbols: SymbolCache,
        resolve: Callable[[OpenDocument], None],
        on_damage: Callable[[], None],
    ) -> None:
        self._folder = path
        self._store = store
        self._paths = paths
        self._named = named
        self._ranked = ranked
        self._open = open_documents
        self._over = {path: it for path, it in open_documents.items() if it.lies_over}
        self._texts = texts
        self._symbols = symbols
        self._resolve = resolve
        self._on_damage = on_damage

    @classmethod
    def alone(cls, path: Path, store: StoreReader) -> Self:
        """Of a folder in which no document is open."""
        paths = store.paths()
        return cls(
            path=path,
            store=store,
            paths=paths,
            named=by_name(paths),
            ranked=rank(store.import_graph()),
            open_documents={},
            texts=TextCache(),
            symbols=OrderedDict(),
            resolve=lambda _: None,
            on_damage=lambda: None,
        )

    def paths(self) -> Sequence[str]:
        """All files, sorted."""
        return self._paths

    def named(self, name: str) -> Sequence[str]:
        return self._named.get(name, ())

    def ranked(self) -> Sequence[str]:
        return self._ranked

    def lines(self, path: str) -> Sequence[str]:
        """The file's text as it is now, with line endings."""
        document = self._open.get(path)
        if document is not None and not document.document.problem:
            return tuple(document.document.lines)
        if self._store is None or self._ask(lambda it: it.digest(path)) is None:
            return ()
        return self._texts.lines(self._folder / path)

    def symbols(self, path: str) -> Sequence[Symbol]:
        if path in self._over:
            return self._over[path].symbols()
        return self._ask(lambda it: self._read_symbols(it, path)) or ()

    def _read_symbols(self, store: StoreReader, path: str) -> Sequence[Symbol]:
        """Of files that were asked for lately, from memory: a name of a content is never another's."""
        digest = store.digest(path)
        if digest is None:
            return ()
        held = self._symbols.pop(digest, None)
        if held is None:
            held = tuple(map(unpack_symbol, store.symbols(path)))
        self._symbols[digest] = held
        if len(self._symbols) > MAX_HELD_FILES:
            self._symbols.popitem(last=False)
        return held

    def outline(self, path: str) -> Outline | None:
        if path in self._over:
            return self._over[path].outline()
        packed = self._ask(lambda it: it.outline(path))
        return self._ask(lambda _: unpack_outline(packed)) if packed is not None else None

    def definitions(self, name: str) -> Sequence[SymbolAt]:
        found = self._ask(lambda it: Search(it).symbols(name, MAX_DEFINITIONS)) or []
        if self._over:
            found = [it for it in found if it.path not in self._over]
            for path, document in self._over.items():
                found += (SymbolAt(path, symbol) for symbol in document.definitions(name))
            found.sort(key=lambda it: (it.path, it.symbol.name_line))
        return found

    def definitions_from(self, start: str, limit: int) -> Sequence[SymbolAt]:
        """Definitions whose names start so, whatever their letters' case; shorter names first."""
        found = self._ask(lambda it: Search(it).symbols(start, limit, prefix=True)) or []
        if self._over and start:
            found = [it for it in found if it.path not in self._over]
            for path, document in self._over.items():
                found += (
                    SymbolAt(path, it)
                    for it in document.symbols()
                    if it.name.lower().startswith(start.lower())
                )
            found.sort(key=lambda it: (len(it.symbol.name), it.symbol.name, it.path))
        return found[:limit]

    def references(self, name: str, limit: int = 200) -> Sequence[ReferenceAt]:
        found = self._ask(lambda it: Search(it).references(name, limit, max_files=MAX_FILES)) or []
        if self._over:
            found = [it for it in found if it.path not in self._over]
            for path, document in self._over.items():
                found += (ReferenceAt(path, it) for it in document.references(name))
            found.sort(key=lambda it: (it.path, it.reference.line, it.reference.column))
        return found[:limit]

    def naming(self, name: str, limit: int) -> Sequence[str]:
        """Files in which the name stands, in code or not, or might (letters' case aside), sorted."""
        found = set(self._ask(lambda it: it.paths_naming(name, limit)) or ()) - self._over.keys()
        found.update(path for path, it in self._over.items() if name in it.document.text)
        return sorted(found)[:limit]

    def imports(self, path: str) -> Sequence[ResolvedImport]:
        over = self._over.get(path)
        if over is not None:
            self._resolve(over)
            if over.resolved is not None:
                return over.resolved
        return [ResolvedImport(*link) for link in self._ask(lambda it: it.links(path)) or ()]

    def importers(self, path: str) -> Sequence[str]:
        found = set(self._ask(lambda it: it.importers(path)) or ())
        for own, document in self._over.items():
            if document.resolved is not None:
                found.discard(own)
                if any(it.target == path for it in document.resolved):
                    found.add(own)
        return sorted(found)

    def search_text(self, words: Sequence[str], limit: int) -> Sequence[TextMatch]:
        """Best first, by BM25 over code-aware words (see `words.py`)."""
        wanted = list(dict.fromkeys(word.lower() for word in words))[:MAX_QUERY_WORDS]
        found = (
            self._ask(lambda it: it.search(wanted, limit, without=self._over, max_rows=MAX_ROWS))
            or []
        )
        if self._over:
            weights = self._ask(lambda it: it.weights(it.rarest(wanted, MAX_ROWS)))
            weights = weights or dict.fromkeys(wanted, 1.0)
            for document in self._over.values():
                found += document.search(weights, WINDOW_LINES)
            found.sort(key=attrgetter("path", "start_line"))
            found.sort(key=attrgetter("score"), reverse=True)
        return found[:limit]

    def _ask(self, read: Callable[[StoreReader], ResultT]) -> ResultT | None:
        """The store's answer, or None where there is none."""
        if self._store is None:
            return None
        try:
            return read(self._store)
        except (StoreDamaged, sqlite3.DatabaseError, ValueError) as error:
            logger.warning("the index of %s does not answer: %s", self._folder, error)
            self._store = None
            self._on_damage()
            return None


def by_name(paths: Iterable[str]) -> dict[str, list[str]]:
    """Paths by the names of their files."""
    named: dict[str, list[str]] = {}
    for path in paths:
        named.setdefault(path.rpartition("/")[2], []).append(path)
    return named
