"""A workspace as it stands when a fix is asked for: what is committed, what is not, and what is unsaved.

It is one copy, from which each run gets its own; the user's repository is read, and nothing is written
into it, no worktree and no lock either. What the working tree holds is what counts, byte by byte: line
ends, filters and submodules are as the user has them.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from lsp_server.agent.copies import Copies, copy_files, remove, size_of, write
from lsp_server.agent.listing import Listing, list_files

MAX_FILES = 200_000

_T = TypeVar("_T")


class SnapshotRefused(Exception):
    """No copy can be made; says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Unsaved:
    """An open document that differs from the disk; its text without a byte-order mark."""

    version: int
    text: str


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file that is not as committed. `version` is the document's, where it is unsaved."""

    path: str
    kind: Literal["dirty", "untracked", "unsaved"]
    version: int | None
    sha256: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`head` is the commit, empty without git; `missing` says in words what is not in the copy."""

    root: Path
    head: str
    paths: tuple[str, ...]
    changed: tuple[ChangedFile, ...]
    missing: tuple[str, ...]
    base: Path
    size_bytes: int
    _copies: Copies

    @classmethod
    async def take(
        cls, root: Path, unsaved: Mapping[str, Unsaved] | None = None, *, copies: Copies
    ) -> Snapshot:
        """`unsaved` is by path below the root. Raises `SnapshotRefused`."""
        return await _uninterrupted(lambda: _take(root, unsaved or {}, copies))

    def text(self, path: str) -> str | None:
        """A file's text as it was, without a byte-order mark; None where it is no text."""
        if path not in self.paths:
            return None
        place = self.base / path
        if place.is_symlink() or not place.is_file():
            return None
        try:
            return place.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError:
            return None

    @contextlib.asynccontextmanager
    async def copy(self, files: Mapping[str, str] | None = None) -> AsyncIterator[Path]:
        """A copy of its own with some files' texts in it, which is gone when the block is left.

        Raises `copies.PathRefused`, and OSError.
        """
        folder = await asyncio.to_thread(self._copies.new, self.size_bytes)
        try:
            await _uninterrupted(lambda: self._fill(folder, files or {}))
            yield folder
        finally:
            await _uninterrupted(lambda: remove(folder))

    def _fill(self, folder: Path, files: Mapping[str, str]) -> None:
        copy_files(self.base, self.paths, folder)
        for path, text in files.items():
            write(folder, path, text)


async def _uninterrupted(work: Callable[[], _T]) -> _T:
    """Does work in a thread, to its end also where it is cancelled: no thread writes behind it."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait((running,))
        raise


def _take(root: Path, unsaved: Mapping[str, Unsaved], copies: Copies) -> Snapshot:
    found = list_files(root)
    if len(found.paths) > MAX_FILES:
        raise SnapshotRefused(
            f"{root} holds more than {MAX_FILES} files; open the folder of the part that is to be "
            "fixed, or have git ignore what is made"
        )
    base = copies.new(size_of(root, found.paths))
    try:
        return _fill_base(root, unsaved, copies, found, base)
    except OSError as error:
        remove(base)
        raise SnapshotRefused(f"the workspace cannot be copied: {error}") from error
    except BaseException:
        remove(base)
        raise


def _fill_base(
    root: Path,
    unsaved: Mapping[str, Unsaved],
    copies: Copies,
    found: Listing,
    base: Path,
) -> Snapshot:
    gone = set(copy_files(root, found.paths, base))
    for path, document in unsaved.items():
        write(base, path, document.text)
        gone.discard(path)
    paths = sorted({*found.paths, *unsaved} - gone)
    kinds: dict[str, Literal["dirty", "untracked", "unsaved"]] = {
        **dict.fromkeys(found.untracked, "untracked"),
        **dict.fromkeys(found.dirty, "dirty"),
        **dict.fromkeys(unsaved, "unsaved"),
    }
    changed = tuple(
        ChangedFile(
            path,
            kind,
            unsaved[path].version if path in unsaved else None,
            _digest(base / path),
        )
        for path, kind in sorted(kinds.items())
        if path not in gone
    )
    return Snapshot(
        root, found.head, tuple(paths), changed, found.missing, base, size_of(base, paths), copies
    )


def _digest(file: Path) -> str:
    """Of the bytes, or of where a link leads; empty where there is nothing."""
    try:
        if file.is_symlink():
            return hashlib.sha256(bytes(file.readlink())).hexdigest()
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return ""
