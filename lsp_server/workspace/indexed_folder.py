"""One folder's index as the server holds it: its store, its paths and its open documents."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.workspace.disk import TextCache
from lsp_server.workspace.documents import Document, Edit
from lsp_server.workspace.folders import path_of_uri
from lsp_server.workspace.open_document import OpenDocument
from lsp_server.workspace.read import digest, language_of
from lsp_server.workspace.snapshot import ResolvedImport
from lsp_server.workspace.store_file import StoreDamaged
from lsp_server.workspace.store_reader import Link, StoreReader
from lsp_server.workspace.view import FolderView, SymbolCache, by_name

if TYPE_CHECKING:
    from lsp_server.workspace.parse import ParsedText

_PATHS_AT_ONCE = 2000  # are read in about a millisecond
_numbers = itertools.count(1)


class IndexedFolder:
    """`ask` sends a command to the process that indexes. On the loop alone."""

    def __init__(self, path: Path, store_file: Path, ask: Callable[..., None]) -> None:
        self.path = path
        self.store_file = store_file
        self.state = "waiting to be indexed"
        self.unwatched = ""  # why something in it is not watched
        self.is_current = False  # a first round is over
        self._ask = ask
        self._store: StoreReader | None = None
        self._paths: Sequence[str] = ()
        self._named: Mapping[str, Sequence[str]] = {}  # paths by the name of the file
        self.ranked: Sequence[str] = ()  # the files that matter most
        self._open: dict[str, OpenDocument] = {}
        self._places: dict[str, str] = {}  # paths of documents, by URI
        self._texts = TextCache()
        self._symbols: SymbolCache = OrderedDict()

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
        self._open.clear()

    def view(self) -> FolderView:
        return FolderView(
            path=self.path,
            store=self._store,
            paths=self._paths_with_open(),
            named=self._named,
            ranked=self.ranked,
            open_documents=self._open,
            texts=self._texts,
            symbols=self._symbols,
            resolve=self._resolve,
            on_damage=self._on_damage,
        )

    # The store.

    async def open_store(self) -> None:
        """Opens the store, where there is one, or opens it again after it was made anew."""
        if self._store is not None:
            self._store.close()
        self._store = StoreReader.open(self.store_file)
        if self._store is not None:
            self.state = "ready, being brought up to date"
        self._ask_imports_again()
        self._compare_with_disk()
        await self.load_paths()

    async def load_paths(self) -> None:
        """Reads the paths of all files, some at a time, so that the loop is not held up."""
        store = self._store
        paths: list[str] = []
        while store is not None and store is self._store:
            try:
                some = store.paths(paths[-1] if paths else "", _PATHS_AT_ONCE)
            except (StoreDamaged, sqlite3.DatabaseError):
                self._on_damage()
                return
            paths += some
            if len(some) < _PATHS_AT_ONCE:
                self._paths, self._named = tuple(paths), by_name(paths)
                return
            await asyncio.sleep(0)

    async def round_ended(self, *, moved: bool) -> None:
        """What the store holds is another; with `moved`, also which files there are."""
        if self._store is not None:
            self._store.forget_counts()
        if moved:
            await self.load_paths()
            self._ask_imports_again()
        self.is_current = True
        count = len(self._paths)
        self.state = f"{count:,} files" + (f"; {self.unwatched}" if self.unwatched else "")
        self._compare_with_disk()

    def _on_damage(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
            self.state = "damaged, being made anew"
            self._ask(do="renew", folder=str(self.path))

    # Open documents.

    def open(self, document: Document) -> OpenDocument | None:
        """Lays a document over the disk's state. Returns one that is to be parsed."""
        path = self._path_of(document.uri)
        known = self._open.get(path)
        if known is None or known.document is not document:
            language = language_of(path, "".join(document.lines[:200]).encode("utf-8", "replace"))
            known = self._open[path] = OpenDocument(document, path, language)
            known.is_as_on_disk = self._is_as_on_disk(known)
        return known if known.wants_parse() else None

    def edited(self, document: Document, edit: Edit | None) -> OpenDocument | None:
        """Returns the document if it is to be parsed."""
        known = self._open.get(self._path_of(document.uri))
        if known is None or known.document is not document:
            return None
        known.is_as_on_disk = False
        if edit is None or document.problem:
            known.replaced()
        else:
            known.edited(edit)
        return known if known.wants_parse() else None

    def closed(self, uri: str) -> None:
        self._open.pop(self._path_of(uri), None)
        self._places.pop(uri, None)

    def parsed_text(self, document: Document) -> ParsedText | None:
        """The document's text as it is now with its tree; None before it is parsed."""
        known = self._open.get(self._path_of(document.uri))
        return known.parsed_text() if known is not None and known.document is document else None

    def resolved(self, number: int, links: Iterable[Link]) -> None:
        """Takes the answer to what imports of an open document bind."""
        for document in self._open.values():
            if document.question == number:
                document.resolved = [ResolvedImport(*link) for link in links]

    def _ask_imports_again(self) -> None:
        """The answers may be others now, or who was asked has ended and will not answer."""
        for document in self._open.values():
            document.asked_imports = None

    def _resolve(self, document: OpenDocument) -> None:
        """Asks what the document's imports bind, where they are others than before."""
        imports = document.imports()
        if imports == document.asked_imports:
            return
        document.asked_imports = imports
        document.question = next(_numbers)
        self._ask(
            do="resolve",
            folder=str(self.path),
            number=document.question,
            path=document.path,
            language=document.language,
            imports=[
                (it.module, [(name.name, name.alias) for name in it.names], it.line)
                for it in imports
            ],
        )

    def _path_of(self, uri: str) -> str:
        place = self._places.get(uri)
        if place is None:
            path = path_of_uri(uri)
            place = path.relative_to(self.path).as_posix() if path is not None else ""
            self._places[uri] = place
        return place

    def _paths_with_open(self) -> Sequence[str]:
        new = [it.path for it in self._open.values() if it.is_new]
        if not new:
            return self._paths
        # To sort 20,000 paths at each key would take longer than all else that a key costs.
        paths = list(self._paths)
        for path in new:
            at = bisect_left(paths, path)
            if at == len(paths) or paths[at] != path:
                paths.insert(at, path)
        return paths

    def _compare_with_disk(self) -> None:
        for document in self._open.values():
            document.is_as_on_disk = self._is_as_on_disk(document)

    def _is_as_on_disk(self, document: OpenDocument) -> bool:
        try:
            held = self._store.digest(document.path) if self._store is not None else None
        except (StoreDamaged, sqlite3.DatabaseError):
            self._on_damage()
            held = None
        document.is_new = held is None
        return held is not None and held == document.digest(digest)
