"""What goes wrong around Sparrow in a soak, one thing at a time, drawn by a seed.

The wall clock itself is not moved: the machine's is everybody's, and Sparrow asks it for nothing but
what a trace says and how old an index is (`tests/test_architecture.py` holds that). What a jump
leaves behind is there: files whose times lie years ahead of or behind those that the index knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.endpoint import Endpoint
from lsp_server.bench.measure import CouldNotRun
from lsp_server.bench.soak_editor import Editor
from lsp_server.bench.soak_findings import UNREACHABLE
from lsp_server.bench.soak_processes import of_kind
from lsp_server.bench.soak_user import User
from lsp_server.bench.soak_workspace import BRANCHES, git, python_files

REACH_BOUND_S = 20.0  # until a host that has lost its socket can be reached again
_FULL_S = 2.0
_HANGING_S = 1.5
_YEAR_S = 365 * 24 * 3600
_PAUSE_S = (0.8, 2.5)


@dataclass(frozen=True, slots=True)
class Fault:
    """`spares` says that the server and the host live on."""

    name: str
    strike: Callable[[], Coroutine[Any, Any, None]]
    spares: bool = True


class Faults:
    """`disk` is the mount that all of the soak's files are on, where it has one of its own."""

    def __init__(
        self, editor: Editor, user: User, endpoint: Endpoint, disk: Path | None, seed: int
    ) -> None:
        self._editor = editor
        self._user = user
        self._endpoint = endpoint
        self._disk = disk
        self._chosen = random.Random(seed + 1)  # noqa: S311 - what goes wrong next
        self._all = [
            Fault("host killed", self._kill_host, spares=False),
            Fault("server killed", self._kill_server, spares=False),
            Fault("host hangs", self._hang_host),
            Fault("indexer killed", self._kill_indexer),
            Fault("reader killed", self._kill_readers),
            Fault("refactorer killed", self._kill_refactorer),
            Fault("socket vanishes", self._lose_socket),
            Fault("address file vanishes", self._lose_address),
            Fault("branch checked out", self._check_out),
            Fault("files vanish", self._lose_files),
            Fault("times jump", self._jump_times),
        ]
        if disk is not None:
            self._all.append(Fault("disk full", self._fill_disk))

    async def strike(self, until: asyncio.Event, sparing: asyncio.Event) -> None:
        """One fault after the other until the event; those alone that spare once that is set.

        Each comes once before any comes again, the others before those that spare.
        """
        deck: list[Fault] = []
        while not until.is_set():
            if not deck:
                drawn = self._chosen.sample(self._all, len(self._all))
                deck = sorted(drawn, key=lambda it: not it.spares)
            fault = deck.pop()
            if sparing.is_set() and not fault.spares:
                continue
            self._editor.findings.strike(fault.name)
            await fault.strike()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._chosen.uniform(*_PAUSE_S)):
                    await until.wait()

    async def _kill_host(self) -> None:
        self._kill("host")

    async def _kill_server(self) -> None:
        self._kill("server")

    async def _kill_indexer(self) -> None:
        self._kill("indexer")

    async def _kill_readers(self) -> None:
        self._kill("reader")

    async def _kill_refactorer(self) -> None:
        self._kill("refactorer")

    def _kill(self, kind: str, number: int = signal.SIGKILL) -> None:
        for pid in of_kind(self._endpoint.directory, kind):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    async def _hang_host(self) -> None:
        self._kill("host", signal.SIGSTOP)
        try:
            await asyncio.sleep(_HANGING_S)
        finally:
            self._kill("host", signal.SIGCONT)

    async def _lose_socket(self) -> None:
        self._endpoint.socket.unlink(missing_ok=True)
        await self._reach()

    async def _lose_address(self) -> None:
        self._endpoint.address_file.unlink(missing_ok=True)
        await self._reach()

    async def _reach(self) -> None:
        """Another window comes: it must find the host, where there is one."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REACH_BOUND_S):
                while of_kind(self._endpoint.directory, "host"):
                    if streams := await self._endpoint.connect():
                        streams[1].close()
                        return
                    await asyncio.sleep(0.1)
                return
        self._editor.findings.find(
            UNREACHABLE, f"a host without its socket, for {REACH_BOUND_S:g} s"
        )

    async def _check_out(self) -> None:
        folder, branch = self._editor.folder, self._chosen.choice(BRANCHES)
        with contextlib.suppress(CouldNotRun):  # a file is being saved
            await asyncio.to_thread(git, folder, "checkout", "--quiet", "--force", branch)
        self._user.files_changed()

    async def _lose_files(self) -> None:
        for file in self._chosen.sample(python_files(self._editor.folder), 10):
            file.unlink(missing_ok=True)
        self._user.files_changed()

    async def _jump_times(self) -> None:
        """Another program writes files while the clock is a year ahead, or behind."""
        for file in self._chosen.sample(python_files(self._editor.folder), 10):
            with contextlib.suppress(OSError):
                text = file.read_text(encoding="utf-8")
                file.write_text(f"{text}# written at another time\n", encoding="utf-8")
                moment = time.time() + self._chosen.choice((-_YEAR_S, _YEAR_S))
                os.utime(file, (moment, moment))
        self._user.files_changed()

    async def _fill_disk(self) -> None:
        assert self._disk is not None
        filler = self._disk / "filler"
        try:
            with filler.open("wb") as file:
                free = os.statvfs(self._disk).f_bavail * os.statvfs(self._disk).f_frsize
                with contextlib.suppress(OSError):  # somebody else was faster: it is full
                    os.posix_fallocate(file.fileno(), 0, max(free, 1))
            await asyncio.sleep(_FULL_S)
        finally:
            filler.unlink(missing_ok=True)
