"""wren behind a host: what reaches a client of its caches, its limits and its loading."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from inference.client import InferenceClient
from inference.content import Layout, LayoutSection, TextChunk
from inference.errors import EngineFailed, PromptTooLong
from inference.protocol import Delta, Done, Priority, Role, Tail
from inference.sampling import Sampling
from tests import tiny_wren
from tests.tiny_wren import SHAPE, TEXT

from .hosts import ClientOf


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_wren.write_package(tmp_path_factory.mktemp("wren"))


def layout_of(text: str) -> Layout:
    return Layout.of([LayoutSection(Role.PREFIX, "files.py", (TextChunk.of(text),))])


async def collect(client: InferenceClient, typed: str, layout: Layout) -> tuple[str, Done]:
    text = ""
    sampling = Sampling(max_tokens=8)
    stream = client.generate(layout, Tail(typed, "\n"), sampling, Priority.COMPLETION)
    async with aclosing(stream):
        async for message in stream:
            if isinstance(message, Delta):
                text += message.text
            else:
                return text, message
    raise AssertionError("no Done")


async def test_windows_share_what_was_read(client_of: ClientOf, package: Path) -> None:
    layout = layout_of(TEXT)
    async with client_of(f"wren:{package}") as one, client_of(f"wren:{package}") as other:
        await one.wait_ready(60)
        text, done = await collect(one, "def re", layout)
        assert done.usage.cached_tokens == 0
        again, done = await collect(other, "def re", layout)
        assert again == text
        assert done.usage.cached_tokens == done.usage.prompt_tokens - 1


async def test_a_request_that_is_dropped_leaves_the_engine_free(
    client_of: ClientOf, package: Path
) -> None:
    layout = layout_of(TEXT)
    async with client_of(f"wren:{package}") as client:
        await client.wait_ready(60)
        expected, _ = await collect(client, "def re", layout)
        for _ in range(5):
            long = client.generate(
                layout, Tail("with open(", "\n"), Sampling(200), Priority.COMPLETION
            )
            async with aclosing(long):
                await anext(long)
        answers = await asyncio.gather(*(collect(client, "def re", layout) for _ in range(4)))
        assert [text for text, _ in answers] == [expected] * 4


async def test_a_prompt_that_is_too_long_is_told_apart(client_of: ClientOf, package: Path) -> None:
    async with client_of(f"wren:{package}") as client:
        await client.wait_ready(60)
        with pytest.raises(PromptTooLong, match=f"context of {SHAPE.context}"):
            await collect(client, "x", layout_of("0 = 1\n" * SHAPE.context))


async def test_missing_weights_end_the_host_with_a_reason(
    client_of: ClientOf, tmp_path: Path
) -> None:
    async with client_of(f"wren:{tmp_path}") as client:
        with pytest.raises(EngineFailed, match=r"wren\.json is missing"):
            await client.wait_ready(60)


async def test_what_stands_elsewhere_is_proposed(client_of: ClientOf, package: Path) -> None:
    """The text is a file of which the model is shown nothing."""
    line = "    return compute_checksum(payload, initial=seed)\n"
    stated = "".join(f"def check_{it}(payload, seed):\n{line}\n" for it in range(6))
    shown = Layout.of(
        [
            LayoutSection(Role.PREFIX, "own.py", (TextChunk.of("def check(payload, seed):\n"),)),
            LayoutSection(Role.REFERENCE, "other.py", (TextChunk.of(stated),)),
        ]
    )
    async with client_of(f"wren:{package}") as client:
        await client.wait_ready(60)
        assert client.capabilities is not None
        assert client.capabilities.references
        text, done = await collect(client, "    return compute_", shown)
        assert text.startswith("checksum(payload")
        assert done.usage.prompt_tokens < 30
        counted = client.token_counts(shown)
        assert counted is not None
        assert counted.token_counts[1] == 0


async def test_the_weights_that_come_with_sparrow_complete(client_of: ClientOf) -> None:
    """By the name alone, with text that stands nowhere else."""
    async with client_of("wren") as client:
        await client.wait_ready(60)
        text, done = await collect(
            client, "    with open(path) as ", layout_of("def size(path):\n")
        )
        assert text.strip()
        assert done.usage.generated_tokens > 0
