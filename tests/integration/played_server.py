"""Servers on real sockets, which play vLLM, llama.cpp, Ollama, and worse.

Each route is a coroutine that writes to the socket what it likes, so that they can stall, cut
connections, and see theirs being closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from inference.engines.base import Piece
from inference.engines.openai import OpenAiEngine
from inference.engines.openai_connection import Limits
from inference.prompt import Chunk, Prompt, PromptLayout, PromptSection
from inference.protocol import Priority, Role, Tail
from inference.sampling import Sampling

# No busy machine is too slow for these; where a limit is to be reached, it is made small.
LIMITS = Limits(
    connect_s=60.0, answer_s=60.0, loading_s=60.0, stall_s=60.0, ending_s=60.0, probe_s=60.0
)
SHORT = replace(LIMITS, answer_s=1.0, stall_s=1.0)
AT_ONCE_S = 20.0  # that is, without waiting for any limit; it takes some milliseconds
SPECIAL_TOKENS = {
    "<|fim_prefix|>": 3, "<|fim_middle|>": 4, "<|fim_suffix|>": 5, "<|fim_pad|>": 6,
    "<|repo_name|>": 7, "<|file_sep|>": 8, "<|endoftext|>": 0,
}  # fmt: skip
PROMPT: Prompt[int] = Prompt(
    PromptLayout(
        (
            PromptSection(Role.SUFFIX, "main.py", (Chunk("print(größe)\n", range(4)),)),
            PromptSection(Role.PREFIX, "main.py", (Chunk("import os\n", range(3)),)),
        )
    ),
    Tail("größe = ", "\n"),
)


@dataclass
class Exchange:
    """One request, and the socket to answer it on."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    connection: int

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def send_json(self, value: Any, status: int = 200) -> None:
        body = json.dumps(value).encode()
        await self.write(
            f"HTTP/1.1 {status} Whatever\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n".encode()
            + body
        )

    async def start_stream(self, kind: str = "text/event-stream") -> None:
        await self.write(
            f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
        )

    async def send_chunk(self, data: bytes) -> None:
        await self.write(b"%x\r\n%b\r\n" % (len(data), data))

    async def send_event(self, event: Any) -> None:
        text = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
        await self.send_chunk(f"data: {text}\n\n".encode())

    async def end_stream(self) -> None:
        await self.write(b"0\r\n\r\n")

    async def stream(self, *events: Any) -> None:
        await self.start_stream()
        for event in events:
            await self.send_event(event)
        await self.end_stream()

    async def peer_closes(self) -> None:
        """Waits for the end of the connection."""
        assert await self.reader.read(1) == b""


Route = Callable[[Exchange], Awaitable[None]]


@dataclass
class PlayedServer:
    routes: dict[str, Route] = field(default_factory=dict)
    exchanges: list[Exchange] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def asked(self, path: str) -> list[Exchange]:
        return [each for each in self.exchanges if each.path == path]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = self.connections
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n"):
                method, path, _ = head[0].split()
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in head[1:] if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                exchange = Exchange(
                    method, path, headers, json.loads(body or b"null"), reader, writer, connection
                )
                self.exchanges.append(exchange)
                route = self.routes.get(path)
                if route is None:
                    await exchange.send_json({"detail": "Not Found"}, 404)
                else:
                    await route(exchange)
                if writer.is_closing():
                    return


@contextlib.asynccontextmanager
async def playing(routes: dict[str, Route]) -> AsyncIterator[PlayedServer]:
    """Runs a server of the given routes."""
    server = PlayedServer(routes)
    handlers: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            await server.serve(reader, writer)
        except asyncio.CancelledError:
            return
        finally:
            handlers.discard(task)
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for handler in list(handlers):
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)


def models(*entries: dict[str, Any]) -> Route:
    async def answer(exchange: Exchange) -> None:
        await exchange.send_json({"object": "list", "data": list(entries)})

    return answer


def json_of(value: Any, status: int = 200) -> Route:
    async def answer(exchange: Exchange) -> None:
        await exchange.send_json(value, status)

    return answer


def events(*given: Any) -> Route:
    async def answer(exchange: Exchange) -> None:
        await exchange.stream(*given)

    return answer


def said(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "text": text, "finish_reason": finish}]}


@contextlib.asynccontextmanager
async def loaded(
    url: str, *, limits: Limits = LIMITS, **engine_args: Any
) -> AsyncIterator[OpenAiEngine]:
    engine = OpenAiEngine(url, {"fim_order": "psm", **engine_args}, limits=limits)
    await engine.load(lambda _message, _progress: None)
    try:
        yield engine
    finally:
        await engine.close()


async def complete(engine: OpenAiEngine, prompt: Prompt[int] = PROMPT) -> list[Piece]:
    pieces = engine.generate(prompt, Sampling(20, stop=("\n\n",)), Priority.COMPLETION)
    return [piece async for piece in pieces]


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


async def tokenize(exchange: Exchange) -> None:
    """As vLLM does it: only the special tokens matter here."""
    found = [
        (SPECIAL_TOKENS.get(name, 99), name if name in SPECIAL_TOKENS else "?")
        for name in exchange.body["prompt"].split("\n")
    ]
    await exchange.send_json(
        {"tokens": [number for number, _ in found], "token_strs": [text for _, text in found]}
    )


def vllm(completions: Route) -> dict[str, Route]:
    return {
        "/v1/models": models({"id": "m", "owned_by": "vllm", "max_model_len": 4096}),
        "/tokenize": tokenize,
        "/v1/completions": completions,
    }


def other(completions: Route) -> dict[str, Route]:
    return {"/v1/models": models({"id": "qwen"}), "/v1/completions": completions}
