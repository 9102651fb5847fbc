"""The index of the window's folders, as the server holds it: kept up to date, asked on the loop.

A process of its own reads and watches the folders (`indexer.py`); here their stores are asked, and
the open documents laid over them. Nothing is imported, started or opened before `start`.

For who uses it: `snapshot(uri)` is what is known of the folder that a document is in, to be taken
anew for each piece of work; `on_change` names who is told when something on disk has changed.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lsp_server.workspace.documents import Document, Documents, Edit
from lsp_server.workspace.folders import path_of_uri
from lsp_server.workspace.snapshot import Snapshot, SymbolAt

if TYPE_CHECKING:
    from lsp_server.workspace.indexed_folder import IndexedFolder
    from lsp_server.workspace.indexer_client import IndexerClient
    from lsp_server.workspace.open_document import OpenDocument
    from lsp_server.workspace.parse import ParsedText


_path_of = lru_cache(1024)(path_of_uri)  # at each key


class Progress(Protocol):
    """A progress bar in the editor."""

    def begin(self, title: str) -> None: ...
    def report(self, message: str, percentage: int | None) -> None: ...
    def end(self, message: str) -> None: ...


class Workspace:
    """All folders of one window. `exclusion` says why a document must not be shown to a model."""

    def __init__(
        self,
        documents: Documents,
        exclusion: Callable[[Document], str],
        *,
        log: Callable[[str], None],
        on_state: Callable[[], None] = lambda: None,
        new_progress: Callable[[], Progress | None] = lambda: None,
    ) -> None:
        self._documents = documents
        self._exclusion = exclusion
        self._log = log
        self._on_state = on_state
        self._new_progress = new_progress
        self._roots: list[Path] = []
        self._folders: dict[Path, IndexedFolder] = {}
        self._client: IndexerClient | None = None
        self._is_enabled = True
        self._is_started = False
        self._listeners: list[Callable[[Path], None]] = []
        self._parsing = ThreadPoolExecutor(1, "parse")
        self._tasks: set[asyncio.Task[None]] = set()
        self._progresses: dict[Path, Progress] = {}
        self._told: set[str] = set()

    def on_change(self, listener: Callable[[Path], None]) -> None:
        """`listener` is called on the loop, with the folder, when more or other of it is known.

        That is when its store was opened, and after each round of indexing that changed it.
        """
        self._listeners.append(listener)

    def set_roots(self, uris: Iterable[str]) -> None:
        """The window's folders, also while it runs."""
        paths = map(_path_of, uris)
        self._roots = list(dict.fromkeys(path for path in paths if path is not None))
        self._update()

    def enable(self, *, is_enabled: bool) -> None:
        self._is_enabled = is_enabled
        self._update()

    def start(self) -> None:
        """From here on there is an index: at once where one was made before. On the loop."""
        self._run(self._start())

    async def _start(self) -> None:
        # What is imported here is large, and the loop has an editor to answer meanwhile.
        await asyncio.get_running_loop().run_in_executor(self._parsing, _import_parts)
        self._is_started = True
        self._update()

    async def close(self) -> None:
        """Ends what was started; the index stays on disk."""
        self._is_started = False
        self._parsing.shutdown(wait=False, cancel_futures=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.close()
            self._client = None
        self._close_folders(self._folders.keys())

    def snapshot(self, uri: str) -> Snapshot | None:
        """What is known of the innermost folder that the document is in, at this moment."""
        folder = self._folder_of(_path_of(uri))
        return folder.view() if folder is not None else None

    def parsed_text(self, document: Document) -> ParsedText | None:
        """An open document's text as it is now, with its tree; None before it was parsed first."""
        folder = self._folder_of(_path_of(document.uri))
        return folder.parsed_text(document) if folder is not None else None

    def folder_of(self, uri: str) -> Path | None:
        """The innermost folder that the document is in."""
        folder = self._folder_of(path_of_uri(uri))
        return folder.path if folder is not None else None

    def files_naming(self, uri: str, name: str, limit: int) -> Sequence[str]:
        """Files of the folder that a document is in, in which a name stands or might; sorted."""
        folder = self._folder_of(_path_of(uri))
        return folder.view().naming(name, limit) if folder is not None else ()

    def definitions_from(self, folder: Path, start: str, limit: int) -> Sequence[SymbolAt]:
        """Definitions in a folder whose names start so; see `FolderView.definitions_from`."""
        held = self._folders.get(folder)
        return held.view().definitions_from(start, limit) if held is not None else ()

    def of_folder(self, folder: Path) -> Snapshot | None:
        """What is known of one of the window's folders, at this moment."""
        held = self._folders.get(folder)
        return held.view() if held is not None else None

    def states(self) -> dict[Path, str]:
        """How it is with each folder's index, in words."""
        return {path: folder.state for path, folder in self._folders.items()}

    def is_current(self, folder: Path) -> bool:
        """Whether what the folder held when it was first looked at is all in the index."""
        return folder in self._folders and self._folders[folder].is_current

    @property
    def indexer_pid(self) -> int | None:
        return self._client.pid if self._client is not None else None

    async def until_parsed(self) -> None:
        """Until open documents have been parsed, as far as they are to be, and the like."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    # What the editor tells.

    def opened(self, document: Document) -> None:
        folder = self._folder_of(_path_of(document.uri))
        if folder is None or self._exclusion(document):
            return
        self._parse(folder.open(document))

    def edited(self, document: Document, edit: Edit | None) -> None:
        """The document was edited, or without an edit replaced as a whole."""
        folder = self._folder_of(_path_of(document.uri))
        if folder is not None:
            self._parse(folder.edited(document, edit))

    def closed(self, uri: str) -> None:
        folder = self._folder_of(_path_of(uri))
        if folder is not None:
            folder.closed(uri)

    def saved(self, uri: str) -> None:
        """What is excluded may be another by now, and what is not watched may have changed."""
        for each in self._folders.values():
            self._reopen(each)
        path = _path_of(uri)
        folder = self._folder_of(path)
        if folder is not None and path is not None and self._client is not None:
            place = "" if folder.unwatched else path.relative_to(folder.path).as_posix()
            self._client.send(do="look", folder=str(folder.path), place=place)

    # What follows.

    def _update(self) -> None:
        """Has an index of each folder that should have one, and no other."""
        if not self._is_started:
            return
        from lsp_server.workspace.indexed_folder import IndexedFolder
        from lsp_server.workspace.indexer_client import IndexerClient
        from lsp_server.workspace.store_file import cache_folder, store_file

        wanted = self._roots if self._is_enabled else []
        self._close_folders(self._folders.keys() - set(wanted))
        cache = cache_folder()
        for path in wanted:
            if path not in self._folders:
                folder = IndexedFolder(path, store_file(cache, path), self._ask)
                self._folders[path] = folder
                self._run(self._open_store(folder))
                self._reopen(folder)
        if self._client is None and wanted:
            self._client = IndexerClient(self._on_message)
        if self._client is not None:
            self._client.set_folders({it.path: it.store_file for it in self._folders.values()})
        self._on_state()

    def _reopen(self, folder: IndexedFolder) -> None:
        """Has the folder's view show the documents that may be shown, and no others."""
        for document in self._documents:
            if self._folder_of(_path_of(document.uri)) is not folder:
                continue
            if self._exclusion(document):
                folder.closed(document.uri)
            else:
                self._parse(folder.open(document))

    def _close_folders(self, paths: Iterable[Path]) -> None:
        for path in list(paths):
            self._folders.pop(path).close()
            if progress := self._progresses.pop(path, None):
                progress.end("the folder was removed")

    def _folder_of(self, path: Path | None) -> IndexedFolder | None:
        if path is None:
            return None
        found = (self._folders.get(above) for above in path.parents)
        return next((folder for folder in found if folder is not None), None)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _parse(self, document: OpenDocument | None) -> None:
        if document is not None:
            self._run(document.parse(self._parsing))

    def _ask(self, **command: Any) -> None:
        if self._client is not None:
            self._client.send(**command)

    def _on_message(self, message: dict[str, Any]) -> None:
        if message["tell"] == "resolved":
            for each in self._folders.values():
                each.resolved(message["number"], message["links"])
            return
        path = Path(message["folder"])
        folder = self._folders.get(path)
        if folder is None:
            return
        match message["tell"]:
            case "opened":
                self._run(self._open_store(folder))
            case "progress":
                self._on_progress(folder, message["done"], message["all"])
            case "ranked":
                folder.ranked = message["paths"]
            case "round":
                self._run(self._on_round(folder, message))

    def _on_progress(self, folder: IndexedFolder, done: int, all_: int) -> None:
        folder.state = f"indexing, {done:,} of {all_:,} files"
        progress = self._progresses.get(folder.path)
        if progress is None and done < all_:
            progress = self._new_progress()
            if progress is None:
                return
            self._progresses[folder.path] = progress
            progress.begin(f"Sparrow: indexing {folder.path.name}")
        if progress is not None:
            progress.report(f"{done:,} of {all_:,} files", 100 * done // max(all_, 1))

    async def _on_round(self, folder: IndexedFolder, message: dict[str, Any]) -> None:
        if progress := self._progresses.pop(folder.path, None):
            progress.end("done")
        folder.unwatched = message["unwatched"]
        if folder.unwatched and folder.unwatched not in self._told:
            self._told.add(folder.unwatched)
            self._log(
                f"{folder.unwatched}; changes there are seen when a file is saved, and each minute"
            )
        await folder.round_ended(moved=message["moved"])
        self._on_state()
        if message["changed"] or message["moved"]:
            self._tell_change(folder)

    async def _open_store(self, folder: IndexedFolder) -> None:
        await folder.open_store()
        self._on_state()
        self._tell_change(folder)

    def _tell_change(self, folder: IndexedFolder) -> None:
        for listener in self._listeners:
            listener(folder.path)


def _import_parts() -> None:
    importlib.import_module("lsp_server.workspace.indexed_folder")
    importlib.import_module("lsp_server.workspace.indexer_client")
    importlib.import_module("lsp_server.workspace.store_file")
