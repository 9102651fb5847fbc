"""What is counted of completions, and how long they took. Pure.

Counts are kept for a day, a language and a model; nothing else of a request is. A histogram has a
fixed number of buckets, four to each doubling, so that percentiles of any number of completions
cost the same, and are right to within a tenth.
"""

from __future__ import annotations

import enum
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

BUCKETS_PER_DOUBLING = 4
LAST_BUCKET = 60  # 2 ** (60 / 4) ms: half a minute, and whatever takes longer

_ADDRESS = re.compile(r"^[a-z]+://(?:[^@/]*@)?([^/#]*)")


class Count(enum.StrEnum):
    """The value is the name in the file and in what `--json` prints."""

    REQUESTS = "requests"
    RETURNED = "returned"  # answered with a text
    SHOWN = "shown"  # stood there long enough to be seen, each text once however it was typed along
    ACCEPTED = "accepted"  # of those shown, whole or in part
    ACCEPTED_WHOLE = "accepted_whole"
    ACCEPTS = "accepts"  # each word or line that was taken counts
    ACCEPTED_CHARACTERS = "accepted_characters"
    SERVED_AGAIN = "served_again"  # of those returned: nothing was generated for it alone
    TOKENS = "tokens"  # that a model wrote, for whatever came of it
    # Characters of accepted text that were looked for after that time, and those that stood there.
    LOOKED_FOR_30_S = "looked_for_30_s"
    KEPT_30_S = "kept_30_s"
    LOOKED_FOR_5_MIN = "looked_for_5_min"
    KEPT_5_MIN = "kept_5_min"


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What is counted together; `day` is the user's own, as 2026-01-31."""

    day: str
    language: str
    model: str


@dataclass(slots=True)
class Tally:
    counts: Counter[str] = field(default_factory=Counter)
    latencies: Counter[int] = field(default_factory=Counter)  # by bucket

    def add(self, other: Tally) -> None:
        self.counts.update(other.counts)
        self.latencies.update(other.latencies)

    def __getitem__(self, count: Count) -> int:
        return self.counts[count]

    @property
    def saved_characters(self) -> int:
        """That were not typed: each accept is a key as well."""
        return self[Count.ACCEPTED_CHARACTERS] - self[Count.ACCEPTS]


def bucket_of(milliseconds: float) -> int:
    doublings = math.log2(max(milliseconds, 1.0))
    return min(math.ceil(doublings * BUCKETS_PER_DOUBLING), LAST_BUCKET)


def percentile(latencies: Mapping[int, int], share: float) -> float | None:
    """The middle of the bucket in which the nearest rank lies, in milliseconds."""
    rank = share * (sum(latencies.values()) - 1)
    for bucket in sorted(latencies):
        if rank < latencies[bucket]:
            return float(2 ** ((bucket - 0.5) / BUCKETS_PER_DOUBLING)) if bucket else 1.0
        rank -= latencies[bucket]
    return None


def label_of(model: str) -> str:
    """The name of a model without folders and credentials: `vllm:/home/me/a` is `vllm:a`."""
    kind, colon, rest = model.partition(":")
    if not colon:
        return model
    address, _, name = rest.partition("#")
    if not name:
        found = _ADDRESS.match(address)
        name = found[1] if found else re.split(r"[\\/]", address.rstrip("\\/"))[-1]
    return f"{kind}:{name}"
