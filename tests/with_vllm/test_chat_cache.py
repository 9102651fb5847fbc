"""A chat on real vLLM: the second turn begins with what the first one left in the cache."""

from __future__ import annotations

import os
from pathlib import Path

from inference.client import InferenceClient
from inference.content import Layout, LayoutSection, TextChunk
from inference.protocol import Role
from lsp_server.chat.answering import Answering, Limits
from lsp_server.chat.blocks import Block, Piece, file_title
from lsp_server.chat.live_answer import LiveAnswer
from lsp_server.chat.prompt import SYSTEM, begin_turn, end_turn
from lsp_server.chat.transcript import Entry, Mention, PromptLog
from tests.with_vllm.conftest import MAX_MODEL_LEN, Served

ANSWER_TOKENS = 16
LEFT_TOKENS = 800  # for the template, two questions and two answers
LEAST_SHARE = 0.95

Turned = tuple[PromptLog, Entry]


async def ask(client: InferenceClient, log: PromptLog, name: str, pieces: list[Piece]) -> Turned:
    live = LiveAnswer("c", name, lambda _: None)
    turn = begin_turn(log, name, f"What is {name}?", pieces)
    answering = Answering(client, live, None)
    await answering.run(turn.log.messages, Limits(ANSWER_TOKENS), thinking=False)
    return end_turn(turn.log, answering.appended, answering.tokens), live.close("done")


async def tokens_of(client: InferenceClient, text: str) -> int:
    layout = Layout.of([LayoutSection(Role.CONTEXT, "", (TextChunk.of(text),))])
    counted = await client.count(layout)
    assert counted.exact
    return counted.token_counts[0]


async def make_piece(client: InferenceClient) -> Piece:
    """As much of a file as the model's context holds beside the rest."""
    room = MAX_MODEL_LEN - LEFT_TOKENS - await tokens_of(client, SYSTEM)
    text = (Path(os.__file__).parent / "textwrap.py").read_text()
    shown = text[: int(len(text) * room / await tokens_of(client, text))]
    block = Block.of(file_title("textwrap.py"), shown.rpartition("\n")[0])
    return Piece(Mention("file", "file:///textwrap.py", "textwrap.py"), (block,), is_pinned=True)


def test_the_second_turn_is_nearly_all_in_the_cache(served_alone: Served) -> None:
    async def test(client: InferenceClient) -> None:
        piece = await make_piece(client)
        log, first = await ask(client, PromptLog(), "wrap", [piece])
        assert first.usage is not None
        assert first.usage.prompt_tokens > MAX_MODEL_LEN / 2
        _, second = await ask(client, log, "fill", [piece])  # which is not shown again
        assert second.usage is not None
        share = second.usage.cached_tokens / second.usage.prompt_tokens
        assert share >= LEAST_SHARE, second.usage

    served_alone.run(test)
