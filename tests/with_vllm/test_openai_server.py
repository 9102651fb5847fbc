"""The engine for OpenAI-compatible servers, against vLLM's own: one server of the dense shape."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from inference.engines import openai
from inference.engines.base import Piece
from inference.engines.openai import OpenAiEngine
from inference.engines.vllm_arguments import PRIVACY
from inference.engines.vllm_plugin import HOST_VARIABLE
from inference.errors import PromptTooLong
from inference.prompt import (
    Chunk,
    Conversation,
    Prompt,
    PromptLayout,
    PromptMessage,
    PromptSection,
)
from inference.protocol import ChatRole, FinishReason, Priority, Role, Tail
from inference.sampling import Sampling
from lsp_server.bench.checkpoints import make_dense
from lsp_server.bench.engine_peer import flags
from tests.with_vllm.completing import lines
from tests.with_vllm.conftest import MAX_MODEL_LEN, START_TIMEOUT_S

POLL_S = 0.2
BLOCK_TOKENS = 32
ARGUMENTS = {
    "max_model_len": MAX_MODEL_LEN,
    "max_num_seqs": 4,
    "enforce_eager": True,
    "block_size": BLOCK_TOKENS,
    "enable_prefix_caching": True,
    "scheduling_policy": "priority",
    "enable_prompt_tokens_details": True,
}
TOOL = {
    "type": "function",
    "function": {"name": "read", "description": "Reads a file.", "parameters": {"type": "object"}},
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the server."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "checkpoint").mkdir()
    checkpoint = make_dense(folder / "checkpoint")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "vllm.entrypoints.openai.api_server"),
                *("--model", str(checkpoint), "--host", "127.0.0.1", "--port", str(port)),
                *flags(ARGUMENTS),
            ],
            env={
                **os.environ,
                **PRIVACY,
                HOST_VARIABLE: str(os.getpid()),  # its processes end with this one
                "VLLM_CPU_KVCACHE_SPACE": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _until_it_listens(server, port, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(START_TIMEOUT_S)


def _until_it_listens(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(POLL_S)
    raise AssertionError(log.read_text())


def run(url: str, test: Callable[[OpenAiEngine], Awaitable[None]]) -> None:
    """Runs a test with an engine of its own; random weights know no order of filling in."""

    async def body() -> None:
        engine = OpenAiEngine(url, {"fim_order": "spm"})
        await engine.load(lambda _message, _progress: None)
        try:
            await test(engine)
        finally:
            await engine.close()

    asyncio.run(body())


def prompt(engine: OpenAiEngine, text: str, typed: str = "value = ") -> Prompt[int]:
    chunk = Chunk(text, engine.encode(text))
    section = PromptSection(Role.PREFIX, "a.py", (chunk,))
    return Prompt(PromptLayout((section,)), Tail(typed, "\nend = 1\n"))


async def text_and_end(pieces: AsyncGenerator[Piece, None]) -> tuple[str, Piece]:
    found = [piece async for piece in pieces]
    return "".join(piece.text for piece in found), found[-1]


def test_prompts_are_ids_and_say_what_text_would(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[str] = []
    counts: list[int | None] = []

    async def test(engine: OpenAiEngine) -> None:
        asked = prompt(engine, lines(0, 40))
        answer = engine.generate(asked, Sampling(max_tokens=12), Priority.COMPLETION)
        text, last = await text_and_end(answer)
        assert last.finish is FinishReason.LENGTH
        answers.append(text)
        counts.append(last.prompt_tokens)

    async def by_ids(engine: OpenAiEngine) -> None:
        assert engine.capabilities.exact_token_counts
        assert list(engine.encode("x = 1\n")) != list(range(len(engine.encode("x = 1\n"))))
        await test(engine)

    async def by_text(engine: OpenAiEngine) -> None:
        assert not engine.capabilities.exact_token_counts
        await test(engine)

    async def none(*_arguments: object) -> None:
        return None

    run(url, by_ids)
    monkeypatch.setattr(openai, "find_prompts", none)
    run(url, by_text)
    assert answers[0] == answers[1] != ""
    assert counts[0] == counts[1]


def test_what_was_read_ahead_is_in_the_servers_cache(url: str) -> None:
    async def test(engine: OpenAiEngine) -> None:
        asked = prompt(engine, lines(100, 60), "")
        await text_and_end(engine.generate(asked, Sampling(max_tokens=1), Priority.WARM_UP))
        for typed in ("v", "va"):
            asked = Prompt(asked.layout, Tail(typed, asked.tail.suffix))
            answer = engine.generate(asked, Sampling(max_tokens=2), Priority.COMPLETION)
            _, last = await text_and_end(answer)
            assert last.prompt_tokens is not None
            assert last.cached_tokens > last.prompt_tokens - 3 * BLOCK_TOKENS

    run(url, test)


def test_a_prompt_that_is_too_long_is_refused_with_both_numbers(url: str) -> None:
    async def test(engine: OpenAiEngine) -> None:
        asked = prompt(engine, lines(0, 2000))
        with pytest.raises(PromptTooLong, match=rf"\d+ more than .* {MAX_MODEL_LEN}"):
            await text_and_end(engine.generate(asked, Sampling(1), Priority.COMPLETION))

    run(url, test)


def test_a_conversation_with_tools_on_a_server_without_parsers(url: str) -> None:
    """Tools are not refused, and stand in the prompt; thinking is where the template opens it."""

    async def answer(
        engine: OpenAiEngine, tools: tuple[Mapping[str, Any], ...], *, thinking: bool | None
    ) -> tuple[list[Piece], int]:
        question = "What does a.py hold?"
        message = PromptMessage(ChatRole.USER, (Chunk(question, engine.encode(question)),), (), "")
        conversation = Conversation((message,), tools, thinking)
        pieces = engine.chat(conversation, Sampling(max_tokens=8), Priority.CHAT)
        found = [piece async for piece in pieces]
        assert found[-1].prompt_tokens is not None
        return [piece for piece in found if piece.text.strip()], found[-1].prompt_tokens

    async def test(engine: OpenAiEngine) -> None:
        assert engine.capabilities.chat
        for thinking in (None, True, False):
            said, with_tool = await answer(engine, (TOOL,), thinking=thinking)
            assert {piece.thinking for piece in said} <= {thinking is not False}
            _, without = await answer(engine, (), thinking=thinking)
            assert with_tool > without + 10

    run(url, test)
