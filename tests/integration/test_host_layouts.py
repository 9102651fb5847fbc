"""Layouts that a host holds: put, evicted, sent again, and requests that come too early."""

from __future__ import annotations

import asyncio
import gc

import pytest

from inference.endpoint import Endpoint
from inference.engines.scripted import ScriptedEngine
from inference.errors import EngineFailed, UnknownLayout, WireError
from inference.protocol import Goodbye, LayoutReady, PutChunk, PutLayout
from inference.store import MAX_LAYOUTS, PromptStore

from .hosts import (
    ANSWER,
    LAYOUT,
    ClientOf,
    Eventually,
    HostOf,
    Script,
    collect,
    ends,
    generate,
    layout_of,
    raw,
    until_all,
)


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
