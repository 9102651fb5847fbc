"""What a prompt itself says of the next token: what followed where the last tokens stand already.

A small model learns the language, and little of the names around the cursor; a copy knows those, and
nothing else. So the chances of both are added, the copy's weighed by how often a match of that
length was right (`RIGHT`, counted on files that were trained on) and by `TRUST`; see
`inference/wren/README.md`.
Only the longest matches vote, the one nearest the end of the prompt the most.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LONGEST = 16
RIGHT = (0, 0.2, 0.4, 0.55, 0.6, 0.65, 0.7, 0.75, *([0.8] * 4), *([0.85] * 5))
"""By the tokens that a match has, the share of copies that were right."""

TRUST = 0.5
"""What of that share a copy's say is: the model knows most of what could be copied by itself."""

_NEARER = 2.0  # the last place has so many times the say of one that is far away
_MOST_PLACES = 32  # the nearest ones
_SPACES = "\u0120\u0109"  # a space and a tab, as byte-level BPE spells them


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Tokens as byte-level BPE spells them, with ids both ways; of the `special` none is copied."""

    ids: Mapping[str, int]
    spelled: Sequence[str]
    special: frozenset[int]

    @classmethod
    def of(cls, ids: Mapping[str, int], special: Iterable[int]) -> Vocabulary:
        spelled = [""] * (max(ids.values()) + 1)
        for text, number in ids.items():
            spelled[number] = text
        return cls(ids, spelled, frozenset(special))


class Copying:
    """Follows one answer. `ids` are the prompt's, `recent` those before the cursor.

    The cursor may stand where no token ends: in a word, or behind an indentation, of which the last
    space belongs to the word behind it. Then what follows a match is the rest of its token.
    """

    def __init__(self, ids: Sequence[int], recent: Sequence[int], vocabulary: Vocabulary) -> None:
        import numpy as np

        self._array: Any = np.array(ids, dtype=np.int64)
        self._ids = ids
        self._recent = list(recent[-LONGEST:])
        self._vocabulary = vocabulary
        self._rests: dict[int, int] = {}  # by place, where the cursor stands within a token
        self._places, self._length = self._find(self._recent)
        if self._recent:
            self._look_within_a_token()

    def take(self, token_id: int) -> None:
        """The answer goes on with that token."""
        self._recent = [*self._recent[1 - LONGEST :], token_id]
        # The longest matches that go on are the longest ones again.
        going_on = [place for place in self._places if self._next(place) == token_id]
        self._rests = {}
        self._places = self._continued(going_on)
        self._length = min(self._length + 1, LONGEST)
        if not self._places:
            self._places, self._length = self._find(self._recent)

    def weighed(self, logits: Any) -> Any:
        """Log-chances `[vocabulary]` of the model and the copies together."""
        import numpy as np

        weight = TRUST * RIGHT[self._length]
        if not weight:
            return logits
        places = self._places
        say = [1 + (_NEARER - 1) * (number + 1) / len(places) for number in range(len(places))]
        whole = sum(say)
        copied: dict[int, float] = {}
        for place, share in zip(places, say, strict=True):
            token_id = self._next(place)
            copied[token_id] = copied.get(token_id, 0.0) + weight * share / whole
        highest = logits.max()
        normal = highest + math.log(np.exp(logits - highest).sum())
        mixed = logits + np.float32(math.log(1 - weight) - normal)
        for token_id, chance in copied.items():
            mixed[token_id] = math.log(math.exp(mixed[token_id]) + chance)
        return mixed

    def _next(self, place: int) -> int:
        return self._rests.get(place, self._ids[place])

    def _look_within_a_token(self) -> None:
        """Takes the matches of the tokens before the last one, where they are as long or longer."""
        vocabulary, before = self._vocabulary, self._recent[:-1]
        last = vocabulary.spelled[self._recent[-1]]
        begun = last
        if not last.strip(_SPACES):
            # Of an indentation the last character begins the next token.
            begun, shorter = last[-1:], vocabulary.ids.get(last[:-1])
            before = [*before, shorter] if shorter is not None else before
        places, length = self._find(before)
        rests = {}
        for place in places:
            spelled = vocabulary.spelled[self._ids[place]]
            rest = vocabulary.ids.get(spelled[len(begun) :]) if spelled.startswith(begun) else None
            if rest is not None:
                rests[place] = rest
        if rests and length + 1 > self._length:
            self._places, self._length, self._rests = [*rests], min(length + 1, LONGEST), rests

    def _find(self, recent: Sequence[int]) -> tuple[list[int], int]:
        """Where what followed the longest matches of these tokens stands, and how long those are."""
        import numpy as np

        ids = self._array
        ends = np.nonzero(ids == recent[-1])[0] if recent else ids[:0]
        places = self._continued(ends.tolist())
        length = int(len(places) > 0)
        while 0 < length < len(recent):
            ends = ends[ends >= length]
            ends = ends[ids[ends - length] == recent[-1 - length]]
            longer = self._continued(ends.tolist())
            if not longer:
                break
            places = longer
            length += 1
        return places, length

    def _continued(self, ends: list[int]) -> list[int]:
        """The places behind these where a text goes on, the nearest to the prompt's end last."""
        ids, special = self._ids, self._vocabulary.special
        found = [end + 1 for end in ends if end + 1 < len(ids) and ids[end + 1] not in special]
        return found[-_MOST_PLACES:]
