"""A deterministic engine for tests and benchmarks: it answers from a script, and refuses the rest.

The script is a JSON file:

    {"load_seconds": 0, "fail_load": "", "context_tokens": null, "cache_block_tokens": 1,
     "rules": [{"when": {"prefix_ends_with": "def add(", "path_ends_with": ".py"},
                "reply": ["a, ", "b):"], "delay_ms": 0, "then": "stop"}]}

The first rule whose conditions all hold answers; a rule without conditions answers all. `delay_ms`
passes before each piece of the reply. `then` is `stop`, `hang` (until cancelled) or `die` (the
engine fails, and so the host ends). A token is a word; `context_tokens` and more of them are
refused.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from inference.engines.base import LoadProgress, Piece
from inference.errors import EngineFailed, PromptTooLong, UnsupportedRequest
from inference.prompt import Prompt
from inference.protocol import Capabilities, FinishReason, Priority, Role, Sampling


@dataclass(frozen=True, slots=True)
class Rule:
    prefix_ends_with: str
    path_ends_with: str
    reply: tuple[str, ...]
    delay_ms: float
    then: Literal["stop", "hang", "die"]

    def answers(self, prompt: Prompt[str]) -> bool:
        wanted = self.prefix_ends_with
        return _prefix_end(prompt, len(wanted)).endswith(wanted) and _path(prompt).endswith(
            self.path_ends_with
        )


class ScriptedEngine:
    name = "scripted"

    def __init__(self, script: str) -> None:
        self._script = Path(script)
        self._rules: tuple[Rule, ...] = ()
        self._context_tokens: int | None = None
        self._cache_block_tokens = 1

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            fim=True,
            chat=False,
            exact_token_counts=True,
            context_tokens=self._context_tokens,
            cache_block_tokens=self._cache_block_tokens,
            parallel_requests=4,
        )

    async def load(self, report: LoadProgress) -> None:
        try:
            script = _object(
                json.loads(self._script.read_text()),
                {"rules", "load_seconds", "fail_load", "context_tokens", "cache_block_tokens"},
            )
            self._rules = tuple(_rule(rule) for rule in _typed(script["rules"], list))
            seconds = float(_typed(script.get("load_seconds", 0), int, float))
            failure = _typed(script.get("fail_load", ""), str)
            self._context_tokens = _typed(script.get("context_tokens"), type(None), int)
            self._cache_block_tokens = _typed(script.get("cache_block_tokens", 1), int)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EngineFailed(
                f"the script {self._script} cannot be used: {error!r}",
                hint="The scripted engine is for tests; see inference/engines/scripted.py.",
            ) from error
        for step in range(10 if seconds else 0):
            report(f"reading {self._script.name}", step / 10)
            await asyncio.sleep(seconds / 10)
        if failure:
            raise EngineFailed(failure)

    def encode(self, text: str) -> Sequence[str]:
        return text.split()

    async def generate(
        self, prompt: Prompt[str], sampling: Sampling, priority: Priority
    ) -> AsyncGenerator[Piece, None]:
        del priority
        self._check_length(prompt)
        rule = next((rule for rule in self._rules if rule.answers(prompt)), None)
        if rule is None:
            raise UnsupportedRequest(
                f"no rule of {self._script.name} knows a prompt that ends in "
                f"{_prefix_end(prompt, 40)!r}"
            )
        for piece in rule.reply[: sampling.max_tokens]:
            if rule.delay_ms:
                await asyncio.sleep(rule.delay_ms / 1000)
            yield Piece(piece, 1)
        if rule.then == "hang":
            await asyncio.Event().wait()
        if rule.then == "die":
            raise EngineFailed("the script says that the engine dies here")
        whole = len(rule.reply) <= sampling.max_tokens
        yield Piece("", 0, FinishReason.STOP if whole else FinishReason.LENGTH)

    async def close(self) -> None:
        pass

    def _check_length(self, prompt: Prompt[str]) -> None:
        tail = self.encode(prompt.tail.prefix + prompt.tail.suffix)
        tokens = prompt.layout.token_count + len(tail)
        if self._context_tokens is not None and tokens >= self._context_tokens:
            raise PromptTooLong(
                f"the prompt has {tokens} tokens, the script's context {self._context_tokens}"
            )


def _rule(value: Any) -> Rule:
    fields = _object(value, {"when", "reply", "delay_ms", "then"})
    when = _object(fields.get("when", {}), {"prefix_ends_with", "path_ends_with"})
    then = fields.get("then", "stop")
    if then not in ("stop", "hang", "die"):
        raise ValueError(f"a rule ends with {then!r}")
    return Rule(
        prefix_ends_with=_typed(when.get("prefix_ends_with", ""), str),
        path_ends_with=_typed(when.get("path_ends_with", ""), str),
        reply=tuple(_typed(piece, str) for piece in _typed(fields["reply"], list)),
        delay_ms=float(_typed(fields.get("delay_ms", 0), int, float)),
        then=then,
    )


def _object(value: Any, keys: set[str]) -> dict[str, Any]:
    fields: dict[str, Any] = _typed(value, dict)
    if unknown := fields.keys() - keys:
        raise ValueError(f"unknown keys {sorted(unknown)}")
    return fields


def _typed(value: Any, *kinds: type) -> Any:
    if not isinstance(value, kinds):
        raise TypeError(f"{value!r} stands where {kinds[-1].__name__} should")
    return value


def _prefix_end(prompt: Prompt[str], length: int) -> str:
    """The last `length` characters before the cursor, across chunk boundaries."""
    text = prompt.tail.prefix
    for section in reversed(prompt.layout.by_role(Role.PREFIX)):
        for chunk in reversed(section.chunks):
            if len(text) >= length:
                break
            text = chunk.text + text
    return text[-length:] if length else ""


def _path(prompt: Prompt[str]) -> str:
    for section in prompt.layout.sections:
        if section.role is not Role.CONTEXT:
            return section.path
    return ""
