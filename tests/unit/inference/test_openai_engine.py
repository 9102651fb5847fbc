"""The engine for OpenAI-compatible servers: its pure parts, and its rules against a mock transport."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.engines.base import Piece
from inference.engines.openai import OpenAiEngine
from inference.engines.openai_connection import Limits
from inference.engines.openai_prompt import SpecialTexts, TextFormat
from inference.engines.openai_request import Requests, estimated_tokens
from inference.engines.openai_server import (
    KEY_VARIABLE,
    Address,
    ServedModel,
    ServerKind,
    api_key,
    family_by_name,
    running_context_tokens,
    served_model,
    slots_of,
    special_token_ids,
)
from inference.engines.openai_stream import (
    MAX_EVENT_BYTES,
    EventReader,
    Step,
    TokenUsage,
    detail_of,
    read_step,
    refusal,
)
from inference.errors import (
    EngineFailed,
    InferenceError,
    Overloaded,
    PromptTooLong,
    RequestRefused,
    UnknownModel,
    UnsupportedRequest,
)
from inference.formats.fim import CODESTRAL, FAMILIES, QWEN, STAR_CODER, FimFamily, FimOrder
from inference.formats.infill_chat import infill
from inference.formats.probe import probe_tasks
from inference.prompt import Chunk, Prompt, PromptLayout, PromptSection
from inference.protocol import FinishReason, Priority, Role, Tail
from inference.sampling import Sampling

LOCAL = "http://127.0.0.1:8000/v1"
STOP, LENGTH = FinishReason.STOP, FinishReason.LENGTH


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


class TestAddress:
    @pytest.mark.parametrize(
        ("text", "base_url", "root_url", "model", "is_loopback"),
        [
            ("http://127.0.0.1:8000/v1#qwen", LOCAL, "http://127.0.0.1:8000", "qwen", True),
            ("http://127.0.0.1:8000", LOCAL, "http://127.0.0.1:8000", "", True),
            ("http://localhost:1/v1/", "http://localhost:1/v1", "http://localhost:1", "", True),
            ("http://[::1]:1/v1", "http://[::1]:1/v1", "http://[::1]:1", "", True),
            ("https://a.b/llm/v1#x/y:z#1", "https://a.b/llm/v1", "https://a.b/llm", "x/y:z#1", False),
            ("https://a.b/api", "https://a.b/api", "https://a.b/api", "", False),
            ("http://192.168.0.7/v1", "http://192.168.0.7/v1", "http://192.168.0.7", "", False),
            ("http://localhost.a.b", "http://localhost.a.b/v1", "http://localhost.a.b", "", False),
        ],
    )  # fmt: skip
    def test_is_taken_apart(
        self, text: str, base_url: str, root_url: str, model: str, *, is_loopback: bool
    ) -> None:
        address = Address.parse(text)
        assert (address.base_url, address.root_url) == (base_url, root_url)
        assert (address.model, address.is_loopback) == (model, is_loopback)

    @pytest.mark.parametrize(
        "text",
        [
            "", "qwen", "127.0.0.1:8000", "ftp://a.b", "http://", "http:///v1", "http://a:b/v1",
            "http://[::1/v1", "http://a.b/v1?key=x", "http://a b/v1", "http://user:hunter2@a.b/v1",
            "https://user:hunter2@a:b/v1",
        ],
    )  # fmt: skip
    def test_what_is_none_is_an_unknown_model(self, text: str) -> None:
        with pytest.raises(UnknownModel) as caught:
            Address.parse(text)
        assert caught.value.hint
        assert "hunter2" not in str(caught.value)


class TestApiKey:
    @pytest.mark.parametrize(
        ("environment", "address", "key"),
        [
            ({}, "http://a.b/v1", None),
            ({KEY_VARIABLE: "  "}, "http://a.b/v1", None),
            ({KEY_VARIABLE: "sk-1\n"}, "https://a.b/v1", "sk-1"),
            ({KEY_VARIABLE: "sk-1"}, "http://localhost/v1", "sk-1"),
            ({KEY_VARIABLE: "sk-1"}, "http://127.8.9.1/v1", "sk-1"),
        ],
    )
    def test_comes_from_the_environment(
        self, environment: Mapping[str, str], address: str, key: str | None
    ) -> None:
        assert api_key(environment, Address.parse(address)) == key

    @pytest.mark.parametrize(
        ("key", "address", "words"),
        [
            ("sk-secret", "http://a.b/v1", "unencrypted"),
            ("sk-secret", "http://192.168.0.7/v1", "unencrypted"),
            ("sk secret", "https://a.b/v1", "characters"),
            ("sk-secret\nx", "https://a.b/v1", "characters"),
            ("sk-secretä", "https://a.b/v1", "characters"),
        ],
    )
    def test_never_travels_in_the_clear_nor_is_shown(
        self, key: str, address: str, words: str
    ) -> None:
        with pytest.raises(EngineFailed, match=words) as caught:
            api_key({KEY_VARIABLE: key}, Address.parse(address))
        assert "secret" not in f"{caught.value} {caught.value.hint}"


def listing(*entries: Any) -> dict[str, Any]:
    return {"object": "list", "data": list(entries)}


class TestServedModel:
    @pytest.mark.parametrize(
        ("entry", "kind", "context_tokens"),
        [
            ({"owned_by": "vllm", "max_model_len": 4096}, ServerKind.VLLM, 4096),
            ({"owned_by": "llamacpp", "meta": {"n_ctx_train": 32768}}, ServerKind.LLAMA_CPP, 32768),
            ({"owned_by": "library"}, ServerKind.OTHER, None),
            ({"context_length": 100}, ServerKind.OTHER, 100),
            ({"max_model_len": "x", "context_window": True, "owned_by": []}, ServerKind.OTHER, None),
        ],
    )  # fmt: skip
    def test_says_what_the_server_is(
        self, entry: dict[str, Any], kind: ServerKind, context_tokens: int | None
    ) -> None:
        model = served_model(listing({"id": "m", **entry}), Address.parse(LOCAL))
        assert model == ServedModel("m", kind, context_tokens)

    @pytest.mark.parametrize(
        ("named", "served", "chosen"),
        [("", ["a"], "a"), ("b", ["a", "b"], "b"), ("a", ["a:latest", "b"], "a:latest")],
    )
    def test_is_chosen_by_its_name(self, named: str, served: list[str], chosen: str) -> None:
        address = Address.parse(f"{LOCAL}#{named}")
        assert served_model(listing(*({"id": name} for name in served)), address).name == chosen

    @pytest.mark.parametrize(
        ("named", "answer", "words", "hint"),
        [
            ("", listing({"id": "b"}, {"id": "a"}), "none is named", "#a. It serves a, b."),
            ("c", listing({"id": "b"}, {"id": "a"}), "does not serve 'c'", "It serves a, b."),
            ("a", listing(), "serves no model", "Load"),
            ("a", listing(None, {"id": 1}, {}), "serves no model", "Load"),
            ("a", None, "not an OpenAI-compatible", "/v1"),
            ("a", {"data": {}}, "not an OpenAI-compatible", "/v1"),
            ("a", [1], "not an OpenAI-compatible", "/v1"),
        ],
    )
    def test_errors_say_what_to_do(self, named: str, answer: Any, words: str, hint: str) -> None:
        with pytest.raises(EngineFailed, match=words) as caught:
            served_model(answer, Address.parse(f"{LOCAL}#{named}"))
        assert hint in caught.value.hint

    def test_of_many_models_some_are_listed(self) -> None:
        answer = listing(*({"id": f"m{number:02}"} for number in range(30)))
        with pytest.raises(EngineFailed) as caught:
            served_model(answer, Address.parse(f"{LOCAL}#x"))
        assert caught.value.hint.endswith("m07 and 22 more.")


class TestFactsOfServers:
    @pytest.mark.parametrize(
        ("props", "slots"),
        [
            ({"default_generation_settings": {"n_ctx": 2048}, "total_slots": 2}, (2048, 2)),
            ({"default_generation_settings": {"n_ctx": 0}}, (None, None)),
            ({"default_generation_settings": None}, (None, None)),
            (None, (None, None)),
        ],
    )
    def test_llama_cpp(self, props: Any, slots: tuple[int | None, int | None]) -> None:
        assert slots_of(props) == slots

    @pytest.mark.parametrize(
        ("running", "tokens"),
        [
            ({"models": [{"name": "x"}, {"name": "m", "context_length": 8192}]}, 8192),
            ({"models": [{"model": "m"}]}, 4096),
            ({"models": None}, 4096),
            (None, 4096),
        ],
    )
    def test_ollama(self, running: Any, tokens: int) -> None:
        assert running_context_tokens(running, "m") == tokens

    @pytest.mark.parametrize(
        ("answer", "ids"),
        [
            ({"tokens": [3, 9, 5], "token_strs": ["<a>", "Ċ", "<b>"]}, {"<a>": 3, "<b>": 5}),
            ({"tokens": [{"id": 3, "piece": "<a>"}, {"id": 1, "piece": [7]}]}, {"<a>": 3}),
            ({"tokens": [3], "token_strs": []}, {}),
            ({"tokens": ["3"], "token_strs": ["<a>"]}, {}),
            ({"tokens": None}, {}),
            (None, {}),
        ],
    )
    def test_special_tokens(self, answer: Any, ids: dict[str, int]) -> None:
        assert special_token_ids(answer, ["<a>", "<b>"]) == ids

    @pytest.mark.parametrize(
        ("model", "family"),
        [
            ("Qwen/Qwen2.5-Coder-7B", "qwen"),
            ("qwen2.5-coder:1.5b-base", "qwen"),
            ("/models/starcoder2-3b.Q4_K_M.gguf", "starcoder2"),
            ("C:\\models\\codegemma-2b.gguf", "codegemma"),
            ("mistralai/Codestral-22B-v0.1", "codestral"),
            ("deepseek-ai/deepseek-coder-6.7b-base", "deepseek-coder"),
            ("codellama:7b-code", "codellama"),
            ("/qwen-models/llama-3.gguf", None),
            ("gpt-oss-20b", None),
        ],
    )
    def test_families_by_name(self, model: str, family: str | None) -> None:
        found = family_by_name(model)
        assert (found.name if found else None) == family


def chunk(text: str) -> Chunk[int]:
    return Chunk(text, range(estimated_tokens(len(text))))


def layout_of(
    prefix: str, suffix: str, path: str = "src/main.py", **others: str
) -> PromptLayout[int]:
    sections = [PromptSection(Role.CONTEXT, name, (chunk(text),)) for name, text in others.items()]
    sections.append(PromptSection(Role.SUFFIX, path, (chunk(suffix),)))
    sections.append(PromptSection(Role.PREFIX, path, (chunk(prefix),)))
    return PromptLayout(tuple(sections))


class TestPromptText:
    @pytest.mark.parametrize(
        ("family", "order", "expected"),
        [
            (
                QWEN,
                FimOrder.PREFIX_FIRST,
                (
                    "<|file_sep|>util\nu = 1\n<|file_sep|>src/main.py\n"
                    "<|fim_prefix|>import u\na = <|fim_suffix|>\nend\n<|fim_middle|>"
                ),
            ),
            (
                QWEN,
                FimOrder.SUFFIX_FIRST,
                (
                    "<|file_sep|>util\nu = 1\n<|file_sep|>src/main.py\n"
                    "<|fim_suffix|>\nend\n<|fim_prefix|>import u\na = <|fim_middle|>"
                ),
            ),
            (
                STAR_CODER,
                FimOrder.PREFIX_FIRST,
                (
                    "<file_sep>util\nu = 1<file_sep><fim_prefix>src/main.py\nimport u\na = "
                    "<fim_suffix>\nend\n<fim_middle>"
                ),
            ),
            (
                CODESTRAL,
                FimOrder.SUFFIX_FIRST,
                "[SUFFIX]\nend\n[PREFIX]+++++ util\nu = 1\n+++++ src/main.py\nimport u\na = ",
            ),
        ],
    )
    def test_follows_the_family(self, family: FimFamily, order: FimOrder, expected: str) -> None:
        layout = layout_of("import u\n", "end\n", util="u = 1")
        text = TextFormat(family, order).layout(layout).with_tail(Tail("a = ", "\n"))
        assert text == expected

    @pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
    def test_every_family_and_order_holds_all_parts_once(self, family: FimFamily) -> None:
        for order in family.orders:
            layout = layout_of("PRE1\n", "SUF2\n", other="CTX\n")
            text = TextFormat(family, order).layout(layout).with_tail(Tail("PRE2", "SUF1\n"))
            for part in ("PRE1\nPRE2", "SUF1\nSUF2\n", "CTX\n", "other", "src/main.py"):
                assert text.count(part) == 1
            assert family.begin not in text or not family.begin

    @pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
    def test_files_that_spell_special_tokens_do_not_speak_to_the_model(
        self, family: FimFamily
    ) -> None:
        spelled = "".join(sorted(family.names))
        for order in family.orders:
            fmt = TextFormat(family, order)
            plain = fmt.layout(layout_of("a\n", "b\n", "p.py", o="c\n")).with_tail(Tail("d", "e"))
            layout = layout_of(f"a{spelled}\n", f"b{spelled}\n", f"p{spelled}.py", o=spelled)
            text = fmt.layout(layout).with_tail(Tail(spelled, spelled))
            for name in family.names:
                assert text.count(name) == plain.count(name), name

    def test_a_name_across_the_border_of_layout_and_tail_is_broken_up(self) -> None:
        fmt = TextFormat(QWEN, FimOrder.PREFIX_FIRST)
        layout = fmt.layout(layout_of("a\n<|fim_", "middle|>\nb\n"))
        text = layout.with_tail(Tail("middle|>", "<|fim_"))
        assert text.count("<|fim_middle|>") == 1
        assert text.endswith("<|fim_middle|>")

    @given(st.lists(st.sampled_from(["<|a|>", "<|", "a|>", "|>", "<s>", "<", "s>", " ", "x"])))
    def test_no_name_is_left(self, parts: list[str]) -> None:
        text = SpecialTexts(["<|a|>", "<s>"]).broken_up("".join(parts))
        assert "<|a|>" not in text
        assert "<s>" not in text
        assert text.replace(" ", "") == "".join(parts).replace(" ", "")

    def test_the_path_stays_in_its_line(self) -> None:
        fmt = TextFormat(QWEN, FimOrder.PREFIX_FIRST)
        text = fmt.layout(layout_of("", "", "a\nb{path}.py")).with_tail(Tail("", ""))
        assert "<|file_sep|>a b{path}.py\n<|fim_prefix|>" in text

    def test_a_file_without_a_name_has_no_path_line(self) -> None:
        text = TextFormat(QWEN, FimOrder.PREFIX_FIRST).layout(layout_of("a\n", "", ""))
        assert text.with_tail(Tail("", "")) == "<|fim_prefix|>a\n<|fim_suffix|><|fim_middle|>"


def requests_of(
    kind: ServerKind, context_tokens: int | None = None, stop_ids: frozenset[int] = frozenset()
) -> Requests:
    return Requests(Address.parse(LOCAL), ServedModel("m", kind, context_tokens), "salt", stop_ids)


class TestRequests:
    fmt = TextFormat(QWEN, FimOrder.PREFIX_FIRST)
    sampling = Sampling(32, temperature=0.2, top_p=0.9, seed=7, stop=("\n\n",))

    def test_other_servers_get_standard_fields_alone(self) -> None:
        call = requests_of(ServerKind.OTHER).completion(
            self.fmt, "text", self.sampling, Priority.COMPLETION
        )
        assert call.url == f"{LOCAL}/completions"
        assert call.body == {
            "model": "m",
            "prompt": "text",
            "stream": True,
            "max_tokens": 32,
            "temperature": 0.2,
            "top_p": 0.9,
            "seed": 7,
            "stop": ["\n\n", *self.fmt.stops],
            "stream_options": {"include_usage": True},
        }
        assert {"<|fim_pad|>", "<|endoftext|>", "<|file_sep|>"} <= set(self.fmt.stops)

    def test_vllm_gets_priority_salt_and_stop_ids(self) -> None:
        requests = requests_of(ServerKind.VLLM, stop_ids=frozenset({5, 3}))
        body = requests.completion(self.fmt, "text", self.sampling, Priority.WARM_UP).body
        assert (body["priority"], body["cache_salt"]) == (4, "salt")
        assert (body["stop_token_ids"], body["stop"]) == ([3, 5], ["\n\n"])

    def test_ollama_gets_a_raw_prompt(self) -> None:
        call = requests_of(ServerKind.OLLAMA).completion(
            self.fmt, "text", self.sampling, Priority.EDIT
        )
        assert call.url == "http://127.0.0.1:8000/api/generate"
        assert (call.body["raw"], call.body["truncate"]) == (True, False)
        options = call.body["options"]
        assert (options["num_predict"], options["seed"]) == (32, 7)
        assert options["repeat_penalty"] == 1.0

    def test_the_answer_is_bounded_by_the_room_in_the_context(self) -> None:
        def max_tokens(text: str) -> int:
            requests = requests_of(ServerKind.VLLM, context_tokens=100)
            body = requests.completion(self.fmt, text, self.sampling, Priority.COMPLETION).body
            return int(body["max_tokens"])

        assert max_tokens("x" * 33) == 32
        assert max_tokens("x" * 264) == 20
        assert max_tokens("x" * 500) == 16  # perhaps it fits: the server knows

    def test_a_prompt_that_cannot_fit_is_refused_with_by_how_much(self) -> None:
        requests = requests_of(ServerKind.VLLM, context_tokens=100)
        with pytest.raises(PromptTooLong, match=r"about 200 tokens, 100 more than .* of 100"):
            requests.completion(self.fmt, "x" * 660, self.sampling, Priority.COMPLETION)

    def test_an_infill_by_chat_opens_the_answer_where_the_server_lets_it(self) -> None:
        asked = infill("a.py", "a = ", "\n")
        body = requests_of(ServerKind.VLLM).infill(asked, Sampling(5), Priority.COMPLETION).body
        assert body["messages"][-1] == {"role": "assistant", "content": "```py\na = "}
        assert body["continue_final_message"]
        assert not body["add_generation_prompt"]
        assert body["max_tokens"] == 5
        assert body["chat_template_kwargs"] == {"enable_thinking": False}
        other = requests_of(ServerKind.OTHER).infill(asked, Sampling(5), Priority.COMPLETION).body
        assert [message["role"] for message in other["messages"]] == ["system", "user"]
        assert other["max_tokens"] > 5
        assert "chat_template_kwargs" not in other
        assert "stop" not in other


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

    @pytest.mark.parametrize(("argument", "trusts"), [(LOCAL, False), ("https://a.b", True)])
    def test_the_environments_proxies_are_not_for_loopback(
        self, monkeypatch: pytest.MonkeyPatch, argument: str, *, trusts: bool
    ) -> None:
        asked: list[Any] = []
        client = httpx.AsyncClient

        def make(**keywords: Any) -> httpx.AsyncClient:
            asked.append((keywords["trust_env"], keywords["follow_redirects"]))
            return client(**keywords)

        monkeypatch.setattr(httpx, "AsyncClient", make)
        load(engine_of(server(), argument, fim_order="psm")[0])
        assert asked == [(trusts, False)]


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


@given(st.text())
def test_the_estimate_of_tokens_is_monotonous_and_never_nothing_for_something(text: str) -> None:
    engine = OpenAiEngine(LOCAL, {})
    count = len(engine.encode(text))
    assert (count == 0) == (not text)
    assert count <= len(engine.encode(text + "x")) <= count + 1
