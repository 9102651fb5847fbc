"""What a prompt itself says of the next token: what followed where the last tokens stand already.

A small model learns the language, and little of the names around the cursor; a copy knows those, and
nothing else. So the chances of both are added, the copy's weighed by how often a match of that
length was right (`RIGHT`, counted on files that were trained on, see `inference/wren/README.md`).
Only the longest matches vote, the one nearest the end of the prompt the most.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

LONGEST = 16
RIGHT = (0, 0.2, 0.4, 0.55, 0.6, 0.65, 0.7, 0.75, *([0.8] * 4), *([0.85] * 5))
"""By the tokens that a match has, the share of copies that were right."""

_NEARER = 2.0  # the last place has so many times the say of one that is far away
_MOST_PLACES = 32  # the nearest ones


class Copying:
    """Follows one answer. `ids` are the prompt's, `recent` those before the cursor."""

    def __init__(self, ids: Sequence[int], recent: Sequence[int], special: Iterable[int]) -> None:
        """Of the `special` tokens none is copied: they end a file, or stand at the cursor."""
        import numpy as np

        self._array: Any = np.array(ids, dtype=np.int64)
        self._ids = ids
        self._recent = list(recent[-LONGEST:])
        self._special = frozenset(special)
        self._find()

    def take(self, token_id: int) -> None:
        """The answer goes on with that token."""
        self._recent = [*self._recent[1 - LONGEST :], token_id]
        # The longest matches that go on are the longest ones again.
        going_on = [place for place in self._places if self._ids[place] == token_id]
        self._places = self._continued(going_on)
        self._length = min(self._length + 1, LONGEST)
        if not self._places:
            self._find()

    def weighed(self, logits: Any) -> Any:
        """Log-chances `[vocabulary]` of the model and the copies together."""
        import numpy as np

        weight = RIGHT[self._length]
        if not weight:
            return logits
        places = self._places
        say = [1 + (_NEARER - 1) * (number + 1) / len(places) for number in range(len(places))]
        whole = sum(say)
        copied: dict[int, float] = {}
        for place, share in zip(places, say, strict=True):
            token_id = self._ids[place]
            copied[token_id] = copied.get(token_id, 0.0) + weight * share / whole
        highest = logits.max()
        normal = highest + math.log(np.exp(logits - highest).sum())
        mixed = logits + np.float32(math.log(1 - weight) - normal)
        for token_id, chance in copied.items():
            mixed[token_id] = math.log(math.exp(mixed[token_id]) + chance)
        return mixed

    def _find(self) -> None:
        """Looks the last tokens up: where what followed the longest matches stands, and their length."""
        import numpy as np

        ids, recent = self._array, self._recent
        ends = np.nonzero(ids == recent[-1])[0] if recent else ids[:0]
        length = int(len(ends) > 0)
        while 0 < length < len(recent):
            longer = ends[ends >= length]
            longer = longer[ids[longer - length] == recent[-1 - length]]
            if not len(self._continued(longer.tolist())):
                break
            ends = longer
            length += 1
        self._places = self._continued(ends.tolist())
        self._length = length if self._places else 0

    def _continued(self, ends: list[int]) -> list[int]:
        """The places behind these where a text goes on, the nearest to the prompt's end last."""
        ids, special = self._ids, self._special
        found = [end + 1 for end in ends if end + 1 < len(ids) and ids[end + 1] not in special]
        return found[-_MOST_PLACES:]
