"""How long to wait for the next key before a model is asked. Pure; the clock is given.

A request is worth making at once where its answer comes before the next key does. Where the model is
slower than the user types, each request is overtaken by the next key and its work is lost; then it
waits until the next key is overdue, and so until the user has paused. A wait that is shorter than the
time between two keys would delay every answer and save none, so there is no such wait.

While requests wait nothing is learnt of the model, which may have been slow only at first, with a prompt
to read. So after some that waited in a row, what is known of it is forgotten, and one goes at once.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

MAX_WAIT_S = 0.3
_PAUSE_S = 1.0  # between two keys: who waits longer was not typing
_OVERDUE = 1.25  # times the usual gap
_GAPS, _LATENCIES = 15, 9
_MIN_KNOWN = 3
_MOST_HELD = 9  # so that of a slow model one request in ten is lost


@dataclass(frozen=True, slots=True, order=True)
class Latency:
    """Of an answer, in seconds; `is_least` where it was cut short by then."""

    seconds: float
    is_least: bool = False


class Debounce:
    """The user's gaps between keys, and the time that the model takes for an answer."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` counts seconds, from whenever."""
        self._clock = clock
        self._last_key: float | None = None
        self._gaps: deque[float] = deque(maxlen=_GAPS)
        self._model = ""
        self._latencies: deque[Latency] = deque(maxlen=_LATENCIES)
        self._held = 0  # requests since the model answered last

    def key(self) -> None:
        """The user typed."""
        now = self._clock()
        if self._last_key is not None and 0 < now - self._last_key <= _PAUSE_S:
            self._gaps.append(now - self._last_key)
        self._last_key = now

    def answered(self, model: str, seconds: float, *, is_whole: bool) -> None:
        """The model took so long; or longer, where the answer was cut short."""
        if model != self._model:
            self._model = model
            self._latencies.clear()
        self._held = 0
        self._latencies.append(Latency(seconds, is_least=not is_whole))

    def gap_s(self) -> float | None:
        """The median gap between keys; None before a few are known."""
        return statistics.median(self._gaps) if len(self._gaps) >= _MIN_KNOWN else None

    def latency(self, model: str) -> Latency | None:
        """The median of the last answers; of answers that were cut short it is the least."""
        if model != self._model or not self._latencies:
            return None
        return sorted(self._latencies)[len(self._latencies) // 2]

    def wait_s(self, model: str) -> float:
        """How long a request is to wait for another key, from its arrival."""
        gap, latency = self.gap_s(), self.latency(model)
        if gap is None or latency is None or (latency.seconds <= gap and not latency.is_least):
            return 0.0
        overdue = gap * _OVERDUE
        return overdue if overdue <= MAX_WAIT_S else 0.0

    def hold(self, model: str) -> str:
        """A request begins to wait; says what that rests on, for the user."""
        gap, latency = self.gap_s() or 0.0, self.latency(model) or Latency(0.0)
        least = "at least " if latency.is_least else ""
        told = f"{least}{latency.seconds * 1000:.0f} ms"
        self._held += 1
        if self._held >= _MOST_HELD:
            self._latencies.clear()
            self._held = 0
        return f"keys come every {gap * 1000:.0f} ms, answers take {told}"
