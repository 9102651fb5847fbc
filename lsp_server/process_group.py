"""Processes together with all that they start: begun in a session of their own, and ended as one.

Whoever is cancelled while one is begun leaves nothing running either. asyncio alone would end only the
process then, and wait until nobody has its output any more: what it has started may never let go of that.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import Any


async def start(*argv: str, max_end_s: float, **options: Any) -> asyncio.subprocess.Process:
    """As `asyncio.create_subprocess_exec`, whose options these are. Raises OSError."""
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(*argv, start_new_session=True, **options)
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait({starting})
        if not starting.exception():
            await end(starting.result(), max_end_s)
        raise


def kill(process: asyncio.subprocess.Process) -> None:
    """Also what it has started, where it has ended itself."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        elif process.returncode is None:
            process.kill()


async def end(process: asyncio.subprocess.Process, max_end_s: float) -> None:
    """Kills it, and waits for so long at most until all that had its output are gone."""
    kill(process)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max_end_s):
            await process.communicate()
