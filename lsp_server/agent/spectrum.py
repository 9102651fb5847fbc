"""Which lines are suspicious by which tests run through them: spectrum-based fault localization. Pure.

Ochiai's coefficient (Abreu, Zoeteweij and van Gemund, 2007: On the accuracy of spectrum-based fault
localization): of a line that `ef` failing and `ep` passing tests run, with `f` failing tests in all,
`ef / sqrt(f * (ef + ep))`, from 0 to 1. Lines count from 0.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Line = tuple[str, int]  # a path, and the line's number


@dataclass(frozen=True, slots=True)
class CoveredTest:
    """What a test ran: the lines of each file of the repository."""

    name: str
    passed: bool
    lines: Mapping[str, Sequence[int]]


def suspicion(tests: Sequence[CoveredTest]) -> dict[Line, float]:
    """Ochiai's coefficient of each line that a failing test ran; none where no test failed."""
    failing: Counter[Line] = Counter()
    passing: Counter[Line] = Counter()
    failures = 0
    for test in tests:
        failures += not test.passed
        counts = passing if test.passed else failing
        counts.update((path, line) for path, lines in test.lines.items() for line in set(lines))
    return {
        line: count / math.sqrt(failures * (count + passing[line]))
        for line, count in failing.items()
    }


def by_file(lines: Mapping[Line, float]) -> dict[str, float]:
    """Of each file the highest suspicion of a line; among equals, more such lines are a bit more."""
    best: dict[str, float] = {}
    count: Counter[str] = Counter()
    for (path, _), value in lines.items():
        if value > best.get(path, 0.0):
            best[path], count[path] = value, 0
        count[path] += value == best[path]
    return {path: value + 1e-6 * min(count[path], 1000) for path, value in best.items()}
