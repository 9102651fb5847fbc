"""What a model's context holds of a prompt, in the model's own tokens.

The host alone can count tokens, and it counts a layout when it gets one. What it has not counted is
measured by its characters, at the rate at which the texts counted last came to tokens; before any
count, at a rate that hardly any code exceeds. So nothing here waits for an answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from inference.content import Layout, LayoutSection
from inference.protocol import Capabilities, LayoutReady, Role

# What the answer may take; of a very small context, a quarter.
ANSWER_TOKENS = 256
_ANSWER_SHARE = 4
# The markers of a format around the current file, and those around each other one.
PROMPT_FORMAT_TOKENS = 16
FILE_FORMAT_TOKENS = 4

# Tokens for each character: code has 0.25 to 0.4 with the vocabularies of today.
_RATE_BEFORE_COUNTS = 0.5
# A part of a text may be denser than the whole that was counted, and another file denser still.
_MARGIN = 1.05
_MARGIN_OF_ANOTHER_FILE = 1.15
_MARGIN_OF_ESTIMATED_COUNTS = 1.1
_TELLING_CHARACTERS = 500
_REMEMBERED_FILES = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """What of a model decides how much it is shown, and where it is cut."""

    model: str = ""
    context_tokens: int | None = None  # None: bounded by memory alone
    cache_block_tokens: int = 1
    prefix_first: bool = False
    references: bool = False  # its engine searches text that the model is not shown

    @classmethod
    def of(cls, model: str, capabilities: Capabilities | None) -> Limits:
        """Those of a model; of one that is not ready, and has not said them, none."""
        if capabilities is None:
            return cls(model)
        return cls(
            model,
            capabilities.context_tokens,
            capabilities.cache_block_tokens,
            capabilities.prefix_first,
            capabilities.references,
        )

    @property
    def prompt_tokens(self) -> int | None:
        """What a prompt may have, with room left for the answer."""
        if self.context_tokens is None:
            return None
        return self.context_tokens - min(ANSWER_TOKENS, self.context_tokens // _ANSWER_SHARE)


@dataclass(slots=True)
class TokenMeasure:
    """How many tokens texts have, by the counts of the layouts that were counted."""

    _rates: dict[str, float] = field(default_factory=dict)  # tokens per character, by path
    _rate: float | None = None
    _margin: float = _MARGIN
    _counts: dict[tuple[bytes, ...], int] = field(default_factory=dict)  # by a section's chunks

    def learn(self, layout: Layout, counted: LayoutReady) -> None:
        """Takes what the host says of a layout."""
        characters: dict[str, int] = {}
        tokens: dict[str, int] = {}
        self._counts = {}
        for section, count in zip(layout.sections, counted.token_counts, strict=True):
            if section.role is Role.REFERENCE:  # which no model reads
                continue
            characters[section.path] = characters.get(section.path, 0) + _length(section)
            tokens[section.path] = tokens.get(section.path, 0) + count
            self._counts[_name(section)] = count
        for path, length in characters.items():
            if length >= _TELLING_CHARACTERS:
                self._rates.pop(path, None)
                self._rates[path] = tokens[path] / length
        for path in list(self._rates)[:-_REMEMBERED_FILES]:
            del self._rates[path]
        if (length := sum(characters.values())) >= _TELLING_CHARACTERS:
            self._rate = sum(tokens.values()) / length
        self._margin = _MARGIN if counted.exact else _MARGIN * _MARGIN_OF_ESTIMATED_COUNTS

    def rate(self, path: str) -> float:
        """Tokens per character of that file, rather too many than too few."""
        margin = self._margin if path in self._rates else self._margin * _MARGIN_OF_ANOTHER_FILE
        return self.likely_rate(path) * margin

    def likely_rate(self, path: str) -> float:
        """Tokens per character of that file, as well as they are known."""
        return self._rates.get(path, self._rate or _RATE_BEFORE_COUNTS)

    def tokens(self, path: str, characters: int) -> int:
        """What so many characters of that file come to, rather too many than too few."""
        return math.ceil(characters * self.rate(path))

    def of_section(self, section: LayoutSection) -> int:
        """A section's tokens with its format: exact where it was counted, else rather too many.

        A reference has none: the model is not shown it.
        """
        if section.role is Role.REFERENCE:
            return 0
        counted = self._counts.get(_name(section))
        if counted is None:
            counted = self.tokens(section.path, _length(section))
        return counted + self.of_path(section.path)

    def likely_of_section(self, section: LayoutSection) -> int:
        """As `of_section`, but as likely too few as too many."""
        counted = self._counts.get(_name(section))
        if counted is None:
            counted = round(_length(section) * self.likely_rate(section.path))
        return counted + self.of_path(section.path)

    def of_sections(self, sections: Iterable[LayoutSection]) -> int:
        return sum(map(self.of_section, sections))

    def of_path(self, path: str) -> int:
        """What naming a file before its text takes."""
        return self.tokens(path, len(path)) + FILE_FORMAT_TOKENS


def _name(section: LayoutSection) -> tuple[bytes, ...]:
    return tuple(chunk.id for chunk in section.chunks)


def _length(section: LayoutSection) -> int:
    return sum(len(chunk.text) for chunk in section.chunks)
