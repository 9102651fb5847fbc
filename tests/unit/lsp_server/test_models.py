"""Which model serves which role, and what the hosts of two models are told of each other."""

from __future__ import annotations

from typing import Any

import pytest

from lsp_server.config import Config
from lsp_server.models import Assignment, assign

PRESET, CHECKPOINT = "qwen2.5-coder-1.5b", "vllm:/models/large"


def config(completion: str, chat: str = "", **more: Any) -> Config:
    return Config(completion_model=completion, chat_model=chat, **more)


@pytest.mark.parametrize(
    ("setup", "completion", "chat"),
    [
        (config("suffix"), ("suffix", {}), ("suffix", {})),
        # Arguments for chat hold where a model is named for it.
        (config("a:b", completion_engine_args={"x": 1}), ("a:b", {"x": 1}), ("a:b", {"x": 1})),
        (config("suffix", chat_engine_args={"x": 1}), ("suffix", {}), ("suffix", {})),
        (config("suffix", "suffix"), ("suffix", {}), ("suffix", {})),
        (config("suffix", PRESET), ("suffix", {}), (PRESET, {})),
        (config("suffix", "openai:http://a"), ("suffix", {}), ("openai:http://a", {})),
        (
            config("openai:http://a", PRESET, chat_engine_args={"seed": 1}),
            ("openai:http://a", {}),
            (PRESET, {"seed": 1}),
        ),
        (config(PRESET, PRESET), (PRESET, {}), (PRESET, {})),
    ],
)
def test_the_model_of_each_role(
    setup: Config, completion: tuple[str, Any], chat: tuple[str, Any]
) -> None:
    assert assign(setup) == {"completion": Assignment(*completion), "chat": Assignment(*chat)}


@pytest.mark.parametrize(
    ("completion", "chat"),
    [
        (PRESET, CHECKPOINT),
        (CHECKPOINT, PRESET),
        ("Qwen/Qwen2.5-Coder-7B", "qwen3.6-35b-a3b"),
    ],
)
def test_two_models_of_vllm_are_told_of_each_other(completion: str, chat: str) -> None:
    given = {"max_model_len": 8192}
    found = assign(config(completion, chat, chat_engine_args=given))
    beside_chat = {"role": "chat", "model": chat, "engine_args": given}
    beside_completion = {"role": "completion", "model": completion, "engine_args": {}}
    assert found["completion"].engine_args == {"shares_gpu_with": beside_chat}
    assert found["chat"].engine_args == {**given, "shares_gpu_with": beside_completion}


def test_one_model_with_two_sets_of_arguments_is_two() -> None:
    found = assign(config(PRESET, PRESET, chat_engine_args={"seed": 1}))
    assert found["completion"] != found["chat"]
    assert found["chat"].engine_args["seed"] == 1
    assert "shares_gpu_with" in found["completion"].engine_args


def test_a_neighbour_that_the_user_names_stays() -> None:
    own = {"shares_gpu_with": {"role": "chat", "model": "vllm:/other"}}
    found = assign(config(PRESET, CHECKPOINT, completion_engine_args=own))
    assert found["completion"].engine_args == own
