"""The engine for OpenAI-compatible servers on a mock transport, and answers to give it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx

from inference.engines.base import Piece
from inference.engines.openai import OpenAiEngine
from inference.engines.openai_connection import Limits
from inference.engines.openai_request import estimated_tokens
from inference.prompt import Chunk, Prompt, PromptLayout, PromptSection
from inference.protocol import FinishReason, Priority, Role, Tail
from inference.sampling import Sampling

LOCAL = "http://127.0.0.1:8000/v1"
STOP, LENGTH = FinishReason.STOP, FinishReason.LENGTH


def listing(*entries: Any) -> dict[str, Any]:
    return {"object": "list", "data": list(entries)}


def chunk(text: str) -> Chunk[int]:
    return Chunk(text, range(estimated_tokens(len(text))))


def layout_of(
    prefix: str, suffix: str, path: str = "src/main.py", **others: str
) -> PromptLayout[int]:
    sections = [PromptSection(Role.CONTEXT, name, (chunk(text),)) for name, text in others.items()]
    sections.append(PromptSection(Role.SUFFIX, path, (chunk(suffix),)))
    sections.append(PromptSection(Role.PREFIX, path, (chunk(prefix),)))
    return PromptLayout(tuple(sections))


Answer = Callable[[httpx.Request], httpx.Response]


def engine_of(
    answer: Answer, argument: str = LOCAL, *, loading_s: float = 60.0, **engine_args: Any
) -> tuple[OpenAiEngine, list[httpx.Request]]:
    asked: list[httpx.Request] = []

    def record(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer(request)

    limits = Limits(answer_s=60.0, loading_s=loading_s, ending_s=60.0, probe_s=60.0)
    transport = httpx.MockTransport(record)
    return OpenAiEngine(argument, engine_args, limits=limits, transport=transport), asked


def stream(*events: Any) -> httpx.Response:
    text = "".join(f"data: {event if event == '[DONE]' else json.dumps(event)}\n\n" for event in events)  # fmt: skip
    return httpx.Response(200, text=text, headers={"content-type": "text/event-stream"})


def said(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "text": text, "finish_reason": finish}]}


USAGE = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}}  # fmt: skip
SAMPLING = Sampling(20)
PROMPT = Prompt(layout_of("import os\n", "end()\n"), Tail("a = ", "\n"))


def load(engine: OpenAiEngine) -> list[str]:
    reported: list[str] = []

    async def run() -> None:
        await engine.load(lambda message, _: reported.append(message))
        await engine.close()

    asyncio.run(run())
    return reported


def complete(
    engine: OpenAiEngine, prompt: Prompt[int] = PROMPT, sampling: Sampling = SAMPLING
) -> list[Piece]:
    async def run() -> list[Piece]:
        await engine.load(lambda _message, _progress: None)
        try:
            return [p async for p in engine.generate(prompt, sampling, Priority.COMPLETION)]
        finally:
            await engine.close()

    return asyncio.run(run())


def server(*answers: httpx.Response, owner: str = "x", name: str = "qwen") -> Answer:
    """Serves one model; completions are answered by what is given, one after the other."""
    left = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/models":
            return httpx.Response(200, json=listing({"id": name, "owned_by": owner}))
        if request.url.path == "/v1/completions":
            return next(left)
        return httpx.Response(404, json={"detail": "Not Found"})

    return answer
