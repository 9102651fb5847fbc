"""What a prompt itself says of the next token: what followed where the last tokens stand already.

A small model learns the language, and little of the names around the cursor; a copy knows those, and
nothing else. So the chances of both are added, the copy's weighed by how often a match of that
length was right (`RIGHT`, counted on files that were trained on, see `inference/wren/README.md`).
Only the longest matches vote, the one nearest the end of the prompt the most.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

LONGEST = 16
RIGHT = (0, 0.2, 0.4, 0.55, 0.6, 0.65, 0.7, 0.75, *([0.8] * 4), *([0.85] * 5))
"""By the tokens that a match has, the share of copies that were right."""

_NEARER = 2.0  # the last place has so many times the say of one that is far away


class Copying:
    """Follows one answer. `ids` are the prompt's, `recent` those before the cursor."""

    def __init__(self, ids: Sequence[int], recent: Sequence[int], special: Iterable[int]) -> None:
        """Of the `special` tokens none is copied: they end a file, or stand at the cursor."""
        import numpy as np

        self._ids: Any = np.array(ids, dtype=np.int64)
        self._recent = list(recent[-LONGEST:])
        self._is_text = ~np.isin(self._ids, list(special))

    def take(self, token_id: int) -> None:
        """The answer goes on with that token."""
        self._recent = [*self._recent[1 - LONGEST :], token_id]

    def weighed(self, logits: Any) -> Any:
        """Log-chances `[vocabulary]` of the model and the copies together."""
        import numpy as np

        places, length = self._matches()
        weight = RIGHT[length]
        if not weight:
            return logits
        following = self._ids[places]
        shares = np.linspace(1.0, _NEARER, len(places))
        chances = np.exp(logits - logits.max())
        chances *= (1 - weight) / chances.sum()
        np.add.at(chances, following, weight * shares / shares.sum())
        return np.log(np.maximum(chances, 1e-12))

    def _matches(self) -> tuple[Any, int]:
        """Where what followed the longest matches stands, and how long those are."""
        import numpy as np

        ids, recent = self._ids, self._recent
        if not recent:
            return (), 0
        ends = np.nonzero(ids[:-1] == recent[-1])[0]
        ends = ends[self._is_text[ends + 1]]
        if not len(ends):
            return (), 0
        length = 1
        while length < len(recent):
            longer = ends[ends >= length]
            longer = longer[ids[longer - length] == recent[-1 - length]]
            if not len(longer):
                break
            ends = longer
            length += 1
        return ends + 1, length
