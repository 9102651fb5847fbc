"""A fix's samples on real vLLM: the prompt that they share is read for the first one alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from inference.client import InferenceClient
from inference.content import Message
from inference.protocol import Done, Priority
from inference.sampling import Sampling
from lsp_server.agent.sample_proposer import SAMPLES, SampleProposer
from lsp_server.agent.task import Request, Task
from tests.with_vllm.completing import lines
from tests.with_vllm.conftest import MAX_MODEL_LEN, START_TIMEOUT_S, Served

LEAST_SHARE = 0.95
TASK = Task(
    # Long, since a block of a hybrid model's cache holds many tokens.
    Request(f"mend() loses the last of these lines:\n{lines(0, 220)}"),
    {"mend.py": lines(1000, 60)},
    (),
    failing=("test_mend.py::test_all_lines",),
    output="AssertionError: 219 != 220",
)


def watch_chats(client: InferenceClient, into: asyncio.Queue[Done]) -> None:
    """Has the client tell how its conversations end."""
    chat = client.chat

    async def watched(
        messages: Sequence[Message], sampling: Sampling, priority: Priority, **rest: Any
    ) -> AsyncGenerator[Any, None]:
        async with contextlib.aclosing(chat(messages, sampling, priority, **rest)) as stream:
            async for message in stream:
                if isinstance(message, Done):
                    into.put_nowait(message)
                yield message

    client.chat = watched  # type: ignore[method-assign]


def test_the_samples_of_a_fix_share_what_was_read(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        ended: asyncio.Queue[Done] = asyncio.Queue()
        watch_chats(client, ended)
        rounds = SampleProposer(client).rounds(TASK, (), START_TIMEOUT_S)
        asking = asyncio.create_task(anext(rounds))
        try:
            done = await ended.get()
        finally:
            asking.cancel()  # what random weights answer is not asked for again
            await asyncio.wait([asking])
        assert client.capabilities is not None
        prompt = done.usage.prompt_tokens
        assert prompt > MAX_MODEL_LEN / 2
        whole_blocks = prompt - prompt % client.capabilities.cache_block_tokens
        assert done.usage.cached_tokens < (1 - LEAST_SHARE) * whole_blocks
        assert len(done.others) == SAMPLES - 1
        assert all(it.cached_tokens >= LEAST_SHARE * whole_blocks for it in done.others), done

    served.run(test)
