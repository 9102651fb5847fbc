"""What the user may know better than an OpenAI-compatible server tells: the engine's arguments."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inference.engines.openai_stream import MAX_COUNT
from inference.errors import EngineFailed
from inference.formats.fim import FAMILIES, FimOrder


@dataclass(frozen=True, slots=True)
class Options:
    """Make it with `read`."""

    fim_family: str = ""  # a family's name, or `chat`
    fim_order: str = ""  # `psm` or `spm`
    context_tokens: int | None = None

    @classmethod
    def read(cls, engine_args: Mapping[str, Any]) -> Options:
        """Raises `EngineFailed` for names and values that are none."""
        for name in engine_args:
            if name not in cls.__dataclass_fields__:
                near = difflib.get_close_matches(name, cls.__dataclass_fields__, n=1)
                raise EngineFailed(
                    f"the openai engine has no argument {name!r}",
                    hint=f"Did you mean {near[0]!r}?" if near else "",
                )
        options = cls(**engine_args)
        families = ["", "chat", *(family.name for family in FAMILIES)]
        orders = ["", *(order.value for order in FimOrder)]
        for name, known in (("fim_family", families), ("fim_order", orders)):
            if getattr(options, name) not in known:
                raise EngineFailed(f"{name} is one of {', '.join(known[1:])}")
        tokens = options.context_tokens
        if tokens is not None and (type(tokens) is not int or not 1 <= tokens <= MAX_COUNT):
            raise EngineFailed("context_tokens is a number of tokens, at least 1")
        return options
