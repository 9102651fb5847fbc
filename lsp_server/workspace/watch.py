"""Tells which places of a folder changed on disk. Runs in the indexer's process.

The folder is watched itself, and each folder in it that is not left out with all below it, so that
what git ignores at the top (packages, build output) costs no watches. What lies in folders that are
left out further below is dropped here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from lsp_server.workspace.exclusions import IGNORE_FILES, Exclusions

if TYPE_CHECKING:
    from watchdog.observers.api import ObservedWatch


_EVENTS: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]
_MAX_WATCHED_APART = 64  # each has a thread; with more folders at the top all is watched at once
_KNOWN_FOLDERS = 10_000


class Watch(FileSystemEventHandler):
    """Of one folder. `tell` is called in a thread of watchdog's, with paths below the folder."""

    def __init__(self, folder: Path, exclusions: Exclusions, tell: Callable[[str], None]) -> None:
        self._folder = folder
        self._exclusions = exclusions
        self._tell = tell
        self._observer = Observer()
        self._watches: dict[str, ObservedWatch] = {}
        self._is_left_out = lru_cache(_KNOWN_FOLDERS)(self._look_up)
        self._observer.start()

    def refresh(self) -> str:
        """Watches what is there now; says why something is not watched, or nothing."""
        self._is_left_out.cache_clear()
        problem = ""
        wanted = self._find_tops()
        if len(wanted) > _MAX_WATCHED_APART:
            wanted = {""}
        for gone in self._watches.keys() - wanted:
            self._observer.unschedule(self._watches.pop(gone))
        for top in sorted(wanted - self._watches.keys()):
            recursive = bool(top) or len(wanted) == 1
            try:
                self._watches[top] = self._observer.schedule(
                    self, str(self._folder / top), recursive=recursive, event_filter=_EVENTS
                )
            except OSError as error:
                problem = f"{self._folder / top} cannot be watched ({error.strerror or error})"
        return problem

    def close(self) -> None:
        self._observer.stop()

    def on_any_event(self, event: FileSystemEvent) -> None:
        for path in (event.src_path, event.dest_path):
            if path and (place := self._place(os.fsdecode(path))) is not None:
                self._tell(place)

    def _place(self, path: str) -> str | None:
        """What is to be looked at, below the folder."""
        try:
            path.encode()
            below = Path(path).relative_to(self._folder)
        except ValueError:  # no name that a model could be told, or somewhere else
            return None
        *above, name = below.parts or ("",)
        if self._is_left_out("/".join(above)):
            return None
        if any(name in names for names in IGNORE_FILES):
            self._is_left_out.cache_clear()
            return "/".join(above)
        return below.as_posix() if name else ""

    def _look_up(self, place: str) -> bool:
        return self._exclusions.folder(self._folder / place) is None

    def _find_tops(self) -> set[str]:
        """The folder itself, as the empty name, and those in it that are to be watched."""
        tops = {""}
        rules = self._exclusions.folder(self._folder)
        try:
            with os.scandir(self._folder) as entries:
                found = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            found = []
        if rules is not None:
            tops.update(name for name in found if not rules.reason(name, is_folder=True))
        return tops
