"""Notices when a model in a loop with tools goes in circles. Pure."""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass, field

NUDGE_AT, STOP_AT = 3, 5  # equal calls one after another
ALTERNATIONS = 3  # A-B-A-B-A-B
MAX_EQUAL = 6  # of one call in all


class Turn(enum.StrEnum):
    GO_ON = "go on"
    NUDGE = "nudge"
    STOP = "stop"


@dataclass(slots=True)
class LoopGuard:
    """Of one loop. A call is its name and arguments, as one text."""

    _calls: list[str] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)

    def take(self, call: str) -> Turn:
        self._calls.append(call)
        self._counts[call] += 1
        in_a_row = 0
        for it in reversed(self._calls):
            if it != call:
                break
            in_a_row += 1
        if in_a_row >= STOP_AT or self._counts[call] > MAX_EQUAL or self._alternates():
            return Turn.STOP
        return Turn.NUDGE if in_a_row == NUDGE_AT else Turn.GO_ON

    def _alternates(self) -> bool:
        last = self._calls[-2 * ALTERNATIONS :]
        return (
            len(last) == 2 * ALTERNATIONS
            and last[0] != last[1]
            and all(it == last[at % 2] for at, it in enumerate(last))
        )
