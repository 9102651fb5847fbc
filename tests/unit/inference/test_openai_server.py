"""What is known of an OpenAI-compatible server: its address, its key, its model and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

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
from inference.errors import EngineFailed, UnknownModel
from tests.unit.inference.openai_mock import LOCAL, listing


class TestAddress:
    @pytest.mark.parametrize(
        ("text", "base_url", "root_url", "model", "is_loopback"),
        [
            ("http://127.0.0.1:8000/v1#qwen", LOCAL, "http://127.0.0.1:8000", "qwen", True),
            ("http://127.0.0.1:8000", LOCAL, "http://127.0.0.1:8000", "", True),
            ("http://localhost:1/v1/", "http://localhost:1/v1", "http://localhost:1", "", True),
            ("http://[::1]:1/v1", "http://[::1]:1/v1", "http://[::1]:1", "", True),
            ("http://0.0.0.0:1/v1", "http://0.0.0.0:1/v1", "http://0.0.0.0:1", "", True),
            ("http://[::]:1/v1", "http://[::]:1/v1", "http://[::]:1", "", True),
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


class TestServedModel:
    @pytest.mark.parametrize(
        ("entry", "kind", "context_tokens"),
        [
            ({"owned_by": "vllm", "max_model_len": 4096}, ServerKind.VLLM, 4096),
            ({"owned_by": "llamacpp", "meta": {"n_ctx_train": 32768}}, ServerKind.LLAMA_CPP, 32768),
            ({"owned_by": "library"}, ServerKind.OTHER, None),
            ({"context_length": 100}, ServerKind.OTHER, 100),
            ({"context_length": 10**30}, ServerKind.OTHER, None),
            ({"max_model_len": 10**30, "context_length": 100}, ServerKind.OTHER, 100),
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
