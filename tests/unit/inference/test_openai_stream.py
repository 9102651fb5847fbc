"""What OpenAI-compatible servers stream: events, steps of an answer, and refusals."""

from __future__ import annotations

import contextlib
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.engines.openai_stream import (
    MAX_EVENT_BYTES,
    EventReader,
    Step,
    TokenUsage,
    detail_of,
    read_step,
    refusal,
)
from inference.errors import Overloaded, PromptTooLong, RequestRefused, UnsupportedRequest
from tests.unit.inference.openai_mock import LENGTH, STOP


def events_of(*pieces: bytes) -> list[str]:
    reader = EventReader()
    found = [event for piece in pieces for event in reader.feed(piece)]
    return found + list(reader.end())


class TestEventReader:
    @pytest.mark.parametrize(
        ("stream", "events"),
        [
            (b"", []),
            (b"data: a\n\n", ["a"]),
            (b"data:a\n\ndata: b\n\n", ["a", "b"]),
            (b"data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]),
            (b"data: a\r\rdata: b\r\r", ["a", "b"]),
            (b"data: a\ndata: b\n\n", ["a\nb"]),
            (b": a comment\n\nevent: x\nid: 1\nretry: 5\ndata: a\n\n", ["a"]),
            (b"data\n\n\n\n", [""]),
            (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
            (b"data: a", ["a"]),
            (b"data: a\r", ["a"]),
            (b"data:  two spaces\n\n", [" two spaces"]),
            (b"error: no\n\n", ["no"]),
            (b'{"a": 1}\n{"b": "data: x"}\n', ['{"a": 1}', '{"b": "data: x"}']),
            (b'data: a\n{"b": 1}\n\n', ["a", '{"b": 1}']),
            ("data: größe 🐦\n\n".encode(), ["größe 🐦"]),
            (b"data: \xff\n\n", ["\ufffd"]),
        ],
    )
    def test_finds_the_events(self, stream: bytes, events: list[str]) -> None:
        assert events_of(stream) == events
        assert events_of(*(bytes([byte]) for byte in stream)) == events

    @given(
        st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))),
        st.sampled_from(["\n", "\r\n", "\r"]),
        st.data(),
    )
    def test_does_not_care_where_the_stream_is_cut(
        self, texts: list[str], newline: str, data: st.DataObject
    ) -> None:
        stream = "".join(f"data: {text}{newline}{newline}" for text in texts).encode()
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
        borders = [0, *cuts, len(stream)]
        pieces = [stream[start:end] for start, end in itertools.pairwise(borders)]
        assert events_of(*pieces) == texts

    def test_an_event_comes_as_soon_as_it_is_complete(self) -> None:
        reader = EventReader()
        assert list(reader.feed(b"data: a\n\ndata: b\n")) == ["a"]
        assert list(reader.feed(b"\n")) == ["b"]

    @pytest.mark.parametrize("part", [b"x" * 65536, b"data: " + b"x" * 65536 + b"\n"])
    def test_an_endless_event_is_refused(self, part: bytes) -> None:
        reader = EventReader()
        for _ in range(MAX_EVENT_BYTES // len(part) - 1):
            assert list(reader.feed(part)) == []
        with pytest.raises(RequestRefused, match="without an end"):
            list(reader.feed(part * 3))


class TestReadStep:
    @pytest.mark.parametrize(
        ("event", "step"),
        [
            ({"choices": [{"text": "a", "finish_reason": None}]}, Step("a")),
            ({"choices": [{"text": "a", "finish_reason": "length"}]}, Step("a", LENGTH)),
            ({"choices": [{"text": "", "finish_reason": "stop"}]}, Step("", STOP)),
            ({"choices": [{"text": "", "finish_reason": "eos_token"}]}, Step("", STOP)),
            ({"choices": [{"delta": {"role": "assistant", "content": "b"}}]}, Step("b")),
            ({"choices": [{"delta": {"content": None}}]}, Step()),
            ({"choices": [{"message": {"content": "c"}, "finish_reason": "stop"}]}, Step("c", STOP)),
            ({"choices": [{"delta": {"content": "a"}, "finish_reason": ""}]}, Step("a")),
            ({"choices": [{"delta": {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}}]}, Step("ab")),
            ({"choices": [{"delta": {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}]}}]}, Step(thinking="a")),
            ({"choices": [{"delta": {"content": [7, {"text": 7, "thinking": 7}]}}]}, Step()),
            ({"choices": []}, Step()),
            ({"choices": None}, Step()),
            ({"choices": [None]}, Step()),
            ({"choices": [{"text": 7, "finish_reason": 7}]}, Step()),
            ({}, Step()),
            (
                {
                    "choices": [],
                    "usage": {
                        "prompt_tokens": 9,
                        "completion_tokens": 3,
                        "prompt_tokens_details": {"cached_tokens": 8},
                    },
                },
                Step(usage=TokenUsage(9, 3, 8)),
            ),
            ({"usage": {"prompt_tokens": "9", "prompt_tokens_details": None}}, Step(usage=TokenUsage(0, 0, 0))),
            ({"usage": {"prompt_tokens": 10**30, "completion_tokens": 2**31}}, Step(usage=TokenUsage(0, 2**31, 0))),
            ({"response": "a", "done": False}, Step("a")),
            (
                {"response": "", "done": True, "done_reason": "length", "prompt_eval_count": 4, "eval_count": 2},
                Step("", LENGTH, TokenUsage(4, 2, 0)),
            ),
            ({"response": "", "done": True}, Step("", STOP, TokenUsage(0, 0, 0))),
        ],
    )  # fmt: skip
    def test_reads_what_servers_send(self, event: dict[str, Any], step: Step) -> None:
        assert read_step(json.dumps(event)) == step

    def test_the_end_mark_is_an_end(self) -> None:
        assert read_step("[DONE]") == Step(finish=STOP)

    @pytest.mark.parametrize(
        ("data", "kind", "words"),
        [
            ("nonsense", RequestRefused, "not JSON"),
            ("[" * 100_000, RequestRefused, "not JSON"),
            ("[1]", RequestRefused, "not a JSON object"),
            ('{"error": {"message": "no", "code": 429}}', Overloaded, "no"),
            ('{"error": {"message": "no", "code": "x"}}', RequestRefused, "no"),
            ('{"object": "error", "message": "old", "code": 400}', UnsupportedRequest, "old"),
            ('{"error": "exceeds the context length"}', PromptTooLong, "context"),
            ('{"choices": [{"text": "", "finish_reason": "abort"}]}', RequestRefused, "abort"),
        ],
    )
    def test_errors_are_typed(self, data: str, kind: type, words: str) -> None:
        with pytest.raises(RequestRefused, match=words) as caught:
            read_step(data)
        assert type(caught.value) is kind

    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["choices", "error", "usage", "text", "delta", "done", "finish_reason", "code", "message", "object"]), inner)))  # fmt: skip
    def test_nothing_that_is_sent_breaks_it(self, value: Any) -> None:
        with contextlib.suppress(RequestRefused):
            read_step(json.dumps(value))


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "detail", "kind"),
        [
            (400, "This model's maximum context length is 4096 tokens.", PromptTooLong),
            (400, "max_tokens=5000 cannot be greater than max_model_len=4096.", PromptTooLong),
            (400, "the request exceeds the available context size", PromptTooLong),
            (500, "the input length exceeds the context length", PromptTooLong),
            (413, "", PromptTooLong),
            (429, "too many, also of the context length", Overloaded),
            (503, "Loading model", Overloaded),
            (400, "unknown field", UnsupportedRequest),
            (404, "", UnsupportedRequest),
            (422, "", UnsupportedRequest),
            (500, "", RequestRefused),
            (401, "", RequestRefused),
        ],
    )
    def test_are_told_apart(self, status: int, detail: str, kind: type) -> None:
        error = refusal(status, detail)
        assert type(error) is kind
        assert detail in error.message

    @pytest.mark.parametrize(
        ("body", "detail"),
        [
            (b'{"error": {"message": "a\\n b", "code": 400}}', "a b"),
            (b'{"object": "error", "message": "a"}', "a"),
            (b'{"error": "a"}', "a"),
            (b'{"detail": "Not Found"}', "Not Found"),
            (b'{"error": "{\\"error\\": {\\"message\\": \\"inner\\"}}"}', "inner"),
            (b"<html>a page</html>", ""),
            (b'{"detail": [{"input": "secret"}]}', ""),
            (b"[]", ""),
            (b"\xff", ""),
        ],
    )
    def test_say_what_the_server_says(self, body: bytes, detail: str) -> None:
        assert detail_of(body) == detail

    def test_do_not_quote_the_request(self) -> None:
        said = "1 validation error: {'type': 'int', 'msg': 'bad', 'input': {'prompt': 'secret'}}"
        detail = detail_of(json.dumps({"error": {"message": said}}).encode())
        assert "secret" not in detail
        assert detail.endswith("'msg': 'bad'")
        assert len(detail_of(json.dumps({"error": "x" * 5000}).encode())) == 200
