"""Streams of a server on a real socket: pieces as they come, connections, cancelling."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from inference.protocol import FinishReason, Priority
from inference.sampling import Sampling

from .played_server import (
    AT_ONCE_S,
    LIMITS,
    PROMPT,
    Exchange,
    complete,
    events,
    loaded,
    other,
    playing,
    said,
    text_of,
)


class TestStreams:
    async def test_may_be_cut_anywhere(self) -> None:
        async def byte_by_byte(exchange: Exchange) -> None:
            await exchange.start_stream()
            text = 'data: {"choices": [{"text": "größe 🐦"}]}\r\n\r\n: still here\r\n\r\n'
            text += 'data: {"choices": [{"text": "!", "finish_reason": "stop"}]}\r\n\r\n'
            for byte in text.encode():
                await exchange.send_chunk(bytes([byte]))
            await exchange.end_stream()

        async with playing(other(byte_by_byte)) as server, loaded(server.url) as engine:
            assert text_of(await complete(engine)) == "größe 🐦!"

    async def test_a_piece_comes_as_soon_as_it_is_sent(self) -> None:
        seen = asyncio.Event()

        async def wait_for_it(exchange: Exchange) -> None:
            await exchange.start_stream()
            await exchange.send_event(said("first"))
            await seen.wait()
            await exchange.send_event(said("second", "stop"))
            await exchange.end_stream()

        async with playing(other(wait_for_it)) as server, loaded(server.url) as engine:
            pieces = engine.generate(PROMPT, Sampling(9), Priority.COMPLETION)
            assert (await anext(pieces)).text == "first"
            seen.set()
            assert [piece.text async for piece in pieces] == ["second", ""]

    async def test_one_that_stays_open_behind_its_end_is_not_waited_for(self) -> None:
        async def stay_open(exchange: Exchange) -> None:
            await exchange.start_stream()
            await exchange.send_event(said("1", "stop"))
            await exchange.peer_closes()

        limits = replace(LIMITS, ending_s=0.2)
        async with playing(other(stay_open)) as server, loaded(server.url, limits=limits) as engine:
            async with asyncio.timeout(AT_ONCE_S):
                pieces = await complete(engine)
            assert (text_of(pieces), pieces[-1].finish) == ("1", FinishReason.STOP)

    async def test_connections_are_used_again(self) -> None:
        routes = other(events(said("1", "stop"), "[DONE]"))
        async with playing(routes) as server, loaded(server.url) as engine:
            for _ in range(5):
                await complete(engine)
            assert server.connections == 1

    async def test_a_connection_that_the_server_closed_meanwhile_is_replaced(self) -> None:
        async def once(exchange: Exchange) -> None:
            await exchange.stream(said("1", "stop"))
            exchange.writer.close()

        async with playing(other(once)) as server, loaded(server.url) as engine:
            for _ in range(5):
                assert text_of(await complete(engine)) == "1"


class TestCancelling:
    @pytest.mark.parametrize("how", ["closing", "cancelling"])
    async def test_closes_the_socket_at_once(self, how: str) -> None:
        closed = asyncio.Event()

        async def endless(exchange: Exchange) -> None:
            await exchange.start_stream()
            await exchange.send_event(said("1"))
            await exchange.peer_closes()
            closed.set()

        async with playing(other(endless)) as server, loaded(server.url) as engine:
            pieces = engine.generate(PROMPT, Sampling(9), Priority.COMPLETION)
            assert (await anext(pieces)).text == "1"
            if how == "closing":
                await pieces.aclose()
            else:
                waiting = asyncio.ensure_future(anext(pieces))
                await asyncio.wait([waiting], timeout=0.02)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            async with asyncio.timeout(AT_ONCE_S):
                await closed.wait()

    async def test_closes_it_before_the_first_byte_too(self) -> None:
        asked = asyncio.Event()
        closed = asyncio.Event()

        async def silent(exchange: Exchange) -> None:
            asked.set()
            await exchange.peer_closes()
            closed.set()

        async with playing(other(silent)) as server, loaded(server.url) as engine:
            task = asyncio.create_task(complete(engine))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            async with asyncio.timeout(AT_ONCE_S):
                await closed.wait()

    async def test_leaves_other_requests_alone(self) -> None:
        release = asyncio.Event()

        async def slow(exchange: Exchange) -> None:
            await exchange.start_stream()
            await exchange.send_event(said("1"))
            await release.wait()
            await exchange.send_event(said("2", "stop"))
            await exchange.end_stream()

        async with playing(other(slow)) as server, loaded(server.url) as engine:
            kept = asyncio.create_task(complete(engine))
            dropped = engine.generate(PROMPT, Sampling(9), Priority.COMPLETION)
            await anext(dropped)
            await dropped.aclose()
            release.set()
            assert text_of(await kept) == "12"
