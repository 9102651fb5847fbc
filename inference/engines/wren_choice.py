"""Which token follows, by a model's logits: the likeliest, or one drawn at a temperature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inference.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Choice:
    token_id: int
    logprob: float | None = None  # natural; None where none was asked for
    alternatives: tuple[tuple[int, float], ...] = ()  # the likeliest ids, the likeliest first


class Chooser:
    """Draws the tokens of one request; with the same seed the same ones."""

    def __init__(self, sampling: Sampling) -> None:
        import numpy as np

        self._sampling = sampling
        self._random = np.random.default_rng(sampling.seed)

    def choose(self, logits: Any, rank: int = 0) -> Choice:
        """`rank` is for the first token of several answers at no temperature: so they differ."""
        import numpy as np

        sampling = self._sampling
        if sampling.temperature > 0:
            token_id = self._drawn(logits)
        elif rank:
            token_id = int(_likeliest(logits, rank + 1)[rank])
        else:
            token_id = int(np.argmax(logits))
        if sampling.logprobs is None:
            return Choice(token_id)
        logprobs = _logprobs(logits)
        listed = _likeliest(logits, sampling.logprobs) if sampling.logprobs else ()
        return Choice(
            token_id,
            float(logprobs[token_id]),
            tuple((int(other), float(logprobs[other])) for other in listed),
        )

    def _drawn(self, logits: Any) -> int:
        import numpy as np

        chances = np.exp(_logprobs(logits.astype(np.float64) / self._sampling.temperature))
        order = np.argsort(-chances, kind="stable")
        before = np.cumsum(chances[order]) - chances[order]
        kept = order[before < self._sampling.top_p]  # the likeliest one always
        return int(self._random.choice(kept, p=chances[kept] / chances[kept].sum()))


def _likeliest(logits: Any, count: int) -> Any:
    import numpy as np

    return np.argsort(-logits, kind="stable")[:count]


def _logprobs(logits: Any) -> Any:
    import numpy as np

    shifted = logits - logits.max()
    return shifted - np.log(np.exp(shifted).sum())
