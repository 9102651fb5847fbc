"""The server's end of the process that refactors: one job at a time, none for longer than it may.

The process is started by the first job, or a little before it by `warm_up`, since it takes a moment to
start; where nothing is asked for `IDLE_S` it ends. It is killed when a job takes too long, and when
nobody waits for its job any more: what is asked next gets another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
import sys
import tempfile
from collections.abc import Coroutine
from pathlib import Path

from lsp_server.refactor.job import Job, Outcome
from lsp_server.refactor.refusal import RefactorRefused

COMMAND = (sys.executable, "-P", "-E", "-m", "lsp_server.refactor.worker")
LIMIT_S = 10.0
IDLE_S = 300.0
_MAX_LINE_BYTES = 256 * 1024 * 1024
_END_TIMEOUT_S = 2.0


class RefactorWorker:
    """On the loop alone."""

    def __init__(
        self, command: tuple[str, ...] = COMMAND, limit_s: float = LIMIT_S, idle_s: float = IDLE_S
    ) -> None:
        self._command = command
        self._limit_s = limit_s
        self._idle_s = idle_s
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._scratch: Path | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def perform(self, job: Job) -> Outcome:
        """Raises `RefactorRefused`, also for what takes too long."""
        async with self._turn:
            is_done = False
            try:
                async with asyncio.timeout(self._limit_s):
                    line = await self._ask(json.dumps(job.to_json()).encode() + b"\n")
                is_done = bool(line)
            except TimeoutError:
                raise RefactorRefused(
                    f"it takes longer than {self._limit_s:g} s in a workspace of this size, and was "
                    "ended"
                ) from None
            except (OSError, ValueError) as error:
                raise RefactorRefused(f"the refactoring process cannot be used: {error}") from error
            finally:
                if not is_done:
                    await self._end()
        self._wait_for_more()
        if not line:
            raise RefactorRefused("the refactoring process ended unexpectedly; see Sparrow's log")
        answer = json.loads(line)
        if "refused" in answer:
            raise RefactorRefused(answer["refused"])
        return Outcome.of_json(answer["outcome"])

    def warm_up(self) -> None:
        """Starts the process, if it is not there: somebody is about to ask."""
        if self._process is None and not self._turn.locked():
            self._run(self._warm_up())

    async def close(self) -> None:
        """Ends the process, and waits until it has."""
        if self._tasks:  # that start or end one
            await asyncio.wait(self._tasks)
        await self._end()

    async def _warm_up(self) -> None:
        async with self._turn:
            with contextlib.suppress(OSError):  # the job that follows will tell
                await self._start()
        self._wait_for_more()

    async def _ask(self, line: bytes) -> bytes:
        process = await self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line)
        with contextlib.suppress(ConnectionError):  # it has ended: that is seen below
            await process.stdin.drain()
        return await process.stdout.readline()

    async def _start(self) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is not None:
            await self._end()
        if self._process is None:
            # A name alone: the process makes it for a job. Nobody can guess it.
            name = f"sparrow-refactor-{secrets.token_hex(8)}"
            self._scratch = Path(tempfile.gettempdir(), name)
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                str(self._scratch),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_MAX_LINE_BYTES,
            )
        return self._process

    def _wait_for_more(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(self._idle_s, lambda: self._run(self._end_idle()))

    async def _end_idle(self) -> None:
        async with self._turn:
            await self._end()

    async def _end(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        process, self._process = self._process, None
        scratch, self._scratch = self._scratch, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            if process.stdin is not None:
                process.stdin.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_END_TIMEOUT_S):
                    await process.wait()
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
