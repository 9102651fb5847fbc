"""The token that the cursor stands in: taken back from the prompt, and held to in the answer.

A tokenizer joins a word with the space or the mark before it, so that who types is nearly always within
a token: behind `if supe` a model that was trained on whole tokens has never seen ` supe`. So the last
piece that the tokenizer's pattern keeps together is left out of the prompt, and an answer begins with
tokens that spell it; what is told of the answer is what comes behind. A prompt stays the same while a
word is typed, for the model's cache.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

# One mark or space with letters, or alone: as Qwen2's pattern cuts what is no digit. Of other
# characters than these a token may hold a part.
_BEGUN = re.compile(r"(?:[\t -/:-@\[-`{-~]?[A-Za-z]+|[\t -/:-@\[-`{-~])\Z")
_LONGEST = 32  # characters; a longer word was typed by nobody
_SPELLED = str.maketrans({" ": "\u0120", "\t": "\u0109"})  # as byte-level BPE has them
_LAST = "\U0010ffff"
_MOST_KEPT = 256


def split(prefix: str) -> tuple[str, str]:
    """A prefix without the piece that it ends within, and that piece; maybe nothing."""
    found = _BEGUN.search(prefix[-_LONGEST:])
    if found is None:
        return prefix, ""
    return prefix[: len(prefix) - len(found[0])], found[0]


class Spellings:
    """The tokens of a vocabulary by what they spell, for those that begin with a text."""

    def __init__(self, ids: Mapping[str, int], special: frozenset[int]) -> None:
        self._ids = ids
        self._sorted = sorted(text for text, number in ids.items() if number not in special)
        self._found: dict[str, Sequence[int]] = {}

    def fitting(self, begun: str) -> Sequence[int]:
        """The ids of tokens that begin with it, and of those that it begins with."""
        found = self._found.get(begun)
        if found is None:
            first, end = (bisect_left(self._sorted, it) for it in (begun, begun + _LAST))
            texts = self._sorted[first:end]
            texts += [
                begun[:length] for length in range(1, len(begun)) if begun[:length] in self._ids
            ]
            if len(self._found) >= _MOST_KEPT:
                self._found.clear()
            found = self._found[begun] = [self._ids[text] for text in texts]
        return found


class Begun:
    """Follows one answer, until it has spelled what stands there."""

    def __init__(self, text: str, spellings: Spellings, spelled: Sequence[str]) -> None:
        self._left = text.translate(_SPELLED)
        self._spellings = spellings
        self._spelled = spelled

    def held(self, logits: Any) -> Any:
        """The logits `[vocabulary]` of what may stand there; of all else minus infinity."""
        if not self._left:
            return logits
        import numpy as np

        fitting = self._spellings.fitting(self._left)
        held = np.full_like(logits, -np.inf)
        held[fitting] = logits[fitting]
        return held

    def take(self, token_id: int) -> None:
        """The answer goes on with that token."""
        if self._left:
            self._left = self._left[len(self._spelled[token_id]) :]
