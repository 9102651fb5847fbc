"""Runs commands as the sandbox does, without it: for tests of what is no attack."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from lsp_server.agent import inside
from lsp_server.agent.sandbox import Finished

INSIDE = str(Path(inside.__file__).parent)


async def run(argv: Sequence[str], copy: Path, timeout_s: float) -> Finished:
    with tempfile.TemporaryDirectory() as report:
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=copy,
            env={"PATH": os.defpath, "SPARROW_REPORT": report, "SPARROW_INSIDE": INSIDE},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(timeout_s):
            said, _ = await process.communicate()
        return Finished(process.returncode, said.decode(), 0.0, (), _read(Path(report, "report")))


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def copier(workspace: Path) -> Callable[[], AbstractAsyncContextManager[Path]]:
    @asynccontextmanager
    async def copy() -> AsyncIterator[Path]:
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder, "copy")
            shutil.copytree(workspace, target)
            yield target

    return copy
