"""The process that indexes: it reads and watches the folders of one window, and writes their stores.

It is a process of its own so that neither parsing nor a flood of changes on disk takes Python's lock
from the server's loop. The server speaks to it in lines of JSON (`indexer_client.py`) and reads the
stores by itself. What changes within `QUIET_S` is one round. When its input ends, it ends, and with
it the workers it has: nothing is left behind when the server is killed.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import sqlite3
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from lsp_server.workspace.build import FEW_FILES, Summary, build
from lsp_server.workspace.exclusions import Exclusions
from lsp_server.workspace.link import Links
from lsp_server.workspace.outline import Import, ImportedName
from lsp_server.workspace.ranking import rank
from lsp_server.workspace.store import Store
from lsp_server.workspace.store_file import StoreDamaged, delete_store, forget_old_stores
from lsp_server.workspace.user_excludes import user_excludes
from lsp_server.workspace.watch import Watch

logger = logging.getLogger(__name__)

MAX_WORKERS = 8
QUIET_S = 0.05
LONGEST_WAIT_S = 1.0  # while changes go on
RESCAN_S = 60.0  # where something cannot be watched
MAX_PLACES = 1000  # with more the whole folder is looked at
MAX_RANKED = 2000  # files whose rank is told
NICENESS = 10
_REPORT_S = 0.25
_END_TIMEOUT_S = 2.0


class _Ending(Exception):
    """There is nobody to index for any more."""


class _Removed(Exception):
    """The folder that is being indexed is none of the window's any more."""


@dataclass
class _Folder:
    """A workspace folder, and what of it is to be looked at, from when on."""

    path: Path
    store_file: Path
    exclusions: Exclusions
    store: Store | None = None
    links: Links | None = None
    watch: Watch | None = None
    problem: str = ""  # why something is not watched
    is_ranked: bool = False
    places: set[str] = field(default_factory=set[str])
    first_change: float = 0.0
    due: float | None = None


