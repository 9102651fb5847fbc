"""Requests to a host: streams of pieces, errors of one request alone, and the host's counters."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from contextlib import aclosing
from typing import Any

import pytest

from inference.content import Layout, LayoutSection, TextChunk
from inference.endpoint import Endpoint
from inference.engines.scripted import ScriptedEngine
from inference.errors import HostUnavailable, UnsupportedRequest, WireError
from inference.protocol import (
    Delta,
    FinishReason,
    GetStats,
    GetStatus,
    Priority,
    Role,
    Stats,
    Status,
    Tail,
)
from inference.sampling import Sampling

from .hosts import ANSWER, LAYOUT, ClientOf, HostOf, Script, collect, raw

SLOW = {"when": {"prefix_ends_with": "slow"}, "reply": ["tick"] * 20, "delay_ms": 10}


class TestStreams:
    async def test_a_completion_comes_in_pieces_and_ends_with_its_account(
        self, host_of: HostOf, client_of: ClientOf, script: Script
    ) -> None:
        model = script(ANSWER)
        async with host_of(model), client_of(model) as client:
            await client.wait_ready(60)
            text, done = await collect(client)
            assert text == "1 + 1"
            assert done.finish is FinishReason.STOP
            assert done.usage.generated_tokens == 3
            assert done.usage.prompt_tokens >= 3
            assert 0 <= done.timings.queued_ms <= done.timings.first_token_ms
            assert done.timings.first_token_ms <= done.timings.total_ms
            text, done = await collect(client, max_tokens=2)
            assert (text, done.finish) == ("1 + ", FinishReason.LENGTH)

    async def test_two_clients_stream_at_once(
        self, host_of: HostOf, client_of: ClientOf, script: Script
    ) -> None:
        model = script(SLOW)
        async with host_of(model) as host, client_of(model) as one, client_of(model) as other:
            await asyncio.gather(one.wait_ready(60), other.wait_ready(60))
            streams = [
                client.generate(LAYOUT, Tail("slow", ""), Sampling(100), Priority.COMPLETION)
                for client in (one, other)
            ]
            order: list[int] = []

            async def read(number: int) -> None:
                nonlocal order
                async with aclosing(streams[number]) as stream:
                    async for message in stream:
                        order += [number] * isinstance(message, Delta)

            await asyncio.gather(read(0), read(1))
            changes = sum(a != b for a, b in itertools.pairwise(order))
            assert changes > 5, f"neither waits for the other: {order}"
            assert host.store.chunk_count == host.store.layout_count == 1, "they share what is put"

    async def test_many_requests_of_one_client_are_told_apart(
        self, host_of: HostOf, client_of: ClientOf, script: Script
    ) -> None:
        words = [f"word{number};" for number in range(50)]
        model = script(*({"when": {"prefix_ends_with": w}, "reply": [w, "!"]} for w in words))
        async with host_of(model), client_of(model) as client:
            await client.wait_ready(60)
            answers = await asyncio.gather(*(collect(client, word) for word in words))
            assert [text for text, _ in answers] == [f"{word}!" for word in words]

    async def test_what_the_engine_refuses_is_an_error_of_that_request_alone(
        self, host_of: HostOf, client_of: ClientOf, script: Script
    ) -> None:
        model = script({"when": {"prefix_ends_with": "known"}, "reply": ["ok"]})
        async with host_of(model), client_of(model) as client:
            await client.wait_ready(60)
            results = await asyncio.gather(
                collect(client, "known"),
                collect(client, "else"),
                collect(client, "known"),
                return_exceptions=True,
            )
            assert isinstance(results[1], UnsupportedRequest)
            assert "else" in results[1].message
            assert [type(result) for result in results] == [tuple, UnsupportedRequest, tuple]

    async def test_a_refusal_that_quotes_half_a_character_ends_its_request(
        self,
        host_of: HostOf,
        client_of: ClientOf,
        script: Script,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def generate(*_arguments: Any) -> Any:
            raise UnsupportedRequest("the server says \ud83d", hint="Ask \udc26.")

        monkeypatch.setattr(ScriptedEngine, "generate", generate)
        model = script(ANSWER)
        async with host_of(model), client_of(model) as client:
            await client.wait_ready(60)
            with pytest.raises(UnsupportedRequest, match="says \ufffd") as caught:
                async with asyncio.timeout(10):
                    await collect(client)
            assert caught.value.hint == "Ask \ufffd."

    async def test_an_error_of_the_engines_own_is_told_and_the_host_goes_on(
        self,
        host_of: HostOf,
        client_of: ClientOf,
        script: Script,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        real, calls = ScriptedEngine.generate, 0

        def generate(self: ScriptedEngine, *arguments: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == 1:
                raise ZeroDivisionError("of the engine")
            return real(self, *arguments)

        monkeypatch.setattr(ScriptedEngine, "generate", generate)
        model = script(ANSWER)
        async with host_of(model) as host, client_of(model) as client:
            await client.wait_ready(60)
            with pytest.raises(Exception, match="error of its own") as caught:
                await collect(client)
            assert host.log_file in getattr(caught.value, "hint", "")
            assert (await collect(client))[0] == "1 + 1"
            assert host.scheduler.running == 0
        assert "ZeroDivisionError" in caplog.text

    @pytest.mark.parametrize("tail", ["\ud800", "x" * (17 * 1024 * 1024)])
    async def test_what_cannot_be_sent_is_an_error_of_that_request_alone(
        self, host_of: HostOf, client_of: ClientOf, script: Script, tail: str
    ) -> None:
        model = script(ANSWER)
        async with host_of(model), client_of(model) as client:
            await client.wait_ready(60)
            with pytest.raises(WireError):
                await collect(client, tail)
            assert (await collect(client))[0] == "1 + 1"

    async def test_token_counts_come_by_section(
        self, host_of: HostOf, client_of: ClientOf, script: Script
    ) -> None:
        model = script(ANSWER)
        layout = Layout.of(
            [
                LayoutSection(Role.CONTEXT, "lib.py", (TextChunk.of("a b\n"), TextChunk.of("c\n"))),
                LayoutSection(Role.PREFIX, "main.py", (TextChunk.of("d e f g\n"),)),
            ]
        )
        async with host_of(model), client_of(model) as client:
            await client.wait_ready(60)
            assert client.token_counts(layout) is None
            await collect(client, layout=layout)
            counts = client.token_counts(layout)
            assert counts is not None
            assert (counts.token_counts, counts.exact) == ((3, 4), True)


class TestStats:
    async def test_the_counters_of_a_host(
        self, host_of: HostOf, script: Script, client_of: ClientOf
    ) -> None:
        model = script(ANSWER)
        async with host_of(model), client_of(model) as client:
            await client.wait_ready(60)
            before = await client.stats()
            await collect(client)
            after = await client.stats()
        assert isinstance(after, Stats)
        assert (after.requests, after.generated_tokens, after.cancelled) == (1, 3, 0)
        assert (after.chunks, after.layouts, after.connections) == (1, 1, 1)
        assert after.bytes_received > before.bytes_received > 0
        assert after.bytes_sent > before.bytes_sent > 0
        assert after.chunk_bytes >= 6
        assert after.uptime_s >= before.uptime_s >= 0

    async def test_many_ask_at_once(
        self, host_of: HostOf, script: Script, client_of: ClientOf
    ) -> None:
        model = script(ANSWER)
        async with host_of(model), client_of(model) as client:
            await client.wait_ready(60)
            assert len(await asyncio.gather(*(client.stats() for _ in range(20)))) == 20

    async def test_one_who_no_longer_waits_does_no_harm(
        self, host_of: HostOf, script: Script, client_of: ClientOf
    ) -> None:
        model = script(ANSWER)
        async with host_of(model), client_of(model) as client:
            await client.wait_ready(60)
            asking = [asyncio.create_task(client.stats()) for _ in range(3)]
            await asyncio.sleep(0)
            asking[0].cancel()
            asking[2].cancel()
            assert (await asking[1]).connections == 1
            assert (await client.stats()).connections == 1
            assert (await collect(client))[0] == "1 + 1"

    async def test_a_lost_host_is_an_error_and_not_a_cancellation(
        self, script: Script, client_of: ClientOf
    ) -> None:
        async with client_of(script(ANSWER)) as client:
            await client.wait_ready(60)
            pid = client.host_pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            asking = asyncio.create_task(client.stats())
            await asyncio.sleep(0)
            os.kill(pid, signal.SIGKILL)
            results = await asyncio.gather(asking, return_exceptions=True)
            assert isinstance(results[0], HostUnavailable)


async def test_get_stats_and_status_are_answered_in_order(host_of: HostOf, script: Script) -> None:
    model = script(ANSWER)
    async with host_of(model), raw(Endpoint.of(model)) as channel:
        channel.send(GetStats(), GetStatus(), GetStats())
        kinds = [type(await channel.receive()) for _ in range(3)]
        assert kinds == [Stats, Status, Stats]
