"""All files of the window's folders, for a model that is shown whole repositories.

They are read in a thread, once and then as they change, and stand ready in memory: what a model is
shown is put together on the loop, where nothing is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lsp_server.context.chunks import cut
from lsp_server.context.layout import ContextFile
from lsp_server.context.whole_repository import Repository, belongs
from lsp_server.workspace.disk import read_bytes
from lsp_server.workspace.documents import Document, split_lines
from lsp_server.workspace.live import Workspace

MAX_CHARACTERS = 16 * 1024 * 1024  # of one folder: four times what a million tokens hold


@dataclass(slots=True)
class _Folder:
    held: Repository = field(default_factory=lambda: Repository(()))
    states: dict[str, tuple[int, int, ContextFile | None]] = field(default_factory=dict)
    is_outdated: bool = True
    reading: asyncio.Task[None] | None = None


class RepositoryReader:
    """`is_wanted` says whether whole repositories are shown, `on_read` is called on the loop."""

    def __init__(
        self, index: Workspace, is_wanted: Callable[[], bool], on_read: Callable[[], None]
    ) -> None:
        self._index = index
        self._is_wanted = is_wanted
        self._on_read = on_read
        self._folders: dict[Path, _Folder] = {}
        index.on_change(self._outdate)

    def of(self, document: Document) -> Repository | None:
        """The files of the document's folder as they were read last, none before the first time."""
        root = self._index.folder_of(document.uri) if self._is_wanted() else None
        return self._bring_up_to_date(root).held if root is not None else None

    async def read(self, root: Path) -> Repository:
        """The files of one of the window's folders as they are; waits until they are read."""
        folder = self._bring_up_to_date(root)
        while folder.reading is not None:
            await asyncio.wait([folder.reading])
        return folder.held

    def _bring_up_to_date(self, root: Path) -> _Folder:
        """Has what may have changed read again, where it is not being read yet."""
        folder = self._folders.setdefault(root, _Folder())
        if folder.is_outdated and folder.reading is None:
            snapshot = self._index.of_folder(root)
            if snapshot is not None:
                folder.is_outdated = False
                paths, ranked = snapshot.paths(), snapshot.ranked()
                folder.reading = asyncio.create_task(self._read(root, folder, paths, ranked))
        return folder

    async def close(self) -> None:
        tasks = [it.reading for it in self._folders.values() if it.reading is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _outdate(self, root: Path) -> None:
        if root in self._folders:
            self._folders[root].is_outdated = True

    async def _read(
        self, root: Path, folder: _Folder, paths: Sequence[str], ranked: Sequence[str]
    ) -> None:
        try:
            files = await asyncio.to_thread(_read_files, root, paths, folder.states)
        finally:
            folder.reading = None
        repository = Repository(tuple(files), tuple(ranked))
        if repository != folder.held:
            folder.held = repository
            self._on_read()


def _read_files(
    root: Path, paths: Sequence[str], states: dict[str, tuple[int, int, ContextFile | None]]
) -> list[ContextFile]:
    """The files that belong to a repository, by path; those that have not changed are not read."""
    for gone in states.keys() - set(paths):
        del states[gone]
    files = []
    left = MAX_CHARACTERS
    for path in sorted(paths):
        file = _read_file(root, path, states)
        if file is not None and file.characters <= left:
            left -= file.characters
            files.append(file)
    return files


def _read_file(
    root: Path, path: str, states: dict[str, tuple[int, int, ContextFile | None]]
) -> ContextFile | None:
    try:
        status = (root / path).lstat()
        state = (status.st_mtime_ns, status.st_size)
        known = states.get(path)
        if known is not None and known[:2] == state:
            return known[2]
        data = read_bytes(root / path)
    except OSError:  # gone meanwhile: the next round will tell
        return None
    text = "" if b"\0" in data else data.decode("utf-8", "replace").removeprefix("\ufeff")
    found = None
    if belongs(path, len(text)):
        found = ContextFile(path, tuple(cut(split_lines(text))))
    states[path] = (*state, found)
    return found
