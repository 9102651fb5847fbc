"""Whether a text is worth showing, by how sure the model was and by what the user took before. Pure.

Nothing is hidden by a number that somebody chose: a text is hidden only where as unsure ones were
shown many times here and hardly ever taken. So a new user sees all, and as old pairs leave the
history what is hidden comes back, and is judged anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MIN_SHOWN = 200  # below a threshold, before it counts
# Of what is hidden no more than this share would have been taken, with a confidence of 95%.
MAX_TAKEN_SHARE = 0.02
_Z = 1.96


@dataclass(frozen=True, slots=True)
class Calibration:
    """Hides what is at most as likely as `threshold`, a mean natural log-probability of a token.

    `shown` and `taken` are what it rests on: how many were shown down there, and how many taken.
    """

    threshold: float = -math.inf
    shown: int = 0
    taken: int = 0

    @classmethod
    def of(cls, history: Iterable[tuple[float, bool]]) -> Calibration:
        """From pairs of a mean log-probability and whether the text was taken, in any order."""
        best = cls()
        pairs = sorted(history)
        taken = 0
        for shown, (mean, was_taken) in enumerate(pairs, 1):
            taken += was_taken
            is_last_of_equals = shown == len(pairs) or pairs[shown][0] > mean
            if shown < MIN_SHOWN or not is_last_of_equals:
                continue
            if _upper_bound(taken, shown) <= MAX_TAKEN_SHARE:
                best = cls(mean, shown, taken)
        return best

    def hides(self, mean_logprob: float | None) -> bool:
        """What an engine tells nothing of is shown."""
        return mean_logprob is not None and mean_logprob <= self.threshold

    def __str__(self) -> str:
        return f"of {self.shown} that it was as unsure of, {self.taken} were taken"


def mean_logprob(logprobs: Sequence[float]) -> float | None:
    """The mean over an answer's tokens, or None where none is known."""
    finite = [max(it, -100.0) for it in logprobs]  # an engine may say minus infinity
    return sum(finite) / len(finite) if finite else None


def _upper_bound(taken: int, shown: int) -> float:
    """Wilson's upper bound of a share."""
    share, z2 = taken / shown, _Z * _Z
    middle = share + z2 / (2 * shown)
    spread = _Z * math.sqrt(share * (1 - share) / shown + z2 / (4 * shown * shown))
    return (middle + spread) / (1 + z2 / shown)
