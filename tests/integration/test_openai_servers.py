"""The engine against servers that play vLLM, llama.cpp and Ollama: completions and conversations."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from typing import Any

import pytest

from inference.content import Message
from inference.engines.base import Piece
from inference.engines.openai import OpenAiEngine
from inference.errors import EngineFailed
from inference.prompt import Chunk, Conversation, PromptMessage
from inference.protocol import CallText, ChatRole, Delta, Done, FinishReason, Priority
from inference.sampling import Sampling

from .hosts import ClientOf
from .played_server import (
    LIMITS,
    SPECIAL_TOKENS,
    Exchange,
    Route,
    complete,
    events,
    json_of,
    loaded,
    models,
    other,
    playing,
    said,
    text_of,
    tokenize,
    vllm,
)


class TestServers:
    async def test_vllm(self) -> None:
        usage = {
            "prompt_tokens": 20,
            "completion_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 16},
        }
        answer = events(said("ö"), said("s.cpu", "stop"), {"choices": [], "usage": usage}, "[DONE]")
        async with playing(vllm(answer)) as server, loaded(server.url) as engine:
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

    async def test_llama_cpp(self) -> None:
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
        async with playing(routes) as server, loaded(server.url) as engine:
            pieces = await complete(engine)
            assert engine.capabilities.fim  # by its vocabulary, for its name says nothing
            assert engine.capabilities.context_tokens == 2048
            assert engine.capabilities.parallel_requests == 2
        assert (text_of(pieces), pieces[-1].finish) == ("1", FinishReason.LENGTH)
        (asked,) = server.asked("/v1/completions")
        assert "<|fim_pad|>" in asked.body["stop"]
        assert not {"priority", "cache_salt", "stop_token_ids"} & asked.body.keys()

    async def test_llama_cpp_with_a_key_that_is_wrong(self) -> None:
        routes = {
            "/v1/models": models({"id": "m", "owned_by": "llamacpp"}),  # which it shows to all
            "/props": json_of({"error": {"message": "Invalid API Key", "code": 401}}, 401),
        }
        async with playing(routes) as server:
            with pytest.raises(EngineFailed, match="asks for a key"):
                async with loaded(server.url):
                    pass

    async def test_ollama(self) -> None:
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
        async with playing(routes) as server, loaded(f"{server.url}#qwen2.5-coder") as engine:
            pieces = await complete(engine)
            assert engine.capabilities.context_tokens == 8192
        assert text_of(pieces) == "12"
        assert sum(piece.token_count for piece in pieces) == 3
        asked = server.asked("/api/generate")[-1].body
        assert (asked["model"], asked["raw"]) == ("qwen2.5-coder:latest", True)
        assert asked["options"]["stop"][0] == "\n\n"


TOOL = {"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}
QUESTION = PromptMessage(ChatRole.USER, (Chunk("What is in a.py?", range(5)),), (), "")


async def converse(engine: OpenAiEngine, *, thinking: bool | None = None) -> list[Piece]:
    conversation = Conversation((QUESTION,), (TOOL,), thinking)
    pieces = engine.chat(conversation, Sampling(20), Priority.CHAT)
    return [piece async for piece in pieces]


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


class TestConversations:
    async def test_what_vllm_leaves_in_the_text_is_read_here(self) -> None:
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
        async with playing(routes) as server, loaded(server.url) as engine:
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

    async def test_what_a_server_tells_apart_stays_apart(self) -> None:
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
        async with playing(routes) as server, loaded(server.url) as engine:
            pieces = await converse(engine)
        assert [(piece.text, piece.thinking) for piece in pieces if piece.text] == [
            ("Hm.", True),
            ("I look.", False),
        ]
        assert [piece.calls for piece in pieces if piece.calls] == [
            (CallText("c", "read", '{"path": "a.py"}'),)
        ]
        assert pieces[-1].finish is FinishReason.STOP

    async def test_a_model_that_does_not_chat_completes_all_the_same(self) -> None:
        refusing = json_of({"error": {"message": "no chat template", "code": 400}}, 400)
        routes = {**other(events(said("1", "stop"), "[DONE]")), "/v1/chat/completions": refusing}
        async with playing(routes) as server, loaded(server.url) as engine:
            assert not engine.capabilities.chat
            assert text_of(await complete(engine)) == "1"

    async def test_one_that_is_slow_to_chat_does_not_hold_up_completions(self) -> None:
        async def stall(exchange: Exchange) -> None:
            await exchange.peer_closes()

        routes = {**other(events(said("1", "stop"), "[DONE]")), "/v1/chat/completions": stall}
        limits = replace(LIMITS, probe_s=0.2)
        async with playing(routes) as server, loaded(server.url, limits=limits) as engine:
            assert engine.capabilities.chat  # slow is no refusal
            assert text_of(await complete(engine)) == "1"

    async def test_ask_goes_through_a_host_to_the_server(self, client_of: ClientOf) -> None:
        routes = {
            **other(events(said("1", "stop"), "[DONE]")),
            "/v1/chat/completions": events(
                chunk(content="Yes"), chunk("stop", content="."), "[DONE]"
            ),
        }
        async with (
            playing(routes) as server,
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
