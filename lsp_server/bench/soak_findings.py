"""What the soak counts, times and finds wrong."""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field

from lsp_server.bench.measure import percentile

# How each kind of finding is called; one of any of them fails the soak.
WRONG_TEXT = "wrong text"  # a completion for another text than the one it was asked about
LOST_EDIT = "lost edit"  # the server's document is not the user's
WRONG_EDIT = "wrong edit"  # an edit that does something else than what was asked for
UNANSWERED = "unanswered"  # a request that had no answer within its bound
UNREACHABLE = "unreachable"  # something that did not come back by itself
LEAKED_PROCESS = "leaked process"
LEAKED_FILE = "leaked file"
GROWTH = "growth"
_MAX_TOLD = 40
_FAULTS_TOLD = 4


@dataclass(slots=True)
class Findings:
    counts: Counter[str] = field(default_factory=Counter[str])  # of what was done, and how it went
    wrong: Counter[str] = field(default_factory=Counter[str])
    told: list[str] = field(default_factory=list)
    answer_ms: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _faults: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=_FAULTS_TOLD))
    _started: float = field(default_factory=time.monotonic)

    def strike(self, fault: str) -> None:
        """Something goes wrong around Sparrow, as it is meant to."""
        self.counts[f"fault: {fault}"] += 1
        self._faults.append((time.monotonic(), fault))

    def find(self, kind: str, what: str) -> None:
        """With what had gone wrong around it last, and how long before."""
        self.wrong[kind] += 1
        now = time.monotonic()
        if len(self.told) < _MAX_TOLD:
            before = ", ".join(f"{name} {now - at:.1f} s" for at, name in reversed(self._faults))
            behind = f" (before it: {before})" if before else ""
            self.told.append(f"{kind}, after {now - self._started:.1f} s: {what}{behind}")

    def answers(self) -> list[dict[str, float | str]]:
        """By kind of request: how many were answered, and in how many milliseconds."""
        return [
            {
                "request": kind,
                "answers": len(times),
                "p50_ms": round(percentile(times, 0.5), 1),
                "p95_ms": round(percentile(times, 0.95), 1),
                "max_ms": round(max(times), 1),
            }
            for kind, times in sorted(self.answer_ms.items())
        ]
