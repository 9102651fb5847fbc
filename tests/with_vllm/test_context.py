"""The language server's context on real vLLM: it fits, and what was read ahead is in the cache."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

from inference.client import InferenceClient
from inference.content import Layout
from inference.protocol import Done, Priority, Tail, Usage
from inference.sampling import Sampling
from lsp_server.config import Config
from lsp_server.context.budget import ANSWER_TOKENS, Limits
from lsp_server.context.stream import ContextStream
from lsp_server.features.warm_up import WarmUpFeature
from lsp_server.workspace.documents import Document, Documents, Edit, Position
from tests.with_vllm.conftest import MAX_MODEL_LEN, Served

PATIENCE_S = 60.0
SOURCES = Path(os.__file__).parent


class Window:
    """Three large files, of which the last one is edited in its middle."""

    def __init__(self, client: InferenceClient) -> None:
        self.client = client
        self.documents = Documents()
        self.context = ContextStream(
            self.documents,
            lambda it: it.uri,
            lambda _: False,
            limits=lambda: Limits.of("model", client.capabilities),
            counts=client.token_counts,
        )
        self.warm_up = WarmUpFeature(
            documents=self.documents,
            context=self.context,
            config=Config,
            client=lambda: client,
            exclusion=lambda _: "",
        )
        for name in ("textwrap.py", "shlex.py", "heapq.py"):
            text = (SOURCES / name).read_text()
            self.document = self.documents.open(name, "python", 1, text)
        self.cursor = Position(len(self.document.lines) // 2, 0)
        self.type("\n")
        self.cursor = Position(self.cursor.line - 1, 0)

    def type(self, text: str) -> None:
        edit = Edit(self.cursor, self.cursor, text)
        self.document.apply(edit)
        self.document.version += 1
        self.cursor = edit.caret

    def shown(self) -> tuple[Layout, Tail]:
        return self.context.at(self.document, self.cursor)

    async def complete(self) -> Usage:
        sampling = Sampling(max_tokens=ANSWER_TOKENS)
        stream = self.client.generate(*self.shown(), sampling, Priority.COMPLETION)
        async with contextlib.aclosing(stream):
            async for message in stream:
                if isinstance(message, Done):
                    return message.usage
        raise AssertionError("the stream ended without Done")

    async def until_read(self, document: Document, cursor: Position | None) -> Layout:
        """Waits until the model has read what it is shown there, and nothing is left to be read."""
        self.warm_up.turned_to(document.uri, cursor)
        async with asyncio.timeout(PATIENCE_S):
            while self.warm_up._pause is not None or self.warm_up._reading is not None:
                await self.client.stats()
        if cursor is not None:
            layout, tail = self.shown()
        else:
            layout, tail = self.context.without_cursor(document), Tail("", "")
        assert self.warm_up.is_warm(layout, tail)
        return layout

    def tokens(self, layout: Layout) -> int:
        counted = self.client.token_counts(layout)
        assert counted is not None
        return sum(counted.token_counts)


def test_large_files_leave_room_for_the_answer(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        window = Window(client)
        for _ in range(3):
            usage = await window.complete()
            assert usage.generated_tokens == ANSWER_TOKENS
            assert usage.prompt_tokens < MAX_MODEL_LEN - ANSWER_TOKENS
            assert window.context.left_out()
            window.context.end_epoch()
        # What the model counted has taken the place of the first guess.
        assert usage.prompt_tokens > 0.5 * MAX_MODEL_LEN

    served.run(test)


def test_a_first_completion_finds_in_the_cache_what_was_read_ahead(served: Served) -> None:
    async def test(client: InferenceClient) -> None:
        assert client.capabilities is not None
        block = client.capabilities.cache_block_tokens
        window = Window(client)
        for name in ("textwrap.py", "shlex.py"):  # what no other test has had the model read
            document = window.documents.get(name)
            assert document is not None
            document.apply(Edit(Position(0, 0), Position(0, 0), f"# read ahead: {name}\n"))
            document.version += 1

        # The file was opened: the others are read, wherever the cursor will be.
        others = window.tokens(await window.until_read(window.document, None))
        assert others > block
        cached = (await window.complete()).cached_tokens
        assert others // block * block <= cached

        # The user pauses: all is read that stands before the cursor's line.
        stable = window.tokens(await window.until_read(window.document, window.cursor))
        for character in "total":
            window.type(character)
            cached = (await window.complete()).cached_tokens
            assert stable // block * block <= cached
        await window.warm_up.close()

    served.run(test)
