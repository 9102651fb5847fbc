"""Loops whose clocks jump: to the next thing that is to happen, or as far as a test moves it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class _Selector(selectors.DefaultSelector):
    """Waits for nothing: where no event is there, time goes on by as much as was to be waited."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        events = super().select(0)
        if not events and timeout is None:
            raise RuntimeError("everything waits, and nothing will ever happen")
        if not events and timeout is not None:
            self.now += max(timeout, 0.0)
        return events


class MovedLoop(asyncio.SelectorEventLoop):
    """Its clock is the machine's, and ahead of it by what a test adds."""

    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


def run_in_no_time(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work)
