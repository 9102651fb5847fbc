"""Keys of servers: whose they are, who gets them, and that they never show."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lsp_server.api_keys import ApiKeys, server_of

A, B = "https://a.example/v1", "https://b.example"


@pytest.mark.parametrize(
    ("model", "server"),
    [
        ("openai:https://a.example/v1", A),
        ("openai:https://a.example/v1/#large", A),
        ("openai:http://127.0.0.1:8000#m", "http://127.0.0.1:8000"),
        ("openai:", None),
        ("openai:#m", None),
        ("vllm:/models/openai:x", None),
        ("suffix", None),
    ],
)
def test_the_server_of_a_model(model: str, server: str | None) -> None:
    """As `serverOf` in the extension's tests."""
    assert server_of(model) == server


STORED = ApiKeys({A: "key of a"})


@pytest.mark.parametrize(
    ("keys", "model", "models", "given"),
    [
        # A stored key goes to its server, whichever of its models is named.
        (STORED, f"openai:{A}#m", [f"openai:{A}#m"], "key of a"),
        (STORED, f"openai:{A}/", ["suffix", f"openai:{A}/"], "key of a"),
        # None: the variable of the environment, which is for one server alone.
        (ApiKeys(), f"openai:{A}", [f"openai:{A}"], None),
        (ApiKeys(), f"openai:{A}", ["suffix", f"openai:{A}"], None),
        (ApiKeys(), f"openai:{A}#y", [f"openai:{A}#x", f"openai:{A}#y"], None),
        (ApiKeys(), f"openai:{B}", [f"openai:{A}", f"openai:{B}"], ""),
        (STORED, f"openai:{B}", [f"openai:{A}", f"openai:{B}"], ""),
        (STORED, f"openai:{B}", [f"openai:{B}", f"openai:{A}"], None),
        # No server, no key.
        (STORED, "suffix", ["suffix", f"openai:{A}"], ""),
        (STORED, "vllm:/m", ["vllm:/m"], ""),
    ],
)
def test_what_a_host_is_given(
    keys: ApiKeys, model: str, models: list[str], given: str | None
) -> None:
    assert keys.of(model, models) == given


@pytest.mark.parametrize(
    "sent",
    [
        [{"server": A, "key": "key of a"}],
        (SimpleNamespace(server=A, key="key of a"),),
        [5, None, {}, {"server": B}, {"server": B, "key": 5}, {"server": A, "key": "key of a"}],
    ],
)
def test_what_is_sent_is_read(sent: Any) -> None:
    keys = ApiKeys.parse(sent)
    assert keys.of(f"openai:{A}", [f"openai:{A}"]) == "key of a"
    assert keys.of(f"openai:{B}", [f"openai:{B}"]) is None
    assert "key of a" not in f"{keys} {keys!r}"


@pytest.mark.parametrize("sent", [None, 5, "x", {}, {"server": A, "key": "k"}, [[]]])
def test_what_is_no_list_of_keys_holds_none(sent: Any) -> None:
    assert ApiKeys.parse(sent).of(f"openai:{A}", [f"openai:{A}"]) is None
