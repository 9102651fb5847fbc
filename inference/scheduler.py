"""Who generates next: bounded queues over the engine's slots, one for each class of requests.

The more urgent class comes first. Within a class the clients take turns, so that one that asks for
much holds up nobody: each request has a turn, one behind that of the client's request before it,
and turns are served in order (start-time fair queuing, Goyal et al. 1996). A class that is full
refuses, and so does a client's share of it: chats that pile up are no reason to refuse a
completion.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import itertools
from collections.abc import AsyncIterator, Hashable
from dataclasses import dataclass, field

from inference.errors import Overloaded
from inference.protocol import Priority

MAX_QUEUED = 128  # of a class
MAX_QUEUED_OF_CLIENT = 32


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    """In the queue, in the order in which it is served."""

    priority: Priority
    turn: int
    arrival: int
    client: Hashable = field(compare=False)
    handed_over: asyncio.Future[None] = field(compare=False)


class Scheduler:
    """Hands out `slots` at a time. A waiter that is cancelled leaves the queue at once.

    `max_queued` bounds each class, `max_of_client` what one client has waiting in it.

    `engine_queues` says that the engine has a queue of its own, ordered by priority as well. Then a
    completion goes there at once: waiting here, it would come too late for the place that falls
    free next. It takes a slot all the same, for which the less urgent wait.
    """

    def __init__(
        self,
        slots: int,
        max_queued: int = MAX_QUEUED,
        *,
        max_of_client: int = MAX_QUEUED_OF_CLIENT,
        engine_queues: bool = False,
    ) -> None:
        self._engine_queues = engine_queues
        self._free = slots  # below 0 by the completions that did not wait
        self._slots = slots
        self._max_queued = max_queued
        self._max_of_client = max_of_client
        self._arrival = itertools.count()
        self._waiting: list[_Place] = []
        self._turns = dict.fromkeys(Priority, 0)  # of who was served last in each class
        self._next_turns: dict[tuple[Priority, Hashable], int] = {}  # those beyond it

    @property
    def running(self) -> int:
        return self._slots - self._free

    @property
    def queued(self) -> int:
        return len(self._waiting)

    @contextlib.asynccontextmanager
    async def slot(self, priority: Priority, client: Hashable = None) -> AsyncIterator[None]:
        """Waits for a slot and holds it. Raises `Overloaded` when too many wait already."""
        await self._acquire(priority, client)
        try:
            yield
        finally:
            self._release()

    async def _acquire(self, priority: Priority, client: Hashable) -> None:
        goes_on = self._engine_queues and priority is Priority.COMPLETION
        if self._free > 0 or (goes_on and self._free > -self._max_queued):
            self._free -= 1
            return
        place = self._queue(priority, client)
        try:
            await place.handed_over
        except asyncio.CancelledError:
            if place.handed_over.done() and not place.handed_over.cancelled():
                self._release()  # the slot had been handed over already
            else:
                with contextlib.suppress(ValueError):  # taken out on the way, as it was cancelled
                    self._waiting.remove(place)
            raise

    def _queue(self, priority: Priority, client: Hashable) -> _Place:
        of_class = [it for it in self._waiting if it.priority is priority]
        of_client = [it for it in of_class if it.client == client]
        name = priority.name.lower().replace("_", "-")
        if len(of_class) >= self._max_queued:
            raise Overloaded(
                f"{len(of_class)} requests of the class {name} are waiting for the model already",
                hint="Ask again when some of them are done. Many windows share this model: a larger "
                "machine, or a server of your own (`openai:`), serves more of them.",
            )
        if len(of_client) >= self._max_of_client:
            raise Overloaded(
                f"{len(of_client)} requests of the class {name} of this window are waiting for the "
                "model already",
                hint="Wait for the running requests, or stop some of them.",
            )
        turn = max(self._turns[priority], self._next_turns.get((priority, client), 0))
        self._next_turns[priority, client] = turn + 1
        future = asyncio.get_running_loop().create_future()
        place = _Place(priority, turn, next(self._arrival), client, future)
        bisect.insort(self._waiting, place)
        return place

    def _release(self) -> None:
        while self._waiting and self._free >= 0:
            place = self._waiting.pop(0)
            if not place.handed_over.done():  # a cancelled one that has not yet run
                self._reach(place.priority, place.turn)
                place.handed_over.set_result(None)
                return
        self._free += 1

    def _reach(self, priority: Priority, turn: int) -> None:
        """A class has come to a turn: what is remembered of clients that are behind it is of no use."""
        self._turns[priority] = turn
        self._next_turns = {
            key: then for key, then in self._next_turns.items() if key[0] != priority or then > turn
        }
