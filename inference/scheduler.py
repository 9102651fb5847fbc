"""Who generates next: a bounded queue over the engine's slots, ordered by class, then by arrival."""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import itertools
from collections.abc import AsyncIterator

from inference.errors import Overloaded
from inference.protocol import Priority

MAX_QUEUED = 256


class Scheduler:
    """Hands out `slots` at a time. A waiter that is cancelled leaves the queue at once.

    `engine_queues` says that the engine has a queue of its own, ordered by priority as well. Then a
    completion goes there at once: waiting here, it would come too late for the place that falls
    free next. It takes a slot all the same, for which the less urgent wait.
    """

    def __init__(
        self, slots: int, max_queued: int = MAX_QUEUED, *, engine_queues: bool = False
    ) -> None:
        self._engine_queues = engine_queues
        self._free = slots  # below 0 by the completions that did not wait
        self._slots = slots
        self._max_queued = max_queued
        self._arrival = itertools.count()
        self._waiting: list[tuple[Priority, int, asyncio.Future[None]]] = []

    @property
    def running(self) -> int:
        return self._slots - self._free

    @property
    def queued(self) -> int:
        return len(self._waiting)

    @contextlib.asynccontextmanager
    async def slot(self, priority: Priority) -> AsyncIterator[None]:
        """Waits for a slot and holds it. Raises `Overloaded` when too many wait already."""
        await self._acquire(priority)
        try:
            yield
        finally:
            self._release()

    async def _acquire(self, priority: Priority) -> None:
        goes_on = self._engine_queues and priority is Priority.COMPLETION
        if self._free > 0 or (goes_on and self._free > -self._max_queued):
            self._free -= 1
            return
        if self.queued >= self._max_queued:
            raise Overloaded(
                f"{self._max_queued} requests are waiting for the model already",
                hint="Wait for the running requests, or stop some of them.",
            )
        turn = asyncio.get_running_loop().create_future()
        place = (priority, next(self._arrival), turn)
        bisect.insort(self._waiting, place)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._release()  # the slot had been handed over already
            else:
                with contextlib.suppress(ValueError):  # taken out on the way, as it was cancelled
                    self._waiting.remove(place)
            raise

    def _release(self) -> None:
        while self._waiting and self._free >= 0:
            _, _, turn = self._waiting.pop(0)
            if not turn.done():  # a cancelled one that has not yet run
                turn.set_result(None)
                return
        self._free += 1
