"""The settings: what is taken, what is refused, and what is said about it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.config import DEFAULT_LANGUAGES, Config, parse

TAKEN: list[tuple[Any, Config]] = [
    (None, Config()),
    ({}, Config()),
    ({"enable": False}, Config(enable=False)),
    ({"enable": None}, Config()),
    ({"languages": {}}, Config(languages={})),
    ({"languages": {"go": False}}, Config(languages={"go": False})),
    ({"completion": {"model": "scripted:/a b"}}, Config(completion_model="scripted:/a b")),
    ({"completion": {"model": "Ünïcode 😀"}}, Config(completion_model="Ünïcode 😀")),
    ({"completion": {"maxLines": 1}}, Config(completion_max_lines=1)),
    ({"completion": {"maxLines": 50}}, Config(completion_max_lines=50)),
    ({"completion": {}}, Config()),
    ({"chat": {"model": "large"}}, Config(chat_model="large")),
    ({"chat": {"model": ""}}, Config()),
    ({"edit": {"thinking": "off"}}, Config(edit_thinking="off")),
    ({"chat": {"engineArgs": {"a": 1}}}, Config(chat_engine_args={"a": 1})),
    ({"completion": None}, Config()),
    ({"host": {"idleMinutes": 1}}, Config(host_idle_minutes=1)),
    ({"host": {"idleMinutes": 1.5}}, Config(host_idle_minutes=1.5)),
    ({"host": {"idleMinutes": None}}, Config()),
    # Of the extension alone.
    ({"server": {"path": "/x"}, "python": "", "trace": {"server": "off"}}, Config()),
    ({"unknown": 1, "completion": {"unknown": 1}}, Config()),
]


@pytest.mark.parametrize(("settings", "config"), TAKEN)
def test_what_is_taken(settings: Any, config: Config) -> None:
    assert parse(settings) == (config, [])


REFUSED: list[tuple[Any, str]] = [
    (5, "the settings are not an object but int"),
    ([], "the settings are not an object but list"),
    ("x", "the settings are not an object but str"),
    (False, "the settings are not an object but bool"),
    ({"enable": 1}, "sparrow.enable must be true or false, not 1; using True"),
    ({"enable": "false"}, "sparrow.enable must be"),
    ({"languages": []}, "sparrow.languages must be"),
    ({"languages": {"go": 0}}, "sparrow.languages must be"),
    ({"languages": {"go": None}}, "sparrow.languages must be"),
    ({"completion": 5}, "sparrow.completion.model must be the name of a model, not 5"),
    ({"completion": False}, "sparrow.completion.model must be"),
    ({"completion": {"model": ""}}, "sparrow.completion.model must be"),
    ({"completion": {"model": " suffix"}}, "sparrow.completion.model must be"),
    ({"completion": {"model": "a\0b"}}, "sparrow.completion.model must be"),
    ({"completion": {"model": "a\nb"}}, "sparrow.completion.model must be"),
    ({"completion": {"model": "\ud800"}}, "sparrow.completion.model must be"),
    ({"completion": {"model": ["suffix"]}}, "sparrow.completion.model must be"),
    ({"completion": {"model": {"name": "suffix"}}}, "sparrow.completion.model must be"),
    ({"completion": {"maxLines": 0}}, "a whole number from 1 to 50, not 0; using 10"),
    ({"completion": {"maxLines": 51}}, "sparrow.completion.maxLines must be"),
    ({"completion": {"maxLines": 10.0}}, "sparrow.completion.maxLines must be"),
    ({"completion": {"maxLines": True}}, "sparrow.completion.maxLines must be"),
    ({"completion": {"maxLines": "10"}}, "sparrow.completion.maxLines must be"),
    ({"chat": {"model": " "}}, "sparrow.chat.model must be the name of a model, or empty"),
    ({"chat": {"model": 5}}, "sparrow.chat.model must be"),
    ({"edit": {"thinking": True}}, "sparrow.edit.thinking must be"),
    ({"chat": {"engineArgs": []}}, "sparrow.chat.engineArgs must be"),
    ({"host": {"idleMinutes": 0.5}}, "sparrow.host.idleMinutes must be a number of at least 1"),
    ({"host": {"idleMinutes": math.inf}}, "sparrow.host.idleMinutes must be"),
    ({"host": {"idleMinutes": math.nan}}, "sparrow.host.idleMinutes must be"),
    ({"host": {"idleMinutes": True}}, "sparrow.host.idleMinutes must be"),
    ({"host": []}, "sparrow.host.idleMinutes must be"),
]


@pytest.mark.parametrize(("settings", "problem"), REFUSED)
def test_what_is_refused_falls_back_and_is_told(settings: Any, problem: str) -> None:
    config, problems = parse(settings)
    assert config == Config()
    assert problem in problems[0]


def test_one_wrong_value_spoils_no_other() -> None:
    settings = {
        "enable": "no",
        "completion": {"model": "m", "maxLines": -1},
        "languages": {"a": True},
    }
    config, problems = parse(settings)
    assert config == Config(completion_model="m", languages={"a": True})
    assert len(problems) == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["enable", "languages", "completion", "model", "maxLines", "host", "*"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_settings_give_a_configuration(settings: Any) -> None:
    config, problems = parse(settings)
    assert isinstance(config.enable, bool)
    assert 1 <= config.completion_max_lines <= 50
    assert 1 <= config.host_idle_minutes < math.inf
    assert config.completion_model.strip()
    assert config.completes("python") in (True, False)
    assert all(isinstance(it, str) for it in problems)


@pytest.mark.parametrize(
    ("config", "language", "completes"),
    [
        (Config(), "python", True),
        (Config(), "plaintext", False),
        (Config(), "scminput", False),
        (Config(enable=False), "python", False),
        (Config(languages={}), "python", True),
        (Config(languages={"*": False}), "python", False),
        (Config(languages={"*": False, "python": True}), "python", True),
        (Config(languages={"python": False}), "python", False),
        (Config(languages={"python": False}), "go", True),
        (Config(enable=False, languages={"python": True}), "python", False),
    ],
)
def test_which_languages_are_completed(
    config: Config,
    language: str,
    completes: bool,  # noqa: FBT001
) -> None:
    assert config.completes(language) is completes


def test_the_defaults_cannot_be_changed_by_accident() -> None:
    config, _ = parse({"enable": True})
    assert config.languages is not DEFAULT_LANGUAGES
    with pytest.raises(TypeError):
        DEFAULT_LANGUAGES["go"] = False  # type: ignore[index]
