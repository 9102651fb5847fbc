"""Layouts for real vLLM, and whole answers to them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from inference.client import InferenceClient
from inference.content import Layout, LayoutSection, TextChunk
from inference.protocol import Delta, Done, Priority, Role, Tail
from inference.sampling import Sampling


@dataclass(frozen=True)
class Answer:
    text: str
    deltas: int
    done: Done


def layout_of(*texts: str, path: str = "a.py") -> Layout:
    chunks = tuple(TextChunk.of(text) for text in texts)
    return Layout.of([LayoutSection(Role.PREFIX, path, chunks)])


def lines(start: int, count: int) -> str:
    return "".join(f"value_{number} = {number}\n" for number in range(start, start + count))


async def complete(
    client: InferenceClient,
    layout: Layout,
    prefix: str = "value = ",
    *,
    max_tokens: int = 8,
    priority: Priority = Priority.COMPLETION,
    stop: Sequence[str] = (),
) -> Answer:
    text, deltas = "", 0
    sampling = Sampling(max_tokens=max_tokens, stop=tuple(stop))
    stream = client.generate(layout, Tail(prefix, "\n"), sampling, priority)
    async with contextlib.aclosing(stream):
        async for message in stream:
            if isinstance(message, Delta):
                text += message.text
                deltas += 1
            else:
                return Answer(text, deltas, message)
    raise AssertionError("the stream ended without Done")
