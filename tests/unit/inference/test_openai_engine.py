"""The engine for OpenAI-compatible servers against a mock transport: loading, headers, answers."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.engines.openai import OpenAiEngine
from inference.engines.openai_prompt import TextFormat
from inference.engines.openai_server import KEY_VARIABLE
from inference.errors import (
    EngineFailed,
    InferenceError,
    Overloaded,
    PromptTooLong,
    RequestRefused,
    UnsupportedRequest,
)
from inference.prompt import Prompt, PromptLayout
from inference.protocol import FinishReason, Priority, Tail
from inference.sampling import Sampling
from tests.unit.inference.openai_mock import (
    LENGTH,
    LOCAL,
    PROMPT,
    STOP,
    USAGE,
    complete,
    engine_of,
    listing,
    load,
    said,
    server,
    stream,
)


class TestLoading:
    @pytest.mark.parametrize(
        ("response", "words", "hint"),
        [
            (httpx.Response(401), "asks for a key", KEY_VARIABLE),
            (httpx.Response(403), "asks for a key", KEY_VARIABLE),
            (httpx.Response(404), "not an OpenAI-compatible server", "/v1"),
            (httpx.Response(200, text="<html>"), "not an OpenAI-compatible server", "/v1"),
            (httpx.Response(200, json={"data": []}), "serves no model", "Load"),
            (httpx.Response(502), "it answers 502", "server"),
            (
                httpx.Response(301, headers={"location": "https://elsewhere.example/"}),
                "redirects elsewhere",
                "Name the address",
            ),
        ],
    )
    def test_failures_say_what_to_do(self, response: httpx.Response, words: str, hint: str) -> None:
        engine, asked = engine_of(lambda _: response)
        with pytest.raises(EngineFailed, match=words) as caught:
            load(engine)
        assert hint in caught.value.hint
        assert len(asked) == 1

    @pytest.mark.parametrize(
        ("error", "cause", "words"),
        [
            (httpx.ConnectError("refused"), None, "cannot be reached: refused"),
            (httpx.ReadTimeout(""), None, "does not answer in time"),
            (httpx.ConnectTimeout(""), None, "does not answer in time"),
            (httpx.RemoteProtocolError(""), None, "cannot be reached: RemoteProtocolError"),
            (httpx.ConnectError("x"), ssl.SSLError(1, "wrong version"), "no secure connection"),
            (httpx.InvalidURL("odd"), None, "is not an address: odd"),
        ],
    )
    def test_an_unreachable_server_says_why(
        self, error: Exception, cause: Exception | None, words: str
    ) -> None:
        def answer(_: httpx.Request) -> httpx.Response:
            raise error from cause

        with pytest.raises(EngineFailed, match=words):
            load(engine_of(answer)[0])

    @pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "ftp://127.0.0.1:1"])
    def test_a_proxy_that_cannot_be_used_is_told(
        self, proxy: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "socksio", None)
        for name in ("ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy)
        with pytest.raises(EngineFailed, match="the proxy that the environment names") as caught:
            load(OpenAiEngine("https://a.b/v1", {}))
        assert "ALL_PROXY" in caught.value.hint

    def test_waits_for_a_server_that_loads(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("inference.engines.openai._LOADING_POLL_S", 0)
        loading = iter([httpx.Response(503, json={"error": {"message": "Loading model"}})] * 2)
        ready = server()
        engine, _ = engine_of(lambda request: next(loading, None) or ready(request), fim_order="psm")  # fmt: skip
        reported = load(engine)
        assert sum("Loading model" in message for message in reported) == 2

    def test_does_not_wait_for_ever(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("inference.engines.openai._LOADING_POLL_S", 0.1)
        with pytest.raises(EngineFailed, match=r"did not become ready within 0\.3 s"):
            load(engine_of(lambda _: httpx.Response(503), loading_s=0.3)[0])

    @pytest.mark.parametrize(
        ("engine_args", "words"),
        [
            ({"fim_famly": "qwen"}, "no argument 'fim_famly'"),
            ({"fim_family": "gpt"}, "fim_family is one of chat, codegemma, qwen"),
            ({"fim_order": 5}, "fim_order is one of psm, spm"),
            ({"context_tokens": "9"}, "context_tokens is a number"),
            ({"context_tokens": 0}, "context_tokens is a number"),
            ({"context_tokens": 10**30}, "context_tokens is a number"),
        ],
    )
    def test_arguments_are_checked(self, engine_args: dict[str, Any], words: str) -> None:
        with pytest.raises(EngineFailed, match=words):
            OpenAiEngine(LOCAL, engine_args)

    def test_an_order_that_the_family_lacks_is_refused(self) -> None:
        engine, _ = engine_of(server(name="codestral"), fim_order="psm")
        with pytest.raises(EngineFailed, match="codestral has no order 'psm'"):
            load(engine)

    def test_the_users_word_counts(self) -> None:
        engine, _ = engine_of(
            server(name="mine"), fim_family="qwen", fim_order="spm", context_tokens=1000
        )
        load(engine)
        assert engine.capabilities.fim
        assert engine.capabilities.context_tokens == 1000


class TestHeaders:
    @pytest.fixture(autouse=True)
    def _key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(KEY_VARIABLE, "sk-secret")

    def headers(self, argument: str) -> list[httpx.Headers]:
        answers = [stream(said("x", "stop"), "[DONE]")]
        engine, asked = engine_of(server(*answers), argument, fim_order="psm")
        complete(engine)
        return [request.headers for request in asked]

    def test_the_key_and_one_session_go_with_each_request(self) -> None:
        sent = self.headers("https://a.b/v1")
        assert {each["authorization"] for each in sent} == {"Bearer sk-secret"}
        sessions = {each["x-session-id"] for each in sent}
        assert len(sessions) == 1
        assert sessions != {each["x-session-id"] for each in self.headers(LOCAL)}

    def test_the_key_does_not_leave_unencrypted(self) -> None:
        with pytest.raises(EngineFailed, match="unencrypted"):
            engine_of(server(), "http://a.b/v1")

    def test_a_refused_key_is_not_shown(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(0)
        engine, _ = engine_of(lambda _: httpx.Response(401))
        with pytest.raises(EngineFailed, match="does not accept the key") as caught:
            load(engine)
        assert "sk-secret" not in f"{caught.value} {caught.value.hint} {caplog.text}"


class TestAnswers:
    @pytest.mark.parametrize(
        ("events", "texts", "finish", "tokens", "cached"),
        [
            ([said("a"), said("b", "stop"), USAGE, "[DONE]"], ["a", "b"], STOP, 5, 4),
            ([said("a"), said("", "length"), "[DONE]"], ["a"], LENGTH, 1, 0),
            ([said("a"), "[DONE]"], ["a"], STOP, 1, 0),
            ([said("a")], ["a"], STOP, 1, 0),
            ([said("a", "length")], ["a"], LENGTH, 1, 0),
            (["[DONE]"], [], STOP, 0, 0),
        ],
    )
    def test_end_in_many_ways(
        self, events: list[Any], texts: list[str], finish: FinishReason, tokens: int, cached: int
    ) -> None:
        pieces = complete(engine_of(server(stream(*events)), fim_order="psm")[0])
        assert [piece.text for piece in pieces] == [*texts, ""]
        assert [piece.finish for piece in pieces[:-1]] == [None] * len(texts)
        assert (pieces[-1].finish, pieces[-1].cached_tokens) == (finish, cached)
        assert sum(piece.token_count for piece in pieces) == tokens

    def test_a_character_that_is_cut_in_two_arrives_whole(self) -> None:
        events = [said("a\ud83d"), said("\udc26b", "stop"), "[DONE]"]
        pieces = complete(engine_of(server(stream(*events)), fim_order="psm")[0])
        assert [piece.text for piece in pieces] == ["a", "🐦b", ""]

    def test_one_that_is_no_stream_is_read_as_well(self) -> None:
        response = httpx.Response(200, json={**said("whole", "stop"), "usage": USAGE["usage"]})
        pieces = complete(engine_of(server(response), fim_order="psm")[0])
        assert [piece.text for piece in pieces] == ["whole", ""]
        assert pieces[-1].cached_tokens == 4

    @pytest.mark.parametrize(
        ("response", "kind", "words"),
        [
            (stream(), RequestRefused, "before it began"),
            (stream(said("a"), {"error": {"message": "broke", "code": 500}}), RequestRefused, "broke"),
            (httpx.Response(200, text="data: {\n\n"), RequestRefused, "not JSON"),
            (httpx.Response(429), Overloaded, "429"),
            (httpx.Response(503, json={"error": "busy"}), Overloaded, "busy"),
            (httpx.Response(500, json={"error": "oops"}), RequestRefused, "oops"),
            (httpx.Response(404, json={"error": "gone"}), UnsupportedRequest, "gone"),
            (httpx.Response(302, headers={"location": "http://evil/"}), RequestRefused, "302"),
            (
                httpx.Response(400, json={"error": {"message": "maximum context length is 9"}}),
                PromptTooLong,
                "is 9",
            ),
        ],
    )  # fmt: skip
    def test_refusals_are_typed(self, response: httpx.Response, kind: type, words: str) -> None:
        with pytest.raises(InferenceError, match=words) as caught:
            complete(engine_of(server(response), fim_order="psm")[0])
        assert type(caught.value) is kind

    def test_a_model_that_is_not_served_any_more_fails_the_engine(self) -> None:
        names = iter(["qwen", "other"])

        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/v1/models":
                return httpx.Response(200, json=listing({"id": next(names)}))
            return httpx.Response(404, json={"error": "no such model"})

        with pytest.raises(EngineFailed, match="does not serve 'qwen'"):
            complete(engine_of(answer, f"{LOCAL}#qwen", fim_order="psm")[0])

    def test_a_connection_that_was_closed_while_idle_is_not_noticed(self) -> None:
        left: Iterator[Any] = iter([httpx.RemoteProtocolError("closed"), stream(said("a", "stop"))])

        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path != "/v1/completions":
                return server()(request)
            response = next(left)
            if isinstance(response, Exception):
                raise response
            return httpx.Response(200, text=response.text)

        pieces = complete(engine_of(answer, fim_order="psm")[0])
        assert pieces[0].text == "a"

    def test_the_text_of_a_layout_is_made_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made: list[PromptLayout[int]] = []
        layout = TextFormat.layout

        def count(self: TextFormat, given: PromptLayout[int]) -> Any:
            made.append(given)
            return layout(self, given)

        monkeypatch.setattr(TextFormat, "layout", count)
        engine, asked = engine_of(server(*(stream(said("a", "stop")) for _ in range(3))), fim_order="psm")  # fmt: skip

        async def run() -> None:
            await engine.load(lambda _message, _progress: None)
            for typed in ("a", "ab", "abc"):
                prompt = Prompt(PROMPT.layout, Tail(typed, "\n"))
                async for _ in engine.generate(prompt, Sampling(5), Priority.COMPLETION):
                    pass
            await engine.close()

        asyncio.run(run())
        assert made == [PROMPT.layout]
        assert json.loads(asked[-1].content)["prompt"].startswith("<|file_sep|>src/main.py\n")
        assert "import os\nabc<|fim_suffix|>\nend()\n" in json.loads(asked[-1].content)["prompt"]


@given(st.text())
def test_the_estimate_of_tokens_is_monotonous_and_never_nothing_for_something(text: str) -> None:
    engine = OpenAiEngine(LOCAL, {})
    count = len(engine.encode(text))
    assert (count == 0) == (not text)
    assert count <= len(engine.encode(text + "x")) <= count + 1
