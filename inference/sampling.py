"""How an answer is to be drawn from a model: what a request may ask for, and its limits. Pure."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass

MAX_TEMPERATURE = 2.0
MAX_SAMPLES = 16
MAX_LOGPROBS = 20


class ConstraintKind(enum.StrEnum):
    JSON_SCHEMA = "json_schema"
    REGEX = "regex"
    CHOICE = "choice"
    GRAMMAR = "grammar"  # in the engine's own notation: vLLM reads EBNF


@dataclass(frozen=True, slots=True)
class Constraint:
    """What the answer must be: `texts` holds the choices, or the one schema, pattern or grammar."""

    kind: ConstraintKind
    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.texts or not all(self.texts):
            raise ValueError(f"a constraint by {self.kind} is empty")
        if self.kind is not ConstraintKind.CHOICE and len(self.texts) > 1:
            raise ValueError(f"a constraint by {self.kind} is one text, not {len(self.texts)}")
        if self.kind is ConstraintKind.JSON_SCHEMA:
            try:
                for text in self.texts:
                    json.loads(text)
            except ValueError as error:
                raise ValueError(f"the JSON schema is not JSON: {error}") from error


@dataclass(frozen=True, slots=True)
class Sampling:
    """`logprobs` is how many alternatives are told for each token: 0 for the chosen one alone."""

    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    samples: int = 1  # answers to one prompt, which is read once
    logprobs: int | None = None
    constraint: Constraint | None = None

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens is {self.max_tokens}; it must be at least 1")
        if not 0.0 <= self.temperature <= MAX_TEMPERATURE:
            raise ValueError(
                f"temperature is {self.temperature}; it must be within 0 to {MAX_TEMPERATURE:g}"
            )
        if not 0.0 < self.top_p <= 1.0:
            raise ValueError(f"top_p is {self.top_p}; it must be over 0 and at most 1")
        if not 1 <= self.samples <= MAX_SAMPLES:
            raise ValueError(f"samples is {self.samples}; it must be within 1 to {MAX_SAMPLES}")
        if self.logprobs is not None and not 0 <= self.logprobs <= MAX_LOGPROBS:
            raise ValueError(f"logprobs is {self.logprobs}; it must be within 0 to {MAX_LOGPROBS}")


@dataclass(frozen=True, slots=True)
class Alternative:
    token: str  # its text; a part of a character is U+FFFD
    logprob: float  # natural


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token of an answer, and the likeliest in its place, the likeliest first."""

    token: str
    logprob: float
    alternatives: tuple[Alternative, ...]
