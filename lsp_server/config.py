"""The settings, read from whatever the editor sent: a wrong value falls back, and is told once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

SECTION = "sparrow"

DEFAULT_LANGUAGES: Mapping[str, bool] = MappingProxyType(
    {"*": True, "plaintext": False, "scminput": False}
)


@dataclass(frozen=True, slots=True)
class Config:
    """The settings that the server reads; their descriptions are in extension/package.json."""

    enable: bool = True
    languages: Mapping[str, bool] = field(default_factory=lambda: DEFAULT_LANGUAGES)
    completion_model: str = "wren"
    completion_max_lines: int = 10
    host_idle_minutes: float = 10.0
    completion_engine_args: Mapping[str, Any] = field(default_factory=dict)
    chat_model: str = ""  # empty: the one that completes
    chat_engine_args: Mapping[str, Any] = field(default_factory=dict)
    edit_thinking: str = "model"  # which decides; or "on", "off"
    index_enable: bool = True
    completion_context: str = "relevant"  # or "repository"
    fix_test_command: str = ""  # empty: found out
    fix_allow_unsandboxed: bool = False

    def completes(self, language: str) -> bool:
        return self.enable and self.languages.get(language, self.languages.get("*", True))


def parse(settings: Any) -> tuple[Config, list[str]]:
    """The configuration of a `sparrow` section, and a sentence for each value that was refused.

    Keys that are not the server's are left alone: the extension has settings of its own.
    """
    default = Config()
    problems: list[str] = []
    section = settings if isinstance(settings, Mapping) else {}
    if settings is not None and not isinstance(settings, Mapping):
        problems.append(f"the settings are not an object but {_kind(settings)}")

    def read(key: str, expected: str, accepts: Callable[[Any], bool], fallback: Any) -> Any:
        value: Any = section
        for part in key.split("."):
            if not isinstance(value, Mapping):
                break  # what stands here is no group of settings, and so no value either
            value = value.get(part)
            if value is None:
                return fallback
        else:
            if accepts(value):
                return value
        problems.append(f"{SECTION}.{key} must be {expected}, not {value!r}; using {fallback!r}")
        return fallback

    config = Config(
        enable=read("enable", "true or false", _is_bool, default.enable),
        languages=read(
            "languages",
            "an object of language identifiers and true or false",
            lambda value: isinstance(value, Mapping) and all(map(_is_bool, value.values())),
            dict(default.languages),
        ),
        completion_model=read(
            "completion.model", "the name of a model", _is_name, default.completion_model
        ),
        completion_max_lines=read(
            "completion.maxLines",
            "a whole number from 1 to 50",
            lambda value: type(value) is int and 1 <= value <= 50,  # noqa: PLR2004
            default.completion_max_lines,
        ),
        host_idle_minutes=read(
            "host.idleMinutes",
            "a number of at least 1",
            lambda value: type(value) in (int, float) and 1 <= value < float("inf"),
            default.host_idle_minutes,
        ),
        completion_engine_args=read(
            "completion.engineArgs",
            "an object of the engine's arguments",
            lambda value: isinstance(value, Mapping),
            dict(default.completion_engine_args),
        ),
        chat_model=read(
            "chat.model",
            "the name of a model, or empty",
            lambda value: value == "" or _is_name(value),
            default.chat_model,
        ),
        chat_engine_args=read(
            "chat.engineArgs",
            "an object of the engine's arguments",
            lambda value: isinstance(value, Mapping),
            dict(default.chat_engine_args),
        ),
        edit_thinking=read(
            "edit.thinking",
            '"model", "on" or "off"',
            lambda value: value in {"model", "on", "off"},
            default.edit_thinking,
        ),
        completion_context=read(
            "completion.context",
            '"relevant" or "repository"',
            lambda value: value in {"relevant", "repository"},
            default.completion_context,
        ),
        fix_test_command=read(
            "fix.testCommand",
            "a command",
            lambda value: isinstance(value, str),
            default.fix_test_command,
        ),
        fix_allow_unsandboxed=read(
            "fix.allowUnsandboxed", "true or false", _is_bool, default.fix_allow_unsandboxed
        ),
        index_enable=read("index.enable", "true or false", _is_bool, default.index_enable),
    )
    return config, problems


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and value.strip() == value != ""


def _kind(value: Any) -> str:
    return type(value).__name__
