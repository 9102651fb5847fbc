"""What a fix tells of itself while it runs: its stage, what is done there, and how long it has taken.

It is told anew each second: a stage may take minutes, and a time that stands still looks like one that
hangs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsp_server.agent.pipeline import Progress

_EACH_S = 1.0


class FixProgress:
    """Make it with `telling`. The time runs from there, and with a stage that of its budget."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._now = asyncio.get_running_loop().time
        self._started = self._now()
        self._stage = self._note = self._budget = ""

    def stage(self, progress: Progress) -> None:
        self._started = self._now() - progress.elapsed_s
        self._budget = f" of {_clock(progress.budget_s)}"
        self._stage, self._note = f"{progress.stage}: {progress.message}", ""
        self._tell()

    def note(self, note: str) -> None:
        """Of the stage that is under way, if one is."""
        self._note = note
        self._tell()

    async def tell_each_second(self) -> None:
        while True:
            await asyncio.sleep(_EACH_S)
            self._tell()

    def _tell(self) -> None:
        told = ", ".join(it for it in (self._stage, self._note) if it)
        if told:
            elapsed = _clock(self._now() - self._started)
            self._report(f"{told} ({elapsed}{self._budget})")


@contextlib.asynccontextmanager
async def telling(report: Callable[[str], None]) -> AsyncIterator[FixProgress]:
    progress = FixProgress(report)
    ticking = asyncio.create_task(progress.tell_each_second())
    try:
        yield progress
    finally:
        ticking.cancel()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"
