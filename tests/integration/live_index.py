"""A live index in the test's own process, with the real process that indexes and a real watcher."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from lsp_server.workspace.build import build
from lsp_server.workspace.documents import Document, Documents, Edit
from lsp_server.workspace.exclusions import Exclusions
from lsp_server.workspace.folders import Folders, path_of_uri
from lsp_server.workspace.link import Links
from lsp_server.workspace.live import Workspace
from lsp_server.workspace.snapshot import Snapshot
from lsp_server.workspace.store import Store
from lsp_server.workspace.view import FolderView

PATIENCE_S = 30.0  # a bound for machines under load


@dataclass
class Live:
    """A window on some folders."""

    index: Workspace
    documents: Documents
    folders: Folders
    folder: Path
    logged: list[str] = field(default_factory=list)

    @property
    def snapshot(self) -> Snapshot:
        found = self.index.snapshot((self.folder / "any.py").as_uri())
        assert found is not None
        return found

    def defined(self, name: str) -> list[str]:
        return [it.path for it in self.snapshot.definitions(name)]

    def open(self, name: str, text: str) -> Document:
        document = self.documents.open((self.folder / name).as_uri(), "python", 1, text)
        self.index.opened(document)
        return document

    def edit(self, document: Document, edit: Edit) -> None:
        document.apply(edit)
        document.version += 1
        self.index.edited(document, edit)

    def close(self, document: Document) -> None:
        self.documents.close(document.uri)
        self.index.closed(document.uri)

    async def until(self, holds: Callable[[], bool], what: str = "it") -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, f"{what} did not come about: {self.index.states()}"
            await asyncio.sleep(0.005)

    async def until_current(self) -> None:
        await self.until(lambda: self.index.is_current(self.folder), "a first round")


@contextlib.asynccontextmanager
async def live_index(*roots: Path) -> AsyncIterator[Live]:
    """The index of these folders; the first is the one that is asked. Nothing is left behind."""
    documents, folders, logged = Documents(), Folders(), list[str]()
    index = Workspace(documents, folders.exclusion, log=logged.append)
    uris = [root.as_uri() for root in roots]
    folders.set_roots(uris)
    index.set_roots(uris)
    index.start()
    live = Live(index, documents, folders, roots[0], logged)
    try:
        await live.until(lambda: index.indexer_pid is not None, "the indexer")
        yield live
    finally:
        pid = index.indexer_pid
        await index.close()
        assert pid is None or not _runs(pid)


def _runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


Facts = dict[str, object]


def facts(snapshot: Snapshot, names: list[str]) -> Facts:
    """What a snapshot says of everything, but for scores."""
    return {
        "paths": list(snapshot.paths()),
        "symbols": {path: list(snapshot.symbols(path)) for path in snapshot.paths()},
        "imports": {path: sorted(map(str, snapshot.imports(path))) for path in snapshot.paths()},
        "importers": {path: list(snapshot.importers(path)) for path in snapshot.paths()},
        "definitions": {name: list(snapshot.definitions(name)) for name in names},
        "references": {name: list(snapshot.references(name)) for name in names},
        "named": {path: list(snapshot.named(path.rpartition("/")[2])) for path in snapshot.paths()},
        "lines": {path: "".join(snapshot.lines(path)) for path in snapshot.paths()},
        "found": {
            name: sorted({(it.path, it.start_line) for it in snapshot.search_text([name], 1000)})
            for name in names
        },
    }


def rebuilt(live: Live, scratch: Path, names: list[str]) -> Facts:
    """The facts of an index that is made anew, of the disk with the open documents laid over it."""
    shutil.rmtree(scratch, ignore_errors=True)
    copy = scratch / "copy"
    shutil.copytree(live.folder, copy, symlinks=True)
    for document in live.documents:
        path = path_of_uri(document.uri)
        if path is not None and not live.folders.exclusion(document):
            place = copy / path.relative_to(live.folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(document.text)
    store = Store.open(scratch / "store.sqlite")
    summary = build(copy, store, Exclusions([copy]), workers=1, few_files=10_000)
    Links(copy, store).update(summary)
    view = FolderView.alone(copy, store)
    found = facts(view, names)
    store.close()
    return found


def wait_for_no_processes(cache: Path) -> None:
    """Of those that were started with that cache folder; they end a moment after what they serve."""
    deadline = time.monotonic() + PATIENCE_S
    while left := processes_of(cache):
        assert time.monotonic() < deadline, f"{left} are left behind"
        os.sched_yield()


def processes_of(cache: Path) -> list[int]:
    """The processes that were started with that cache folder, but for this one."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(cache).encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
    return sorted(set(found) - {os.getpid()})
