"""Several streams as one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import TypeVar

ItemT = TypeVar("ItemT")


async def merged(streams: Sequence[AsyncGenerator[ItemT, None]]) -> AsyncGenerator[ItemT, None]:
    """What the streams yield, as it comes. The first error ends them all, and so does closing it."""
    steps = {asyncio.ensure_future(anext(stream, None)): stream for stream in streams}
    try:
        while steps:
            done, _ = await asyncio.wait(steps, return_when=asyncio.FIRST_COMPLETED)
            for step in done:
                stream = steps.pop(step)
                if (item := step.result()) is not None:
                    steps[asyncio.ensure_future(anext(stream, None))] = stream
                    yield item
    finally:
        for step in steps:
            step.cancel()
        await asyncio.gather(*steps, return_exceptions=True)
        for stream in streams:
            await stream.aclose()
