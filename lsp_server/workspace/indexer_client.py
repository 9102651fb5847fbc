"""The server's end of the process that indexes: starts it, speaks to it, starts it again.

The process ends when the pipe to it is closed, so also when the server is killed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

COMMAND = (sys.executable, "-P", "-E", "-m", "lsp_server.workspace.indexer")
END_TIMEOUT_S = 5.0
_MAX_LINE_BYTES = 16 * 1024 * 1024
_FIRST_DELAY_S, _LONGEST_DELAY_S = 1.0, 60.0


class IndexerClient:
    """Runs the process while there are folders. `on_message` is called on the loop."""

    def __init__(self, on_message: Callable[[dict[str, Any]], None]) -> None:
        self._on_message = on_message
        self._folders: dict[str, str] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._running: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def set_folders(self, stores: Mapping[Path, Path]) -> None:
        """Which folders are to be indexed, each with the file of its store. On the loop."""
        self._folders = {str(folder): str(file) for folder, file in stores.items()}
        if self._folders and self._running is None:
            self._running = asyncio.create_task(self._run())
        else:
            self.send(do="folders", folders=self._folders)

    def send(self, **command: Any) -> None:
        """Does nothing while the process is down: when it starts it looks at all anyway."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")

    async def close(self) -> None:
        """Ends the process, and waits until it has."""
        if self._running is None:
            return
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        self._running = None

    async def _run(self) -> None:
        delay_s = _FIRST_DELAY_S
        options: list[str] = []
        while True:
            started = asyncio.get_running_loop().time()
            code = await self._run_once(options)
            if asyncio.get_running_loop().time() - started > _LONGEST_DELAY_S:
                delay_s = _FIRST_DELAY_S
            logger.warning("the indexer ended with %s; it starts again in %.0f s", code, delay_s)
            options = ["--careful"]
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)

    async def _run_once(self, options: list[str]) -> int | str:
        """Until the process ends; returns its exit code, or why it could not be started."""
        try:
            process = await asyncio.create_subprocess_exec(
                *(*COMMAND, *options),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_MAX_LINE_BYTES,
            )
        except OSError as error:
            return str(error)
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            self.send(do="folders", folders=self._folders)
            while line := await process.stdout.readline():
                self._on_message(json.loads(line))
            return await process.wait()
        finally:
            self._process = None
            process.stdin.close()
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(END_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
