"""What the host promises, kept by real vLLM: for a dense and for a hybrid model."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from inference.client import InferenceClient
from inference.content import Layout
from inference.endpoint import Endpoint
from inference.errors import PromptTooLong, UnsupportedRequest
from inference.protocol import (
    MAX_FRAME_BYTES,
    PROTOCOL_VERSION,
    FinishReason,
    GetStatus,
    Hello,
    Priority,
    PutChunk,
    Status,
    Tail,
    Welcome,
)
from inference.sampling import Sampling
from inference.store import MAX_CHUNK_BYTES
from inference.transport import Channel
from tests.with_vllm.completing import complete, layout_of, lines
from tests.with_vllm.conftest import MAX_MODEL_LEN, SLOTS, START_TIMEOUT_S, Served


def test_tokens_stream_and_the_same_prompt_gets_the_same_answer(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        layout = layout_of(lines(0, 20))
        first, second = [await complete(client, layout) for _ in range(2)]
        assert first.text
        assert first.deltas > 1
        assert first.done.finish is FinishReason.LENGTH
        assert first.done.usage.generated_tokens == 8
        assert second.text == first.text

    served.run(test)


def test_a_stop_string_ends_an_answer_and_is_not_sent(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        layout = layout_of(lines(0, 20))
        whole = (await complete(client, layout)).text
        stop = whole[len(whole) // 2 :][:2]
        answer = await complete(client, layout, stop=[stop])
        assert answer.done.finish is FinishReason.STOP
        assert answer.text == whole[: whole.index(stop)]

    served.run(test)


def test_what_does_not_change_comes_from_the_cache_after_a_warm_up(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        layout = layout_of(lines(100, 60), lines(200, 60))
        await complete(client, layout, "", max_tokens=1, priority=Priority.WARM_UP)
        assert client.capabilities is not None
        block = client.capabilities.cache_block_tokens
        for typed in ("v", "va", "val"):
            usage = (await complete(client, layout, typed)).done.usage
            assert usage.cached_tokens % block == 0
            assert usage.cached_tokens > usage.prompt_tokens - 2 * block
            assert usage.cached_tokens > 0

    served.run(test)


def test_the_host_counts_tokens_exactly(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        layout = layout_of(lines(300, 10))
        await complete(client, layout)
        counts = client.token_counts(layout)
        assert counts is not None
        assert counts.exact
        assert counts.token_counts[0] > 10

    served.run(test)


def test_a_cancelled_request_frees_its_slot(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        layout = layout_of(lines(0, 20))
        stream = client.generate(
            layout, Tail("x", ""), Sampling(max_tokens=3000), Priority.COMPLETION
        )
        async with contextlib.aclosing(stream):
            async for _ in stream:
                break
        # Requests are handled in order: when this one is served, the other is gone.
        await complete(client, layout)
        assert (await client.stats()).running == 0

    served.run(test)


def test_a_completion_goes_before_what_is_less_urgent(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        layout = layout_of(lines(0, 20))
        await complete(client, layout, max_tokens=1)  # what is asked next need not be sent first
        ended: list[str] = []

        async def ask(name: str, max_tokens: int, priority: Priority) -> None:
            await complete(client, layout, name, max_tokens=max_tokens, priority=priority)
            ended.append(name)

        # All are sent at once, and one connection's answers end here in the order in which they
        # ended there: a client that gets little of a busy processor sees the same order.
        async with asyncio.TaskGroup() as requests:
            for number in range(4 * SLOTS):
                requests.create_task(ask(f"chat {number}", 200, Priority.CHAT))
            requests.create_task(ask("completion", 2, Priority.COMPLETION))
        # It waits for slots that are taken, never for the queue: as it came, it would be the last.
        assert ended.index("completion") <= 2 * SLOTS

    served.run(test)


def test_two_clients_share_a_host(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        async with served.client() as other:
            assert other.host_pid == client.host_pid
            layout = layout_of(lines(0, 20))
            answers = await asyncio.gather(complete(client, layout), complete(other, layout))
        assert answers[0].text == answers[1].text

    served.run(test)


def test_layouts_that_the_host_has_let_go_are_sent_again(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        first = layout_of(lines(0, 5), path="first.py")
        before = await complete(client, first)
        for number in range(70):
            layout = layout_of(lines(number, 2), path=f"{number}.py")
            await complete(client, layout, max_tokens=1)
        assert (await complete(client, first)).text == before.text

    served.run(test)


async def fill_the_store(served: Served) -> None:
    """Puts chunks that no layout names, as another window might, until all others have gone."""
    streams = await Endpoint.of(served.model, served.engine_args).connect()
    assert streams is not None
    reader, writer, address = streams
    channel = Channel(reader, writer)
    channel.send(Hello(PROTOCOL_VERSION, address.token, "another window"))
    size = MAX_FRAME_BYTES // 2
    for number in range(MAX_CHUNK_BYTES // size + 2):
        channel.send(PutChunk(f"{number:>{size}}"))
        await channel.drain(START_TIMEOUT_S)
    channel.send(GetStatus())
    welcome, status = await channel.receive(), await channel.receive()
    assert isinstance(welcome, Welcome)
    assert isinstance(status, Status)  # messages are handled in order: all has been taken in
    await channel.close()


def test_a_chunk_that_the_host_has_let_go_is_sent_again(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        kept, other = lines(700, 10), lines(800, 10)
        before = await complete(client, layout_of(kept, other))
        await fill_the_store(served)
        # The client believes that the host holds both chunks.
        again = await complete(client, layout_of(kept, other, path="b.py"))
        assert again.text
        assert again.done.usage.prompt_tokens >= before.done.usage.prompt_tokens

    served.run(test)


def test_a_prompt_that_is_too_long_is_refused_with_both_numbers(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        with pytest.raises(PromptTooLong, match=rf"\d+ more than .* {MAX_MODEL_LEN}"):
            await complete(client, layout_of(lines(0, 2000)))
        assert (await complete(client, layout_of(lines(0, 20)))).text

    served.run(test)


def test_the_shortest_prompt_does_not_harm_the_engine(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        nothing = Layout.of([])
        with contextlib.suppress(UnsupportedRequest):
            await complete(client, nothing, "", max_tokens=1)
        assert (await complete(client, layout_of(lines(0, 20)))).text

    served.run(test)
