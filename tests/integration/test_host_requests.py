"""Requests to a host: streams, cancellation, eviction, priorities, and connections that are lost."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from typing import Any

import pytest

import inference.connection
import inference.session
from inference.client import InferenceClient
from inference.connection import Connection
from inference.content import Layout, LayoutSection, TextChunk
from inference.endpoint import Endpoint
from inference.engines.scripted import ScriptedEngine
from inference.errors import (
    EngineFailed,
    HostUnavailable,
    Overloaded,
    UnknownLayout,
    UnsupportedRequest,
    WireError,
)
from inference.host import Host
from inference.protocol import (
    PROTOCOL_VERSION,
    Cancel,
    Delta,
    Done,
    FinishReason,
    Generate,
    GetStats,
    GetStatus,
    Goodbye,
    Hello,
    HostMessage,
    LayoutReady,
    Message,
    Priority,
    PutChunk,
    PutLayout,
    Refused,
    Role,
    Stats,
    Status,
    Tail,
    Welcome,
)
from inference.sampling import Sampling
from inference.scheduler import Scheduler
from inference.store import MAX_LAYOUTS, PromptStore
from inference.transport import Channel

ClientOf = Callable[..., AbstractAsyncContextManager[InferenceClient]]
HostOf = Callable[..., AbstractAsyncContextManager[Host]]
Script = Callable[..., str]
Eventually = Callable[..., Awaitable[None]]

ANSWER = {"reply": ["1", " + ", "1"]}
HANG = {"when": {"prefix_ends_with": "hang"}, "reply": ["first"], "then": "hang"}
SLOW = {"when": {"prefix_ends_with": "slow"}, "reply": ["tick"] * 20, "delay_ms": 10}


def layout_of(*texts: str, path: str = "main.py") -> Layout:
    return Layout.of([LayoutSection(Role.PREFIX, path, tuple(map(TextChunk.of, texts)))])


LAYOUT = layout_of("x = 1\n")


def generate(request: int, tail: str, priority: Priority = Priority.CHAT) -> Generate:
    return Generate(request, LAYOUT.id, Tail(tail, ""), Sampling(10_000), priority)


async def collect(
    client: InferenceClient,
    tail: str = "y = ",
    *,
    layout: Layout = LAYOUT,
    priority: Priority = Priority.COMPLETION,
    max_tokens: int = 100,
) -> tuple[str, Done]:
    text, done = "", None
    stream = client.generate(layout, Tail(tail, ""), Sampling(max_tokens), priority)
    async with aclosing(stream):
        async for message in stream:
            assert done is None, "Done comes last"
            if isinstance(message, Delta):
                text += message.text
            else:
                done = message
    assert done is not None
    return text, done


@asynccontextmanager
async def raw(endpoint: Endpoint, *, put: bool = True) -> AsyncIterator[Channel]:
    """A connection that sends what it is told, greeted and, with `put`, with a layout held."""
    streams = await endpoint.connect()
    assert streams is not None
    reader, writer, address = streams
    channel = Channel(reader, writer)
    channel.send(Hello(PROTOCOL_VERSION, address.token, "raw"))
    assert isinstance(await channel.receive(), Welcome)
    if put:
        channel.send(PutChunk("x = 1\n"), LAYOUT.message)
        assert isinstance(await channel.receive(), LayoutReady)
    try:
        yield channel
    finally:
        await channel.close()


async def until_all(channel: Channel, *requests: int) -> list[Message]:
    """What comes until each of the requests has ended, and then what is left to come."""
    messages: list[Message] = []
    waiting = set(requests)
    while waiting:
        message = await channel.receive()
        assert message is not None
        messages.append(message)
        if isinstance(message, Done | Refused):
            waiting.discard(message.request or 0)
    channel.send(GetStatus())
    while not isinstance(message := await channel.receive(), Status):
        assert message is not None
        messages.append(message)
    return messages


def ends(messages: list[Message]) -> list[tuple[int | None, str]]:
    """How each request ended, in order."""
    return [
        (each.request, each.finish.value if isinstance(each, Done) else each.code)
        for each in messages
        if isinstance(each, Done | Refused)
    ]


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


class TestCancellation:
    @pytest.mark.parametrize("way", ["cancel the task", "close the stream"])
    async def test_it_reaches_the_engine_and_frees_the_slot(
        self,
        host_of: HostOf,
        client_of: ClientOf,
        script: Script,
        eventually: Eventually,
        way: str,
    ) -> None:
        model = script(HANG, ANSWER)
        async with host_of(model) as host, client_of(model) as client:
            await client.wait_ready(60)
            for round_number in range(1, 11):  # more than there are slots
                if way == "cancel the task":
                    task = asyncio.create_task(collect(client, "hang"))
                    await eventually(lambda: host.scheduler.running == 1, "its start")
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                else:
                    stream = client.generate(
                        LAYOUT, Tail("hang", ""), Sampling(9), Priority.COMPLETION
                    )
                    assert isinstance(await anext(stream), Delta)
                    assert (await client.stats()).running == 1
                    await stream.aclose()
                await eventually(lambda: host.scheduler.running == 0, "a free slot")
                assert (await client.stats()).cancelled == round_number
            assert (await collect(client))[0] == "1 + 1"

    async def test_a_waiting_request_is_cancelled_as_well(
        self, host_of: HostOf, client_of: ClientOf, script: Script, eventually: Eventually
    ) -> None:
        model = script(HANG, ANSWER)
        async with host_of(model) as host, client_of(model) as client:
            await client.wait_ready(60)
            tasks = [asyncio.create_task(collect(client, "hang")) for _ in range(20)]
            await eventually(lambda: host.scheduler.queued == 16, "a queue")
            for task in tasks[::-1]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await eventually(lambda: host.scheduler.queued + host.scheduler.running == 0)
            assert (await collect(client))[0] == "1 + 1"
            assert (await client.stats()).requests == 21

    async def test_a_request_and_its_cancellation_in_one_write(
        self, host_of: HostOf, script: Script
    ) -> None:
        """Every request is ended, even one that was cancelled before it began."""
        model = script(HANG, ANSWER)
        async with host_of(model) as host, raw(Endpoint.of(model)) as channel:
            channel.send(generate(1, "hang"), Cancel(1), generate(2, ""))
            messages = await until_all(channel, 1, 2)
            assert sorted(ends(messages)) == [(1, "cancelled"), (2, "stop")]
            assert (host.cancelled_count, host.scheduler.running) == (1, 0)

    async def test_a_cancellation_at_any_moment_ends_a_request_once(
        self, host_of: HostOf, script: Script
    ) -> None:
        model = script({"reply": ["a", "b", "c"], "delay_ms": 1})
        async with host_of(model) as host, raw(Endpoint.of(model)) as channel:
            requests = range(1, 101)
            for request in requests:
                channel.send(generate(request, ""))
                for _ in range(request % 12):
                    await asyncio.sleep(0)
                channel.send(*([Cancel(request)] * (request % 3)), Cancel(request + 1000))
                if request % 10 == 0:
                    await asyncio.sleep(0.001 * (request % 7))
            messages = await until_all(channel, *requests)
            assert sorted(request or 0 for request, _ in ends(messages)) == list(requests)
            assert host.scheduler.running == host.scheduler.queued == 0
            ended: set[int] = set()
            for message in messages:
                if isinstance(message, Delta):
                    assert message.request not in ended, "nothing comes behind the end"
                elif isinstance(message, Done):
                    ended.add(message.request)

    async def test_a_cancellation_of_nothing_is_nothing(
        self, host_of: HostOf, script: Script
    ) -> None:
        model = script(ANSWER)
        async with host_of(model) as host, raw(Endpoint.of(model)) as channel:
            channel.send(Cancel(1), Cancel(-1), Cancel(2**63), generate(2, ""))
            messages = await until_all(channel, 2)
            channel.send(Cancel(2))
            assert ends(messages) == [(2, "stop")]
            assert ends(await until_all(channel)) == []
            assert host.cancelled_count == 0

    async def test_the_end_of_a_connection_cancels_its_requests(
        self, host_of: HostOf, script: Script, eventually: Eventually
    ) -> None:
        model = script(HANG, ANSWER)
        async with host_of(model) as host:
            async with raw(Endpoint.of(model)) as channel:
                channel.send(*(generate(number, "hang") for number in range(10)))
                await eventually(lambda: host.scheduler.queued == 6)
            await eventually(lambda: host.scheduler.running + host.scheduler.queued == 0)
            assert host.stats().connections == 0


class TestLayouts:
    async def test_what_the_host_has_evicted_is_sent_again_once(
        self, host_of: HostOf, client_of: ClientOf, script: Script
    ) -> None:
        model = script(ANSWER)
        store = PromptStore(max_chunk_bytes=3000, max_layouts=2)
        async with host_of(model, store=store), client_of(model) as client:
            await client.wait_ready(60)
            layouts = [layout_of(f"# {number}\n" * 200, path=f"{number}.py") for number in range(6)]
            for layout in [*layouts, *layouts, *reversed(layouts)]:
                assert (await collect(client, layout=layout))[0] == "1 + 1"
            assert store.layout_count == 2
            assert store.chunk_count <= 3

    async def test_more_layouts_than_a_host_keeps(
        self, client_of: ClientOf, script: Script
    ) -> None:
        async with client_of(script(ANSWER)) as client:
            await client.wait_ready(60)
            layouts = [
                layout_of(f"# {number}\n", path="main.py") for number in range(MAX_LAYOUTS + 16)
            ]
            for layout in layouts:
                await collect(client, layout=layout)
            stats = await client.stats()
            assert (stats.layouts, stats.chunks) == (MAX_LAYOUTS, MAX_LAYOUTS + 16)
            assert (await collect(client, layout=layouts[0]))[0] == "1 + 1"
            again = await client.stats()
            assert again.requests == stats.requests + 2, "one is refused, and one succeeds"

    async def test_two_windows_that_evict_each_other_both_go_on(
        self, host_of: HostOf, client_of: ClientOf, script: Script
    ) -> None:
        model = script(ANSWER)
        store = PromptStore(max_layouts=1)
        one_layout, other_layout = layout_of("a\n"), layout_of("b\n")
        async with (
            host_of(model, store=store),
            client_of(model) as one,
            client_of(model) as other,
        ):
            await asyncio.gather(one.wait_ready(60), other.wait_ready(60))
            for _ in range(5):
                assert (await collect(one, layout=one_layout))[0] == "1 + 1"
                assert (await collect(other, layout=other_layout))[0] == "1 + 1"

    async def test_a_layout_that_never_fits_is_an_error_and_not_a_loop(
        self, host_of: HostOf, client_of: ClientOf, script: Script
    ) -> None:
        model = script(ANSWER)
        layout = layout_of(*(f"# {number}\n" * 100 for number in range(10)))
        store = PromptStore(max_chunk_bytes=2000)
        async with host_of(model, store=store) as host, client_of(model) as client:
            await client.wait_ready(60)
            with pytest.raises(UnknownLayout):
                await collect(client, layout=layout)
            assert host.request_count == 2

    async def test_a_request_before_its_layout_is_refused(
        self, host_of: HostOf, script: Script
    ) -> None:
        model = script(ANSWER)
        async with host_of(model), raw(Endpoint.of(model), put=False) as channel:
            channel.send(generate(1, ""))
            assert ends(await until_all(channel, 1)) == [(1, "unknown_layout")]
            channel.send(PutChunk("x = 1\n"), LAYOUT.message, generate(2, ""))
            assert ends(await until_all(channel, 2)) == [(2, "stop")]

    async def test_a_layout_without_its_chunk_is_refused_with_its_requests(
        self, host_of: HostOf, script: Script
    ) -> None:
        model = script(ANSWER)
        async with host_of(model), raw(Endpoint.of(model), put=False) as channel:
            channel.send(LAYOUT.message, generate(1, ""))
            messages = await until_all(channel, 1)
            assert ends(messages) == [(None, "unknown_chunk"), (1, "unknown_layout")]

    async def test_the_same_layout_many_times_in_one_write(
        self, host_of: HostOf, script: Script
    ) -> None:
        model = script(ANSWER)
        async with host_of(model) as host, raw(Endpoint.of(model), put=False) as channel:
            channel.send(PutChunk("x = 1\n"), *[LAYOUT.message] * 5, generate(1, ""))
            messages = await until_all(channel, 1)
            assert ends(messages) == [(1, "stop")]
            assert any(isinstance(message, LayoutReady) for message in messages)
            assert host.store.layout_count == 1
            gc.collect()

    async def test_a_layout_again_as_soon_as_its_chunk_is_there(
        self, host_of: HostOf, script: Script
    ) -> None:
        model = script(ANSWER)
        async with host_of(model), raw(Endpoint.of(model), put=False) as channel:
            channel.send(LAYOUT.message, PutChunk("x = 1\n"), LAYOUT.message, generate(1, ""))
            assert (1, "stop") in ends(await until_all(channel, 1))

    async def test_two_requests_on_a_layout_that_takes_long_to_send(
        self, host_of: HostOf, client_of: ClientOf, script: Script
    ) -> None:
        model = script(ANSWER)
        layout = layout_of(*(f"# {number}\n" * 100_000 for number in range(8)))
        async with host_of(model) as host, client_of(model) as client:
            await client.wait_ready(60)
            sent = sum(len(chunk.text) for chunk in layout.chunks())
            results = await asyncio.gather(*(collect(client, layout=layout) for _ in range(3)))
            assert [text for text, _ in results] == ["1 + 1"] * 3
            assert host.stats().bytes_received < sent + 10_000, "each chunk was sent once"
            gc.collect()

    async def test_a_chunk_that_cannot_be_sent_spares_the_others(
        self, host_of: HostOf, client_of: ClientOf, script: Script
    ) -> None:
        model = script(ANSWER)
        too_large = "x" * (17 * 1024 * 1024)
        async with host_of(model) as host, client_of(model) as client:
            await client.wait_ready(60)
            for _ in range(3):
                with pytest.raises(WireError):
                    await collect(client, layout=layout_of("a\n", too_large, "b\n"))
            before = host.request_count
            assert (await collect(client, layout=layout_of("a\n", "b\n")))[0] == "1 + 1"
            assert host.request_count == before + 1, "at the first attempt"

    async def test_an_engine_that_dies_encoding_ends_the_host_with_its_reason(
        self, host_of: HostOf, script: Script, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def encode(_self: ScriptedEngine, _text: str) -> list[str]:
            raise EngineFailed("the tokenizer is gone")

        monkeypatch.setattr(ScriptedEngine, "encode", encode)
        model = script(ANSWER)
        async with host_of(model), raw(Endpoint.of(model), put=False) as channel:
            channel.send(PutChunk("x = 1\n"), LAYOUT.message)
            messages = []
            while (message := await channel.receive()) is not None:
                messages.append(message)
            assert isinstance(messages[-1], Goodbye)
            assert messages[-1].message == "the tokenizer is gone"

    async def test_an_error_in_encoding_ends_the_requests_that_wait_for_it(
        self,
        host_of: HostOf,
        script: Script,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        def encode(_self: ScriptedEngine, _text: str) -> list[str]:
            raise ZeroDivisionError("of the tokenizer")

        monkeypatch.setattr(ScriptedEngine, "encode", encode)
        model = script(ANSWER)
        async with host_of(model), raw(Endpoint.of(model), put=False) as channel:
            channel.send(PutChunk("x = 1\n"), LAYOUT.message, generate(1, ""))
            assert (1, "unknown_layout") in ends(await until_all(channel, 1))
        gc.collect()
        assert "ZeroDivisionError" in caplog.text

    async def test_a_connection_that_ends_while_its_layout_is_put(
        self, host_of: HostOf, client_of: ClientOf, script: Script, eventually: Eventually
    ) -> None:
        model = script(ANSWER)
        texts = [f"# {number}\n" for number in range(2000)]
        put = PutLayout(layout_of(*texts).message.sections)
        async with host_of(model) as host:
            async with raw(Endpoint.of(model), put=False) as channel:
                channel.send(*map(PutChunk, texts), put, generate(1, ""))
                await eventually(lambda: host.store.chunk_count == len(texts))
            async with client_of(model) as client:
                await client.wait_ready(60)
                assert (await collect(client))[0] == "1 + 1"
            gc.collect()


class TestLoad:
    async def test_urgent_requests_go_first_under_load(
        self, host_of: HostOf, client_of: ClientOf, script: Script, eventually: Eventually
    ) -> None:
        model = script(HANG, ANSWER)
        async with host_of(model) as host, client_of(model) as client:
            await client.wait_ready(60)
            hanging = [asyncio.create_task(collect(client, "hang")) for _ in range(4)]
            await eventually(lambda: host.scheduler.running == 4, "a full engine")
            order: list[Priority] = []

            async def ask(priority: Priority) -> None:
                await collect(client, priority=priority)
                order.append(priority)

            asked = [Priority.WARM_UP, Priority.AGENT, Priority.CHAT, Priority.EDIT] * 2
            asked += [Priority.COMPLETION] * 2
            waiting = []
            for count, priority in enumerate(asked, 1):
                waiting.append(asyncio.create_task(ask(priority)))
                await eventually(lambda count=count: host.scheduler.queued == count)
            hanging[0].cancel()  # one slot: they go one by one
            await asyncio.gather(*waiting)
            assert order == sorted(asked)
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)

    async def test_too_many_requests_are_refused_and_the_rest_served(
        self, host_of: HostOf, script: Script, client_of: ClientOf, eventually: Eventually
    ) -> None:
        model = script(HANG, ANSWER)
        async with host_of(model) as host, client_of(model) as client:
            await client.wait_ready(60)
            host.scheduler = Scheduler(1, max_queued=3)
            tasks = [asyncio.create_task(collect(client, "hang")) for _ in range(10)]
            await eventually(lambda: sum(task.done() for task in tasks) == 6)
            refused = [task.exception() for task in tasks if task.done()]
            assert [type(error) for error in refused] == [Overloaded] * 6
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await eventually(lambda: host.scheduler.running == 0)
            assert (await collect(client))[0] == "1 + 1"

    async def test_what_a_client_remembers_of_its_layouts_is_bounded(
        self, script: Script, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(inference.connection, "MAX_HELD_LAYOUTS", 2)
        async with client_of(script(ANSWER)) as client:
            await client.wait_ready(60)
            for number in (*range(5), 0):
                chunk = TextChunk.of(f"{number}\n")
                layout = Layout.of([LayoutSection(Role.PREFIX, "a.py", (chunk,))])
                tail, sampling = Tail("", ""), Sampling(8)
                stream = client.generate(layout, tail, sampling, Priority.COMPLETION)
                async with aclosing(stream):
                    assert [it async for it in stream if isinstance(it, Done)]
                held = client._connection
                assert held is not None
                assert len(held._held_layouts) <= 2
                assert len(held._held_chunks) <= 2
                assert len(held.token_counts) <= 2

    async def test_a_flood_of_cancelled_requests_leaves_nothing(
        self, host_of: HostOf, script: Script, client_of: ClientOf
    ) -> None:
        model = script(HANG, ANSWER)
        async with host_of(model) as host, raw(Endpoint.of(model)) as channel:
            numbers = range(1, 5001)
            for first in range(1, 5001, 500):
                batch = range(first, first + 500)
                channel.send(*(each for n in batch for each in (generate(n, "hang"), Cancel(n))))
                await channel.drain()
            messages = await until_all(channel, *numbers)
            assert len(ends(messages)) == len(numbers)
            assert {how for _, how in ends(messages)} <= {"cancelled", "overloaded"}
            assert host.scheduler.running == host.scheduler.queued == 0
            async with client_of(model) as client:
                await client.wait_ready(60)
                assert (await collect(client))[0] == "1 + 1"

    async def test_a_client_that_never_reads_does_not_hold_the_engine(
        self,
        host_of: HostOf,
        script: Script,
        client_of: ClientOf,
        eventually: Eventually,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(inference.session, "READ_PATIENCE_S", 0.3, raising=False)
        large = {"when": {"prefix_ends_with": "large"}, "reply": ["x" * 10_000] * 1000}
        model = script(large, ANSWER)
        async with host_of(model) as host, raw(Endpoint.of(model)) as channel:
            channel.send(*(generate(number, "large") for number in range(4)))
            await eventually(lambda: host.scheduler.running == 4)
            async with client_of(model) as client:
                await client.wait_ready(60)
                async with asyncio.timeout(40):
                    assert (await collect(client))[0] == "1 + 1"

    async def test_a_slow_reader_gets_all_of_it(
        self, host_of: HostOf, script: Script, client_of: ClientOf
    ) -> None:
        model = script({"reply": ["x" * 10_000] * 300})
        async with host_of(model), client_of(model) as client:
            await client.wait_ready(60)
            stream = client.generate(LAYOUT, Tail("", ""), Sampling(1000), Priority.CHAT)
            size = 0
            async with aclosing(stream):
                async for message in stream:
                    size += len(message.text) if isinstance(message, Delta) else 0
                    await asyncio.sleep(0)
            assert size == 3_000_000


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


class TestLostConnection:
    async def test_nothing_waits_for_a_connection_that_has_ended(
        self, host_of: HostOf, script: Script
    ) -> None:
        model = script(ANSWER)
        async with host_of(model):
            connection = await Connection.open(Endpoint.of(model), "test")
            assert connection is not None
            connection.shut_down_host()
            assert isinstance(await connection.run(lambda: None), Goodbye)
            async with asyncio.timeout(60):
                with pytest.raises(HostUnavailable):
                    await anext(
                        connection.generate(LAYOUT, Tail("", ""), Sampling(1), Priority.CHAT)
                    )
                with pytest.raises(HostUnavailable):
                    await connection.stats()

    async def test_a_host_that_goes_during_an_upload_ends_the_request(
        self, host_of: HostOf, script: Script, client_of: ClientOf, eventually: Eventually
    ) -> None:
        model = script(ANSWER)
        layout = layout_of(*(f"# {number}\n" * 100_000 for number in range(20)))
        async with host_of(model) as host, client_of(model) as client:
            await client.wait_ready(60)
            asking = [asyncio.create_task(collect(client, layout=layout)) for _ in range(3)]
            await eventually(lambda: host.store.chunk_count > 2)
            host.stop("host_stopped", "in the middle")
            async with asyncio.timeout(60):
                results = await asyncio.gather(*asking, return_exceptions=True)
            assert [type(result) for result in results] == [HostUnavailable] * 3

    async def test_requests_at_the_moment_a_host_dies_end(
        self, script: Script, client_of: ClientOf
    ) -> None:
        """A keystroke never waits: it is served, or told that there is no host."""
        async with client_of(script(ANSWER)) as client:
            await client.wait_ready(60)
            pid = client.host_pid
            assert pid is not None
            requests = [asyncio.create_task(collect(client)) for _ in range(5)]
            os.kill(pid, signal.SIGKILL)
            while client.host_pid == pid:
                requests.append(asyncio.create_task(collect(client)))
                requests.append(asyncio.create_task(collect(client, layout=layout_of("z\n"))))
                await asyncio.sleep(0)
            async with asyncio.timeout(60):
                results = await asyncio.gather(*requests, return_exceptions=True)
            assert {type(result) for result in results} <= {tuple, HostUnavailable}
            assert HostUnavailable in map(type, results)

    @pytest.mark.parametrize(
        "said",
        [
            pytest.param(Hello(1, "", ""), id="a client's message"),
            pytest.param(b"\xff\xff\xff\xff", id="a frame too large"),
            pytest.param(b"\0\0\0\1\xc1", id="no msgpack"),
        ],
    )
    async def test_a_host_that_speaks_nonsense_is_an_error(
        self, host_of: HostOf, script: Script, said: HostMessage | bytes
    ) -> None:
        model = script(ANSWER)
        async with host_of(model) as host:
            connection = await Connection.open(Endpoint.of(model), "test")
            assert connection is not None
            (session,) = host._sessions
            if isinstance(said, bytes):
                session.channel._writer.write(said)
            else:
                session.channel.send(said)
            with pytest.raises(WireError):
                await connection.run(lambda: None)
            with suppress(HostUnavailable):
                await connection.stats()


async def test_get_stats_and_status_are_answered_in_order(host_of: HostOf, script: Script) -> None:
    model = script(ANSWER)
    async with host_of(model), raw(Endpoint.of(model)) as channel:
        channel.send(GetStats(), GetStatus(), GetStats())
        kinds = [type(await channel.receive()) for _ in range(3)]
        assert kinds == [Stats, Status, Stats]
