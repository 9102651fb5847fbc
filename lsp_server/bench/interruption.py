"""Ends the work of a benchmark that takes long, for what is known by then to be reported."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


async def is_done_before_a_signal(work: Coroutine[object, object, None]) -> bool:
    """Does the work, and cancels it at SIGINT or SIGTERM. Raises what it raises."""
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(work)
    for number in _SIGNALS:
        loop.add_signal_handler(number, task.cancel)
    try:
        await asyncio.wait([task])
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        task.cancel()
    if task.cancelled():
        return False
    task.result()
    return True
