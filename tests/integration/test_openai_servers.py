"""The engine against servers on real sockets, which play vLLM, llama.cpp, Ollama, and worse.

The servers are written here: each route is a coroutine that writes to the socket what it likes, so
that they can stall, cut connections, and see theirs being closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from inference.client import InferenceClient
from inference.content import Message
from inference.engines.base import Piece
from inference.engines.openai import OpenAiEngine
from inference.engines.openai_connection import Limits
from inference.engines.openai_server import KEY_VARIABLE
from inference.errors import EngineFailed, InferenceError, PromptTooLong, RequestRefused
from inference.prompt import (
    Chunk,
    Conversation,
    Prompt,
    PromptLayout,
    PromptMessage,
    PromptSection,
)
from inference.protocol import (
    CallText,
    ChatRole,
    Delta,
    Done,
    FinishReason,
    Priority,
    Role,
    Tail,
)
from inference.sampling import Sampling

ClientOf = Callable[..., contextlib.AbstractAsyncContextManager[InferenceClient]]

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


@pytest.fixture
def played() -> Callable[..., contextlib.AbstractAsyncContextManager[PlayedServer]]:
    return playing


Played = Callable[[dict[str, Route]], contextlib.AbstractAsyncContextManager[PlayedServer]]


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


class TestServers:
    async def test_vllm(self, played: Played) -> None:
        usage = {
            "prompt_tokens": 20,
            "completion_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 16},
        }
        answer = events(said("ö"), said("s.cpu", "stop"), {"choices": [], "usage": usage}, "[DONE]")
        async with played(vllm(answer)) as server, loaded(server.url) as engine:
            pieces = await complete(engine)
            assert engine.capabilities.context_tokens == 4096
            await complete(engine)
        assert text_of(pieces) == "ös.cpu"
        assert sum(piece.token_count for piece in pieces) == 7
        assert (pieces[-1].finish, pieces[-1].cached_tokens) == (FinishReason.STOP, 16)
        first, second = (each.body for each in server.asked("/v1/completions"))
        assert first["prompt"] == (
            "<|file_sep|>main.py\n<|fim_prefix|>import os\ngröße = "
            "<|fim_suffix|>\nprint(größe)\n<|fim_middle|>"
        )
        assert first["stop_token_ids"] == sorted(SPECIAL_TOKENS.values())
        assert (first["stop"], first["priority"]) == (["\n\n"], 0)
        assert first["cache_salt"] == second["cache_salt"]
        assert server.connections == 1  # kept alive throughout

    async def test_llama_cpp(self, played: Played) -> None:
        async def tokens(exchange: Exchange) -> None:
            names = exchange.body["content"].split("\n")
            await exchange.send_json(
                {"tokens": [{"id": SPECIAL_TOKENS.get(name, 99), "piece": name} for name in names
                            if name in SPECIAL_TOKENS]}
            )  # fmt: skip

        props = {"default_generation_settings": {"n_ctx": 2048}, "total_slots": 2}
        routes = {
            "/v1/models": models(
                {"id": "/m/any.gguf", "owned_by": "llamacpp", "meta": {"n_ctx_train": 32768}}
            ),
            "/props": json_of(props),
            "/tokenize": tokens,
            "/v1/completions": events(said("1"), said("", "length"), "[DONE]"),
        }
        async with played(routes) as server, loaded(server.url) as engine:
            pieces = await complete(engine)
            assert engine.capabilities.fim  # by its vocabulary, for its name says nothing
            assert engine.capabilities.context_tokens == 2048
            assert engine.capabilities.parallel_requests == 2
        assert (text_of(pieces), pieces[-1].finish) == ("1", FinishReason.LENGTH)
        (asked,) = server.asked("/v1/completions")
        assert "<|fim_pad|>" in asked.body["stop"]
        assert not {"priority", "cache_salt", "stop_token_ids"} & asked.body.keys()

    async def test_llama_cpp_with_a_key_that_is_wrong(self, played: Played) -> None:
        routes = {
            "/v1/models": models({"id": "m", "owned_by": "llamacpp"}),  # which it shows to all
            "/props": json_of({"error": {"message": "Invalid API Key", "code": 401}}, 401),
        }
        async with played(routes) as server:
            with pytest.raises(EngineFailed, match="asks for a key"):
                async with loaded(server.url):
                    pass

    async def test_ollama(self, played: Played) -> None:
        async def generate(exchange: Exchange) -> None:
            if "prompt" not in exchange.body:
                await exchange.send_json({"response": "", "done": True, "done_reason": "load"})
                return
            await exchange.start_stream("application/x-ndjson")
            lines = [
                {"response": "1", "done": False},
                {"response": "2", "done": False},
                {"response": "", "done": True, "done_reason": "stop", "eval_count": 3},
            ]
            for line in lines:
                await exchange.send_chunk(json.dumps(line).encode() + b"\n")
            await exchange.end_stream()

        routes = {
            "/v1/models": models({"id": "qwen2.5-coder:latest", "owned_by": "library"}),
            "/api/version": json_of({"version": "0.12.0"}),
            "/api/ps": json_of(
                {"models": [{"name": "qwen2.5-coder:latest", "context_length": 8192}]}
            ),
            "/api/generate": generate,
        }
        async with played(routes) as server, loaded(f"{server.url}#qwen2.5-coder") as engine:
            pieces = await complete(engine)
            assert engine.capabilities.context_tokens == 8192
        assert text_of(pieces) == "12"
        assert sum(piece.token_count for piece in pieces) == 3
        asked = server.asked("/api/generate")[-1].body
        assert (asked["model"], asked["raw"]) == ("qwen2.5-coder:latest", True)
        assert asked["options"]["stop"][0] == "\n\n"

    async def test_one_that_is_still_loading(
        self, played: Played, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("inference.engines.openai._LOADING_POLL_S", 0.01)
        loading = json_of({"error": {"message": "Loading model", "code": 503}}, 503)
        routes = other(events(said("1", "stop")))
        ready = routes["/v1/models"]
        routes["/v1/models"] = loading
        async with played(routes) as server:
            reported: list[str] = []

            def report(message: str, _progress: float | None) -> None:
                reported.append(message)
                if "Loading model" in message:
                    server.routes["/v1/models"] = ready

            engine = OpenAiEngine(server.url, {"fim_order": "psm"}, limits=LIMITS)
            await engine.load(report)
            assert text_of(await complete(engine)) == "1"
            await engine.close()
        assert any("Loading model" in message for message in reported)


TOOL = {"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}
QUESTION = PromptMessage(ChatRole.USER, (Chunk("What is in a.py?", range(5)),), (), "")


async def converse(engine: OpenAiEngine, *, thinking: bool | None = None) -> list[Piece]:
    conversation = Conversation((QUESTION,), (TOOL,), thinking)
    pieces = engine.chat(conversation, Sampling(20), Priority.CHAT)
    return [piece async for piece in pieces]


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


class TestConversations:
    async def test_what_vllm_leaves_in_the_text_is_read_here(self, played: Played) -> None:
        """Its template opens the thinking where that is not switched off."""

        async def tokens(exchange: Exchange) -> None:
            if "prompt" in exchange.body:
                await tokenize(exchange)
                return
            switch = exchange.body.get("chat_template_kwargs", {}).get("enable_thinking", True)
            await exchange.send_json(
                {"token_strs": ["assistant", "\n", "<think>" if switch else ""]}
            )

        def answer(text: str) -> Route:
            usage = {"prompt_tokens": 30, "completion_tokens": 9}
            last = {"choices": [], "usage": usage}
            return events(chunk(content=text[:9]), chunk("stop", content=text[9:]), last, "[DONE]")

        call = "<tool_call><function=read></function></tool_call>"
        routes = {
            **vllm(events(said("1", "stop"), "[DONE]")),
            "/tokenize": tokens,
            "/v1/chat/completions": answer(f"Look. {call}</think>Yes."),
        }
        async with played(routes) as server, loaded(server.url) as engine:
            assert engine.capabilities.chat
            pieces = await converse(engine)
            server.routes["/v1/chat/completions"] = answer("Yes, it is.")
            plain = await converse(engine, thinking=False)
        assert text_of([piece for piece in pieces if piece.thinking]) == "Look. "
        assert text_of([piece for piece in pieces if not piece.thinking]) == "Yes."
        ((found,),) = [piece.calls for piece in pieces if piece.calls]
        assert isinstance(found, CallText)
        assert (found.name, found.arguments) == ("read", "{}")
        assert (pieces[-1].finish, pieces[-1].prompt_tokens) == (FinishReason.STOP, 30)
        assert sum(piece.token_count for piece in pieces) == 9
        assert text_of(plain) == "Yes, it is."
        assert not any(piece.thinking for piece in plain)

    async def test_what_a_server_tells_apart_stays_apart(self, played: Played) -> None:
        function = {"name": "read", "arguments": '{"path": "a.py"}'}
        routes = {
            **other(events(said("1", "stop"), "[DONE]")),
            "/v1/chat/completions": events(
                chunk(reasoning_content="Hm."),
                chunk(content="I look."),
                chunk(tool_calls=[{"index": 0, "id": "c", "function": function}]),
                chunk("tool_calls"),
                "[DONE]",
            ),
        }
        async with played(routes) as server, loaded(server.url) as engine:
            pieces = await converse(engine)
        assert [(piece.text, piece.thinking) for piece in pieces if piece.text] == [
            ("Hm.", True),
            ("I look.", False),
        ]
        assert [piece.calls for piece in pieces if piece.calls] == [
            (CallText("c", "read", '{"path": "a.py"}'),)
        ]
        assert pieces[-1].finish is FinishReason.STOP

    async def test_a_model_that_does_not_chat_completes_all_the_same(self, played: Played) -> None:
        refusing = json_of({"error": {"message": "no chat template", "code": 400}}, 400)
        routes = {**other(events(said("1", "stop"), "[DONE]")), "/v1/chat/completions": refusing}
        async with played(routes) as server, loaded(server.url) as engine:
            assert not engine.capabilities.chat
            assert text_of(await complete(engine)) == "1"

    async def test_one_that_is_slow_to_chat_does_not_hold_up_completions(
        self, played: Played
    ) -> None:
        async def stall(exchange: Exchange) -> None:
            await exchange.peer_closes()

        routes = {**other(events(said("1", "stop"), "[DONE]")), "/v1/chat/completions": stall}
        limits = replace(LIMITS, probe_s=0.2)
        async with played(routes) as server, loaded(server.url, limits=limits) as engine:
            assert engine.capabilities.chat  # slow is no refusal
            assert text_of(await complete(engine)) == "1"

    async def test_ask_goes_through_a_host_to_the_server(
        self, played: Played, client_of: ClientOf
    ) -> None:
        routes = {
            **other(events(said("1", "stop"), "[DONE]")),
            "/v1/chat/completions": events(
                chunk(content="Yes"), chunk("stop", content="."), "[DONE]"
            ),
        }
        async with (
            played(routes) as server,
            client_of(f"openai:{server.url}") as client,
        ):
            await client.wait_ready(60)
            answer = client.chat([Message.of(ChatRole.USER, "Is it?")], Sampling(9), Priority.CHAT)
            async with contextlib.aclosing(answer):
                messages = [message async for message in answer]
        assert "".join(it.text for it in messages if isinstance(it, Delta)) == "Yes."
        assert isinstance(messages[-1], Done)
        sent = server.asked("/v1/chat/completions")[-1].body["messages"]
        assert sent == [{"role": "user", "content": "Is it?"}]


class TestStreams:
    async def test_may_be_cut_anywhere(self, played: Played) -> None:
        async def byte_by_byte(exchange: Exchange) -> None:
            await exchange.start_stream()
            text = 'data: {"choices": [{"text": "größe 🐦"}]}\r\n\r\n: still here\r\n\r\n'
            text += 'data: {"choices": [{"text": "!", "finish_reason": "stop"}]}\r\n\r\n'
            for byte in text.encode():
                await exchange.send_chunk(bytes([byte]))
            await exchange.end_stream()

        async with played(other(byte_by_byte)) as server, loaded(server.url) as engine:
            assert text_of(await complete(engine)) == "größe 🐦!"

    async def test_a_piece_comes_as_soon_as_it_is_sent(self, played: Played) -> None:
        seen = asyncio.Event()

        async def wait_for_it(exchange: Exchange) -> None:
            await exchange.start_stream()
            await exchange.send_event(said("first"))
            await seen.wait()
            await exchange.send_event(said("second", "stop"))
            await exchange.end_stream()

        async with played(other(wait_for_it)) as server, loaded(server.url) as engine:
            pieces = engine.generate(PROMPT, Sampling(9), Priority.COMPLETION)
            assert (await anext(pieces)).text == "first"
            seen.set()
            assert [piece.text async for piece in pieces] == ["second", ""]

    async def test_one_that_stays_open_behind_its_end_is_not_waited_for(
        self, played: Played
    ) -> None:
        async def stay_open(exchange: Exchange) -> None:
            await exchange.start_stream()
            await exchange.send_event(said("1", "stop"))
            await exchange.peer_closes()

        limits = replace(LIMITS, ending_s=0.2)
        async with played(other(stay_open)) as server, loaded(server.url, limits=limits) as engine:
            async with asyncio.timeout(AT_ONCE_S):
                pieces = await complete(engine)
            assert (text_of(pieces), pieces[-1].finish) == ("1", FinishReason.STOP)

    async def test_connections_are_used_again(self, played: Played) -> None:
        routes = other(events(said("1", "stop"), "[DONE]"))
        async with played(routes) as server, loaded(server.url) as engine:
            for _ in range(5):
                await complete(engine)
            assert server.connections == 1

    async def test_a_connection_that_the_server_closed_meanwhile_is_replaced(
        self, played: Played
    ) -> None:
        async def once(exchange: Exchange) -> None:
            await exchange.stream(said("1", "stop"))
            exchange.writer.close()

        async with played(other(once)) as server, loaded(server.url) as engine:
            for _ in range(5):
                assert text_of(await complete(engine)) == "1"


class TestCancelling:
    @pytest.mark.parametrize("how", ["closing", "cancelling"])
    async def test_closes_the_socket_at_once(self, played: Played, how: str) -> None:
        closed = asyncio.Event()

        async def endless(exchange: Exchange) -> None:
            await exchange.start_stream()
            await exchange.send_event(said("1"))
            await exchange.peer_closes()
            closed.set()

        async with played(other(endless)) as server, loaded(server.url) as engine:
            pieces = engine.generate(PROMPT, Sampling(9), Priority.COMPLETION)
            assert (await anext(pieces)).text == "1"
            if how == "closing":
                await pieces.aclose()
            else:
                waiting = asyncio.ensure_future(anext(pieces))
                await asyncio.wait([waiting], timeout=0.02)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            async with asyncio.timeout(AT_ONCE_S):
                await closed.wait()

    async def test_closes_it_before_the_first_byte_too(self, played: Played) -> None:
        asked = asyncio.Event()
        closed = asyncio.Event()

        async def silent(exchange: Exchange) -> None:
            asked.set()
            await exchange.peer_closes()
            closed.set()

        async with played(other(silent)) as server, loaded(server.url) as engine:
            task = asyncio.create_task(complete(engine))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            async with asyncio.timeout(AT_ONCE_S):
                await closed.wait()

    async def test_leaves_other_requests_alone(self, played: Played) -> None:
        release = asyncio.Event()

        async def slow(exchange: Exchange) -> None:
            await exchange.start_stream()
            await exchange.send_event(said("1"))
            await release.wait()
            await exchange.send_event(said("2", "stop"))
            await exchange.end_stream()

        async with played(other(slow)) as server, loaded(server.url) as engine:
            kept = asyncio.create_task(complete(engine))
            dropped = engine.generate(PROMPT, Sampling(9), Priority.COMPLETION)
            await anext(dropped)
            await dropped.aclose()
            release.set()
            assert text_of(await kept) == "12"


async def cut(exchange: Exchange) -> None:
    exchange.writer.transport.abort()


async def cut_in_mid_stream(exchange: Exchange) -> None:
    await exchange.start_stream()
    await exchange.send_event(said("1"))
    exchange.writer.close()


async def stall(exchange: Exchange) -> None:
    await exchange.start_stream()
    await exchange.send_event(said("1"))
    await exchange.peer_closes()


async def stall_in_the_head(exchange: Exchange) -> None:
    await exchange.write(b"HTTP/1.1 200 OK\r\ncontent-type: text")
    await exchange.peer_closes()


async def garbage(exchange: Exchange) -> None:
    await exchange.write(b"\x00\x01\x02 this is not HTTP\r\n\r\n")
    exchange.writer.close()


class TestMisbehaviour:
    @pytest.mark.parametrize(
        ("route", "words"),
        [
            (cut, "was lost"),
            (cut_in_mid_stream, "was lost"),
            (stall, "sent nothing for 1 s"),
            (stall_in_the_head, "sent nothing for 1 s"),
            (garbage, "was lost"),
            (json_of({"error": "out of order"}, 500), "out of order"),
            (events({"error": {"message": "broke", "code": 500}}, "[DONE]"), "broke"),
        ],
    )
    async def test_of_one_request_refuses_that_request(
        self, played: Played, route: Route, words: str
    ) -> None:
        limits = SHORT if route in (stall, stall_in_the_head) else LIMITS
        async with played(other(route)) as server, loaded(server.url, limits=limits) as engine:
            with pytest.raises(RequestRefused, match=words):
                await complete(engine)
            server.routes["/v1/completions"] = events(said("1", "stop"), "[DONE]")
            assert text_of(await complete(engine)) == "1"

    async def test_what_came_before_it_was_delivered(self, played: Played) -> None:
        async with played(other(cut_in_mid_stream)) as server, loaded(server.url) as engine:
            pieces = engine.generate(PROMPT, Sampling(9), Priority.COMPLETION)
            assert (await anext(pieces)).text == "1"
            with pytest.raises(RequestRefused):
                await anext(pieces)

    @pytest.mark.parametrize("route", [cut, cut_in_mid_stream, stall, json_of({}, 500)])
    async def test_of_the_whole_server_fails_the_engine(self, played: Played, route: Route) -> None:
        async with played(other(route)) as server, loaded(server.url, limits=SHORT) as engine:
            server.routes["/v1/models"] = json_of({}, 500)
            with pytest.raises(EngineFailed, match="it answers 500"):
                await complete(engine)

    async def test_a_server_that_is_gone_fails_the_engine(self, played: Played) -> None:
        async with played(other(events(said("1", "stop")))) as server:
            engine = OpenAiEngine(server.url, {"fim_order": "psm"}, limits=LIMITS)
            await engine.load(lambda _message, _progress: None)
        for _ in range(2):
            with pytest.raises(EngineFailed, match="cannot be reached"):
                await complete(engine)
        await engine.close()

    async def test_nobody_at_the_address(self) -> None:
        closed = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
        port = closed.sockets[0].getsockname()[1]
        closed.close()
        await closed.wait_closed()
        engine = OpenAiEngine(f"http://127.0.0.1:{port}/v1", {}, limits=LIMITS)
        with pytest.raises(EngineFailed, match="cannot be reached") as caught:
            await engine.load(lambda _message, _progress: None)
        assert "Start it" in caught.value.hint

    @pytest.mark.parametrize("route", [stall_in_the_head, garbage, cut])
    async def test_at_load(self, played: Played, route: Route) -> None:
        async with played({"/v1/models": route}) as server:
            with pytest.raises(EngineFailed, match=r"does not answer in time|cannot be reached"):
                async with loaded(server.url, limits=SHORT):
                    pass

    async def test_a_plain_server_under_an_https_address(self) -> None:
        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)  # of a greeting that it does not understand
            writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(EngineFailed, match="no secure connection") as caught:
                async with loaded(f"https://127.0.0.1:{port}"):
                    pass
        assert "https" in caught.value.hint

    async def test_a_redirect_is_not_followed(
        self, played: Played, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(KEY_VARIABLE, "sk-secret")
        async with played({}) as thief, played({}) as server:

            async def elsewhere(exchange: Exchange) -> None:
                await exchange.write(
                    f"HTTP/1.1 307 Moved\r\nlocation: {thief.url}/models\r\n"
                    "content-length: 0\r\n\r\n".encode()
                )

            server.routes["/v1/models"] = elsewhere
            with pytest.raises(EngineFailed, match="redirects elsewhere"):
                async with loaded(server.url):
                    pass
            assert server.exchanges[0].headers["authorization"] == "Bearer sk-secret"
            assert thief.connections == 0

    async def test_the_environments_proxy_gets_nothing(
        self, played: Played, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with played({}) as proxy, played(other(events(said("1", "stop")))) as server:
            for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            for name in ("no_proxy", "NO_PROXY"):
                monkeypatch.delenv(name, raising=False)
            async with loaded(server.url) as engine:
                assert text_of(await complete(engine)) == "1"
            assert proxy.connections == 0

    async def test_a_prompt_that_the_server_finds_too_long(self, played: Played) -> None:
        message = "This model's maximum context length is 4096 tokens. However, 5000 were given."
        refused = json_of({"error": {"message": message, "code": 400}}, 400)
        async with played(vllm(refused)) as server, loaded(server.url) as engine:
            with pytest.raises(PromptTooLong, match="maximum context length is 4096"):
                await complete(engine)

    async def test_a_flood_of_broken_requests_leaves_no_connection(self, played: Played) -> None:
        async with played(other(cut_in_mid_stream)) as server, loaded(server.url) as engine:

            async def fail() -> None:
                with contextlib.suppress(InferenceError):
                    await complete(engine)

            await asyncio.gather(*(fail() for _ in range(40)))
            server.routes["/v1/completions"] = events(said("1", "stop"))
            assert text_of(await complete(engine)) == "1"
