"""Samples of one prompt as one stream: all of it comes, and all of them end together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from inference.engines.vllm_samples import merged


class Streams:
    """Streams that say when they are closed. `waiting` is set when one waits for ever."""

    def __init__(self) -> None:
        self.waiting = asyncio.Event()
        self.closed: list[str] = []

    async def saying(self, name: str, *, end: str = "") -> AsyncGenerator[str, None]:
        try:
            for number in range(3):
                await asyncio.sleep(0)
                yield f"{name}{number}"
            if end == "error":
                raise ValueError(name)
            if end == "wait":
                self.waiting.set()
                await asyncio.Event().wait()
        finally:
            self.closed.append(name)


def test_all_comes_each_in_its_order() -> None:
    async def run() -> None:
        streams = Streams()
        found = [it async for it in merged([streams.saying("a"), streams.saying("b")])]
        assert sorted(found) == ["a0", "a1", "a2", "b0", "b1", "b2"]
        assert [it for it in found if it[0] == "a"] == ["a0", "a1", "a2"]
        assert found != sorted(found)  # neither waits for the other
        assert sorted(streams.closed) == ["a", "b"]

    asyncio.run(run())


def test_an_error_ends_the_others() -> None:
    async def run() -> None:
        streams = Streams()
        of = merged([streams.saying("a", end="error"), streams.saying("b", end="wait")])
        with pytest.raises(ValueError, match="a"):
            async for _ in of:
                pass
        assert sorted(streams.closed) == ["a", "b"]

    asyncio.run(run())


def test_closing_it_closes_all() -> None:
    async def run() -> None:
        streams = Streams()
        async with aclosing(merged([streams.saying("a"), streams.saying("b")])) as of:
            async for _ in of:
                break
        assert sorted(streams.closed) == ["a", "b"]

    asyncio.run(run())


def test_cancelling_who_reads_ends_all() -> None:
    async def run() -> None:
        streams = Streams()

        async def read() -> None:
            async for _ in merged([streams.saying(name, end="wait") for name in "ab"]):
                pass

        reading = asyncio.create_task(read())
        await streams.waiting.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert sorted(streams.closed) == ["a", "b"]

    asyncio.run(run())