class Indexer:
    """`output` takes what is told to the server."""

    def __init__(self, output: BinaryIO, *, careful: bool) -> None:
        self._output = output
        # After a crash: whatever ended the process may do so again, and is left to workers.
        self._few_files = 0 if careful else FEW_FILES
        self._folders: dict[str, _Folder] = {}
        self._queue: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._put_off: deque[dict[str, Any] | None] = deque()  # came during a round
        self._changes = threading.Lock()
        self._last_report = 0.0
        self.ending = threading.Event()

    def post(self, command: dict[str, Any] | None) -> None:
        """From any thread: what is to be done, or None to look at what is due."""
        self._queue.put(command)

    def run(self) -> None:
        """Until `ending` is set."""
        try:
            while not self.ending.is_set():
                command = self._next()
                if command is not None:
                    self._do(command)
                for folder in self._due():
                    self._round(folder)
        except _Ending:
            pass
        finally:
            for folder in self._folders.values():
                _close(folder)

    def _next(self) -> dict[str, Any] | None:
        if self._put_off:
            return self._put_off.popleft()
        dues = [it.due for it in self._folders.values() if it.due is not None]
        timeout = max(0.0, min(dues) - time.monotonic()) if dues else None
        try:
            return self._queue.get(timeout=timeout)
        except queue.Empty:
            return None

    def _due(self) -> list[_Folder]:
        now = time.monotonic()
        return [it for it in self._folders.values() if it.due is not None and it.due <= now]

    def _do(self, command: dict[str, Any]) -> None:
        match command["do"]:
            case "folders":
                self._set_folders(command["folders"])
            case "look":
                folder = self._folders.get(command["folder"])
                if folder is not None:
                    self._changed(folder, command["place"])
            case "renew":
                folder = self._folders.get(command["folder"])
                if folder is not None:
                    _close_store(folder)
                    delete_store(folder.store_file)
                    self._changed(folder, "")
            case "resolve":
                self._resolve(command)

    def _set_folders(self, wanted: dict[str, str]) -> None:
        for gone in self._folders.keys() - wanted.keys():
            _close(self._folders.pop(gone))
        roots = [Path(path) for path in wanted]
        for path, store_file in wanted.items():
            if path not in self._folders:
                folder = _Folder(Path(path), Path(store_file), Exclusions(roots, user_excludes))
                self._folders[path] = folder
                folder.places.add("")
                folder.due = time.monotonic()

    def _changed(self, folder: _Folder, place: str) -> None:
        """From any thread: something changed at the place."""
        now = time.monotonic()
        with self._changes:
            if not folder.places:
                folder.first_change = now
            if len(folder.places) < MAX_PLACES:
                folder.places.add(place)
            else:
                folder.places = {""}
            due = min(now + QUIET_S, folder.first_change + LONGEST_WAIT_S)
            is_news = folder.due is None or due < folder.due
            folder.due = due
        if is_news:
            self.post(None)

    def _round(self, folder: _Folder) -> None:
        with self._changes:
            places, folder.places = folder.places or {""}, set()
            folder.due = None
        summary = Summary()
        try:
            summary = self._index(folder, places)
        except _Removed:
            return
        except OSError as error:
            # Such as a folder that is not there: what the store holds stays, until it is again.
            folder.problem = str(error)
            if folder.watch is not None:
                folder.watch.close()
                folder.watch = None
        with self._changes:
            if folder.problem and folder.due is None:
                folder.due = time.monotonic() + RESCAN_S
        self._tell(
            "round",
            folder,
            changed=len(summary.changed),
            moved=bool(summary.added or summary.removed),
            skipped=dict(summary.skipped),
            unwatched=folder.problem,
        )
        if folder.store is not None and (
            summary.changed or summary.removed or not folder.is_ranked
        ):
            self._rank(folder, folder.store)

    def _rank(self, folder: _Folder, store: Store) -> None:
        try:
            ranked = rank(store.import_graph())
        except (StoreDamaged, sqlite3.DatabaseError) as error:
            logger.warning("the files of %s are not ranked: %s", folder.path, error)
            return  # the next round finds out what is wrong
        folder.is_ranked = True
        self._tell("ranked", folder, paths=ranked[:MAX_RANKED])

    def _index(self, folder: _Folder, places: set[str]) -> Summary:
        """Raises OSError where the folder is not there, or the store cannot be written to."""
        for is_last_attempt in (False, True):
            try:
                if folder.store is None:
                    folder.store = Store.open(folder.store_file)
                    os.utime(folder.store_file)  # it is in use
                    forget_old_stores(folder.store_file.parent.parent)
                    if folder.store.drop_orphans():
                        places = {""}
                    folder.links = Links(folder.path, folder.store)
                    self._tell("opened", folder)
                return self._bring_up_to_date(folder, folder.store, places)
            except sqlite3.OperationalError as error:  # it is busy, or the disk is full
                _close_store(folder)
                raise OSError(f"{folder.store_file} cannot be used: {error}") from error
            except (StoreDamaged, sqlite3.DatabaseError) as error:
                _close_store(folder)
                if is_last_attempt:
                    raise OSError(f"{folder.store_file} cannot be used: {error}") from error
                logger.warning("the index of %s is made anew: %s", folder.path, error)
                delete_store(folder.store_file)
                places = {""}
        raise AssertionError("the second attempt returns or raises")

    def _bring_up_to_date(self, folder: _Folder, store: Store, places: set[str]) -> Summary:
        if folder.watch is None:
            folder.watch = Watch(
                folder.path, folder.exclusions, lambda place: self._changed(folder, place)
            )
            places = {""}
        if any("/" not in place for place in places):
            folder.problem = folder.watch.refresh()  # before the look, so that nothing is missed
        summary = build(
            folder.path,
            store,
            folder.exclusions,
            workers=min(MAX_WORKERS, os.cpu_count() or 1),
            places=places,
            few_files=self._few_files,
            report=lambda done, all_: self._report(folder, done, all_),
        )
        assert folder.links is not None
        folder.links.update(summary)
        return summary

    def _report(self, folder: _Folder, done: int, all_: int) -> None:
        if self.ending.is_set():
            raise _Ending
        while not self._queue.empty():
            command = self._queue.get()
            self._put_off.append(command)
            if (
                command
                and command["do"] == "folders"
                and str(folder.path) not in command["folders"]
            ):
                raise _Removed
        now = time.monotonic()
        if all_ > FEW_FILES and (now - self._last_report > _REPORT_S or done in (0, all_)):
            self._last_report = now
            self._tell("progress", folder, done=done, all=all_)

    def _resolve(self, command: dict[str, Any]) -> None:
        folder = self._folders.get(command["folder"])
        found: list[Any] = []
        if folder is not None and folder.links is not None:
            imports = [
                Import(module, tuple(ImportedName(*name) for name in names), line)
                for module, names, line in command["imports"]
            ]
            links = folder.links.resolve(command["path"], command["language"], imports)
            found = [(it.alias, it.name, it.target) for it in links]
        self._say({"tell": "resolved", "number": command["number"], "links": found})

    def _tell(self, what: str, folder: _Folder, **more: Any) -> None:
        self._say({"tell": what, "folder": str(folder.path), **more})

    def _say(self, message: dict[str, Any]) -> None:
        try:
            self._output.write(json.dumps(message).encode() + b"\n")
            self._output.flush()
        except OSError as error:
            raise _Ending from error


def _close(folder: _Folder) -> None:
    if folder.watch is not None:
        folder.watch.close()
    _close_store(folder)


def _close_store(folder: _Folder) -> None:
    if folder.store is not None:
        folder.store.close()
    folder.store = folder.links = None


def _listen(indexer: Indexer, source: BinaryIO) -> None:
    """Takes commands until there are no more; then the process ends, whatever it is doing."""
    for line in source:
        indexer.post(json.loads(line))
    indexer.ending.set()
    indexer.post(None)
    time.sleep(_END_TIMEOUT_S)
    os._exit(1)


def main() -> None:
    logging.basicConfig(
        level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends when its input does
    if hasattr(os, "nice"):
        os.nice(max(0, NICENESS - os.nice(0)))
    commands = os.fdopen(os.dup(0), "rb")
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what prints goes to the log
    indexer = Indexer(output, careful="--careful" in sys.argv)
    threading.Thread(target=_listen, args=(indexer, commands), daemon=True).start()
    indexer.run()


if __name__ == "__main__":
    main()
