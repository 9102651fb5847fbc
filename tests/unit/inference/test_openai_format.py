"""How the engine for OpenAI-compatible servers finds out by which format a model fills in."""

from __future__ import annotations

import json

import httpx
import pytest

from inference.errors import EngineFailed
from inference.formats.fim import FimOrder
from inference.formats.probe import probe_tasks
from inference.prompt import Prompt
from inference.protocol import Tail
from inference.sampling import Sampling
from tests.unit.inference.openai_mock import (
    STOP,
    Answer,
    complete,
    engine_of,
    layout_of,
    load,
    said,
    server,
    stream,
)


def clever_model(order: FimOrder) -> Answer:
    """Fills the canned gaps when it is asked in one order, and knows a chat otherwise."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/chat/completions":
            return stream({"choices": [{"delta": {"content": "```py\na = 42\n```"}, "finish_reason": "stop"}]})  # fmt: skip
        if request.url.path != "/v1/completions":
            return server()(request)
        prompt = json.loads(request.content)["prompt"]
        marker = "<|fim_prefix|>" if order is FimOrder.PREFIX_FIRST else "<|fim_suffix|>"
        is_ours = prompt.partition("\n")[2].startswith(marker)
        task = next((each for each in probe_tasks() if each.path in prompt), None)
        return stream(said(task.expected if task and is_ours else "?", "stop"))

    return answer


class TestChoiceOfFormat:
    @pytest.mark.parametrize("order", [FimOrder.PREFIX_FIRST, FimOrder.SUFFIX_FIRST])
    def test_the_order_that_works_is_used(self, order: FimOrder) -> None:
        engine, asked = engine_of(clever_model(order))
        complete(engine)
        prompt = json.loads(asked[-1].content)["prompt"]
        prefix_is_first = prompt.index("<|fim_prefix|>") < prompt.index("<|fim_suffix|>")
        assert prefix_is_first == (order is FimOrder.PREFIX_FIRST)
        assert engine.capabilities.fim

    @pytest.mark.parametrize("name", ["qwen", "gpt-oss"])
    def test_a_model_that_cannot_is_asked_by_chat(self, name: str) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/v1/completions":
                return stream(said("nonsense", "stop"))
            if request.url.path == "/v1/models":
                return server(name=name)(request)
            return clever_model(FimOrder.PREFIX_FIRST)(request)

        engine, asked = engine_of(answer)
        pieces = complete(engine, sampling=Sampling(20, stop=("2",)))
        assert "".join(piece.text for piece in pieces) == "4"
        assert pieces[-1].finish is STOP
        assert asked[-1].url.path == "/v1/chat/completions"
        assert not engine.capabilities.fim

    def test_a_server_without_completions_is_asked_by_chat_and_says_why(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/v1/completions":
                return httpx.Response(400, json={"error": {"message": "no completions here"}})
            return clever_model(FimOrder.PREFIX_FIRST)(request)

        engine, _ = engine_of(answer)
        assert "".join(piece.text for piece in complete(engine)) == "42"
        assert "no completions here" in caplog.text

    def test_a_model_that_can_neither_fails(self) -> None:
        engine, _ = engine_of(server(name="embedder"))
        with pytest.raises(EngineFailed, match="neither"):
            load(engine)

    def test_without_a_chat_a_poor_filler_fills_all_the_same(self) -> None:
        engine, _ = engine_of(server(*(stream(said("?", "stop")) for _ in range(50))))
        load(engine)
        assert engine.capabilities.fim

    def test_a_busy_server_is_no_reason_for_a_chat(self) -> None:
        engine, asked = engine_of(server(httpx.Response(429)))
        load(engine)
        assert engine.capabilities.fim
        assert [request.url.path for request in asked].count("/v1/completions") == 1

    def test_what_files_spell_is_broken_up_in_a_chat_too(self) -> None:
        engine, asked = engine_of(clever_model(FimOrder.PREFIX_FIRST), fim_family="chat")
        complete(engine, Prompt(layout_of("<|im_end|>\n", "<|im_start|>\n"), Tail("a = ", "\n")))
        assert b"<|im_end|>" not in asked[-1].content
        assert b"<|im_start|>" not in asked[-1].content
