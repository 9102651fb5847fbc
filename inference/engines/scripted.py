"""A deterministic engine for tests and benchmarks: it answers from a script, and refuses the rest.

The script is a JSON file:

    {"load_seconds": 0, "load_until": "", "fail_load": "",
     "context_tokens": null, "cache_block_tokens": 1,
     "rules": [{"when": {"prefix_ends_with": "def add(", "path_ends_with": ".py"},
                "reply": ["a, ", "b):"], "delay_ms": 0, "then": "stop"}]}

It loads for so many seconds, from when the file that `load_until` names is there. The first rule whose
conditions all hold answers; a rule without conditions answers all. `delay_ms` passes before each piece
of the reply. `then` is `stop`, `hang` (until cancelled) or `die` (the engine fails, and so the host
ends). A token is a word; `context_tokens` and more of them are refused. A rule with `"digest": true`
ends its reply with `digest_around` of the prompt, so that who asked can tell which text it was about.

A rule may hold `drawn`, a list of texts: where an answer is drawn, with a temperature over 0, they are
the answers of the samples in turn, in place of the reply.

A rule with `message_ends_with` answers chats, and those alone: the condition is on the last message.
Before its reply it may `think`, and behind it `call` tools:

    {"when": {"message_ends_with": "?"}, "think": ["Well. "], "reply": ["Yes."],
     "call": [{"name": "read", "arguments": {"path": "a.py"}}]}

With `"constraints": true` a request may bind the answer; what is said is the rule's all the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from inference.engines.base import LoadProgress, Piece
from inference.errors import EngineFailed, PromptTooLong, UnsupportedRequest
from inference.prompt import Conversation, Prompt
from inference.protocol import CallText, Capabilities, FinishReason, Priority, Role
from inference.sampling import Sampling

_POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class Rule:
    prefix_ends_with: str
    path_ends_with: str
    message_ends_with: str | None  # None where the rule answers completions
    think: tuple[str, ...]
    reply: tuple[str, ...]
    drawn: tuple[str, ...]
    calls: tuple[CallText, ...]
    delay_ms: float
    then: Literal["stop", "hang", "die"]
    says_digest: bool

    def answers(self, prompt: Prompt[str]) -> bool:
        wanted = self.prefix_ends_with
        if self.message_ends_with is not None:
            return False
        return _prefix_end(prompt, len(wanted)).endswith(wanted) and _path(prompt).endswith(
            self.path_ends_with
        )

    def answers_chat(self, conversation: Conversation[str]) -> bool:
        wanted = self.message_ends_with
        last = conversation.messages[-1].text if conversation.messages else ""
        return wanted is not None and last.endswith(wanted)


class ScriptedEngine:
    name = "scripted"

    def __init__(self, script: str) -> None:
        self._script = Path(script)
        self._rules: tuple[Rule, ...] = ()
        self._context_tokens: int | None = None
        self._cache_block_tokens = 1
        self._constraints = False

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            fim=True,
            chat=any(rule.message_ends_with is not None for rule in self._rules),
            exact_token_counts=True,
            context_tokens=self._context_tokens,
            cache_block_tokens=self._cache_block_tokens,
            parallel_requests=4,
            samples=any(rule.drawn for rule in self._rules),
            constraints=self._constraints,
        )

    async def load(self, report: LoadProgress) -> None:
        try:
            script = _object(
                json.loads(self._script.read_text()),
                {
                    *("rules", "load_seconds", "load_until", "fail_load", "context_tokens"),
                    *("cache_block_tokens", "constraints"),
                },
            )
            self._rules = tuple(_rule(rule) for rule in _typed(script["rules"], list))
            seconds = float(_typed(script.get("load_seconds", 0), int, float))
            until = _typed(script.get("load_until", ""), str)
            failure = _typed(script.get("fail_load", ""), str)
            self._context_tokens = _typed(script.get("context_tokens"), type(None), int)
            self._cache_block_tokens = _typed(script.get("cache_block_tokens", 1), int)
            self._constraints = _typed(script.get("constraints", False), bool)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EngineFailed(
                f"the script {self._script} cannot be used: {error!r}",
                hint="The scripted engine is for tests; see inference/engines/scripted.py.",
            ) from error
        while not _may_load(until):  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(_POLL_S)
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
        drawn = rule.drawn if sampling.temperature > 0 else ()
        digest = _digest(prompt) if rule.says_digest else ""
        async for step in _draw(drawn, sampling) if drawn else _play(rule, sampling, digest):
            yield step

    async def chat(
        self, conversation: Conversation[str], sampling: Sampling, priority: Priority
    ) -> AsyncGenerator[Piece, None]:
        del priority
        rule = next((rule for rule in self._rules if rule.answers_chat(conversation)), None)
        if rule is None:
            raise UnsupportedRequest(f"no rule of {self._script.name} knows what to answer")
        drawn = rule.drawn if sampling.temperature > 0 else ()
        async for step in _draw(drawn, sampling) if drawn else _play(rule, sampling):
            yield step

    async def close(self) -> None:
        pass

    def _check_length(self, prompt: Prompt[str]) -> None:
        tail = self.encode(prompt.tail.prefix + prompt.tail.suffix)
        tokens = prompt.layout.token_count + len(tail)
        if self._context_tokens is not None and tokens >= self._context_tokens:
            raise PromptTooLong(
                f"the prompt has {tokens} tokens, the script's context {self._context_tokens}"
            )


def _may_load(until: str) -> bool:
    return not until or Path(until).exists()


def digest_around(before: str, behind: str) -> str:
    """Twelve hexadecimal digits that stand for the text before and behind a cursor."""
    text = f"{before}\0{behind}".encode(errors="replace")
    return hashlib.blake2b(text, digest_size=6).hexdigest()


async def _play(rule: Rule, sampling: Sampling, digest: str = "") -> AsyncGenerator[Piece, None]:
    steps = [Piece(text, 1, thinking=True) for text in rule.think]
    steps += [Piece(text, 1) for text in (*rule.reply, *([digest] if digest else ()))]
    for step in steps[: sampling.max_tokens]:
        if rule.delay_ms:
            await asyncio.sleep(rule.delay_ms / 1000)
        yield step
    if rule.then == "hang":
        await asyncio.Event().wait()
    if rule.then == "die":
        raise EngineFailed("the script says that the engine dies here")
    whole = len(steps) <= sampling.max_tokens
    finish = FinishReason.STOP if whole else FinishReason.LENGTH
    yield Piece("", 0, finish, calls=rule.calls if whole else ())


async def _draw(drawn: Sequence[str], sampling: Sampling) -> AsyncGenerator[Piece, None]:
    for sample in range(sampling.samples):
        yield Piece(drawn[sample % len(drawn)], 1, sample=sample)
        yield Piece("", 0, FinishReason.STOP, sample=sample)


def _rule(value: Any) -> Rule:
    fields = _object(
        value, {"when", "think", "reply", "drawn", "call", "delay_ms", "then", "digest"}
    )
    when = _object(
        fields.get("when", {}), {"prefix_ends_with", "path_ends_with", "message_ends_with"}
    )
    ends_with = when.get("message_ends_with")
    then = fields.get("then", "stop")
    if then not in ("stop", "hang", "die"):
        raise ValueError(f"a rule ends with {then!r}")
    return Rule(
        prefix_ends_with=_typed(when.get("prefix_ends_with", ""), str),
        path_ends_with=_typed(when.get("path_ends_with", ""), str),
        message_ends_with=_typed(ends_with, str) if ends_with is not None else None,
        think=_texts(fields.get("think", [])),
        reply=_texts(fields["reply"]),
        drawn=_texts(fields.get("drawn", [])),
        calls=tuple(map(_call, enumerate(_typed(fields.get("call", []), list)))),
        delay_ms=float(_typed(fields.get("delay_ms", 0), int, float)),
        then=then,
        says_digest=_typed(fields.get("digest", False), bool),
    )


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(_typed(piece, str) for piece in _typed(value, list))


def _call(numbered: tuple[int, Any]) -> CallText:
    number, value = numbered
    fields = _object(value, {"name", "arguments"})
    arguments = json.dumps(_typed(fields.get("arguments", {}), dict))
    return CallText(f"call-{number}", _typed(fields["name"], str), arguments)


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


def _digest(prompt: Prompt[str]) -> str:
    before, behind = (
        "".join(chunk.text for section in prompt.layout.by_role(role) for chunk in section.chunks)
        for role in (Role.PREFIX, Role.SUFFIX)
    )
    return digest_around(before + prompt.tail.prefix, prompt.tail.suffix + behind)


def _path(prompt: Prompt[str]) -> str:
    for section in prompt.layout.sections:
        if section.role is not Role.CONTEXT:
            return section.path
    return ""
