"""A process and what it starts: both are gone with whoever wanted them, at whatever moment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
from pathlib import Path
from typing import Any

import pytest

from lsp_server import process_group
from tests.unit.lsp_server.on_loop import on_loop

SCRIPT = "sleep 600 & echo $! > started; mv started child; wait"


async def child_of(folder: Path) -> int:
    while not (folder / "child").exists():  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.005)
    return int((folder / "child").read_text())


async def ends(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):  # it is gone already
        descriptor = os.pidfd_open(pid)
        try:
            return bool((await asyncio.to_thread(select.select, [descriptor], [], [], 30))[0])
        finally:
            os.close(descriptor)
    return True


def started(folder: Path) -> Any:
    return process_group.start(
        *("/bin/sh", "-c", SCRIPT), max_end_s=30, cwd=folder, stdout=asyncio.subprocess.PIPE
    )


@on_loop
async def test_it_ends_with_what_it_has_started(tmp_path: Path) -> None:
    process = await started(tmp_path)
    child = await child_of(tmp_path)
    await process_group.end(process, 30)
    assert process.returncode is not None
    assert await ends(child)


@on_loop
async def test_who_is_cancelled_as_it_begins_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, go_on = asyncio.create_subprocess_exec, asyncio.Event()

    async def slowly(*argv: str, **options: Any) -> asyncio.subprocess.Process:
        process = await create(*argv, **options)
        await go_on.wait()
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", slowly)
    starting = asyncio.create_task(started(tmp_path))
    child = await child_of(tmp_path)
    starting.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert await ends(child)


@on_loop
async def test_what_cannot_be_started_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await process_group.start("/no/such/program", max_end_s=30, cwd=tmp_path)
