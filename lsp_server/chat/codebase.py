"""The window's code as a chat names it: by paths, with the folder's name before them where there are several.

Nothing is read but what may be shown to a model: not what git ignores or what looks like secrets, and
nothing outside of the workspace's folders, whatever a mention or a model asks for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lsp_server.attention import Problem, UserActivity
from lsp_server.chat.transcript import ChatRefused
from lsp_server.workspace.disk import read_bytes
from lsp_server.workspace.documents import Documents, split_lines
from lsp_server.workspace.folders import Folders, path_of_uri
from lsp_server.workspace.live import Workspace
from lsp_server.workspace.snapshot import Snapshot, SymbolAt

MAX_READ_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """A file: its folder, its path there, and how it is called in the chat."""

    root: Path
    path: str
    name: str

    @property
    def uri(self) -> str:
        return (self.root / self.path).as_uri()


@dataclass(frozen=True, slots=True)
class FileText:
    """A file as it is now; `version` is that of the open document, None where it is not open."""

    place: Place
    lines: Sequence[str]
    version: int | None

    @property
    def language(self) -> str:
        from lsp_server.workspace.languages import detect_language

        return detect_language(self.place.path) or "plaintext"


class Codebase:
    """Of one window. What the index does not hold yet is read from the disk, in a thread."""

    def __init__(
        self, documents: Documents, folders: Folders, index: Workspace, activity: UserActivity
    ) -> None:
        self._documents = documents
        self._folders = folders
        self._index = index
        self._activity = activity

    @property
    def roots(self) -> Sequence[Path]:
        return self._folders.roots

    def snapshots(self, near: str | None = None) -> list[tuple[Path, Snapshot]]:
        """What is known of each folder; first the one that a document is in."""
        found = [(root, self._index.of_folder(root)) for root in self.roots]
        known = [(root, snapshot) for root, snapshot in found if snapshot is not None]
        own = self._folders.place_of(near) if near else None
        return sorted(known, key=lambda it: own is None or it[0] != own[0])

    def definitions_from(self, start: str, limit: int) -> list[tuple[Path, SymbolAt]]:
        """Definitions whose names start so, with the folders that they are in."""
        return [
            (root, it)
            for root in self.roots
            for it in self._index.definitions_from(root, start, limit)
        ][:limit]

    def place(self, root: Path, path: str) -> Place:
        return Place(root, path, f"{root.name}/{path}" if len(self.roots) > 1 else path)

    def place_of(self, uri: str) -> Place | None:
        """Where a file is; None outside of the workspace."""
        found = self._folders.place_of(uri)
        return self.place(*found) if found is not None else None

    def named(self, name: str) -> Place | None:
        """The place that a name means, as a model or a user writes it; there or not."""
        name = name.strip().replace("\\", "/").removeprefix("./")
        if not name or "\0" in name:
            return None
        if name.startswith("file:"):
            return self.place_of(name)
        for root in self.roots:
            inner = name.removeprefix(f"{root.name}/") if len(self.roots) > 1 else name
            if len(self.roots) > 1 and inner == name and not (root / name).exists():
                continue
            # An absolute path replaces the root; what leads out of it is no place of ours.
            found = path_of_uri((root / inner).absolute().as_uri())
            if found is not None and found.is_relative_to(root) and found != root:
                return self.place(root, found.relative_to(root).as_posix())
        return None

    def snapshot_of(self, place: Place) -> Snapshot | None:
        return self._index.of_folder(place.root)

    def refusal(self, uri: str) -> str:
        """Why a file must not be shown to a model, or nothing."""
        return self._folders.reading_refusal(uri)

    def edit_refusal(self, uri: str) -> str:
        return self._folders.edit_refusal(uri)

    async def read(self, place: Place) -> FileText:
        """The file as the user sees it. Raises `ChatRefused`, which says why it is not shown."""
        uri = place.uri
        if reason := self.refusal(uri):
            raise ChatRefused(f"{place.name} is not shown to a model: {reason}")
        document = self._documents.get(uri)
        if document is not None:
            if document.problem:
                raise ChatRefused(f"{place.name} is not shown to a model: {document.problem}")
            return FileText(place, tuple(document.lines), document.version)
        return FileText(place, await asyncio.to_thread(_read_lines, place), None)

    async def text_of(self, place: Place) -> FileText | None:
        """As `read`, but None for a file that is not there and may be made."""
        path = place.root / place.path
        if self._documents.get(place.uri) is None and not path.exists():
            return None
        return await self.read(place)

    def problems(self) -> Mapping[Place, tuple[Problem, ...]]:
        """What the editor's tools complain of, by file."""
        found = ((self.place_of(uri), it) for uri, it in self._activity.problems().items())
        return {place: problems for place, problems in found if place is not None}

    def open_versions(self, root: Path) -> tuple[tuple[str, int], ...]:
        """The open documents of a folder that may be shown, with their versions."""
        return tuple(
            (it.uri, it.version)
            for it in self._documents
            if not it.problem
            and not self._folders.exclusion(it)
            and (place := self._folders.place_of(it.uri)) is not None
            and place[0] == root
        )

    def open_lines(self, uri: str) -> Sequence[str]:
        document = self._documents.get(uri)
        return document.lines if document is not None else ()


def _read_lines(place: Place) -> Sequence[str]:
    path = place.root / place.path
    try:
        if path.stat().st_size > MAX_READ_BYTES:
            raise ChatRefused(
                f"{place.name} is not shown to a model: it is larger than 4 MiB",
                "Select the lines that matter.",
            )
        data = read_bytes(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ChatRefused(f"{place.name} cannot be read: {reason}") from error
    if b"\0" in data:
        raise ChatRefused(f"{place.name} is not shown to a model: it is no text")
    return tuple(split_lines(data.decode("utf-8", "replace").removeprefix("\ufeff")))
