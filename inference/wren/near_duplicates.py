"""Finds texts that repeat much of another, by sampled hashes of token shingles.

A text is a sequence of words and signs, white space and comments' layout apart. Each run of
`SHINGLE` of them is hashed; the hashes that divide by `SAMPLED` are its fingerprints, so two texts
that share a run share its fingerprint. (As winnowing, Schleimer and others 2003, but sampled by
value: it costs less, and texts as short as a benchmark's functions keep several.)
"""

from __future__ import annotations

import re
import zlib
from collections import Counter, defaultdict
from typing import Any

SHINGLE = 10
SAMPLED = 4
_TOKEN = re.compile(r"\w+|[^\w\s]")
_MULTIPLIER = 0x9E3779B97F4A7C15
_MIX = 0xBF58476D1CE4E5B9
# What two texts share by chance is no copy; what so many share is a licence's header.
_LEAST_COMMON = 3
_MOST_HOLDERS = 50


def fingerprints(text: str) -> frozenset[int]:
    import numpy as np

    tokens = np.fromiter(
        (zlib.crc32(token.encode()) for token in _TOKEN.findall(text)), dtype=np.uint64
    )
    count = len(tokens) - SHINGLE + 1
    if count < 1:
        return frozenset()
    hashes: Any = np.zeros(count, dtype=np.uint64)
    for offset in range(SHINGLE):  # wraps around, as intended
        hashes = hashes * np.uint64(_MULTIPLIER) + tokens[offset : offset + count]
    hashes ^= hashes >> np.uint64(31)
    hashes *= np.uint64(_MIX)
    hashes ^= hashes >> np.uint64(29)
    return frozenset(hashes[hashes % np.uint64(SAMPLED) == 0].tolist())


class Repeats:
    """Texts by their fingerprints; answers how much of one another text repeats."""

    def __init__(self) -> None:
        self._texts: defaultdict[int, list[int]] = defaultdict(list)  # by fingerprint
        self._sizes: list[int] = []

    def __len__(self) -> int:
        return len(self._sizes)

    def add(self, prints: frozenset[int]) -> None:
        if not prints:
            return
        for number in prints:
            holders = self._texts[number]
            if len(holders) < _MOST_HOLDERS:
                holders.append(len(self._sizes))
        self._sizes.append(len(prints))

    def shares(self, prints: frozenset[int]) -> tuple[float, float]:
        """The largest share of a text that `prints` repeats, and of `prints` that a text holds."""
        common: Counter[int] = Counter()
        for number in prints:
            common.update(self._texts.get(number, ()))
        told = [(text, count) for text, count in common.items() if count >= _LEAST_COMMON]
        if not told:
            return 0.0, 0.0
        of_a_text = max(count / self._sizes[text] for text, count in told)
        return of_a_text, max(count for _, count in told) / len(prints)
