"""One thread that makes the steps of several jobs in turn, and hands what they yield to the loop.

A job is a generator that does a few milliseconds of work at a time, and yields what has come of it,
or None. The thread does not wait for the loop between two steps: to go back and forth for each token
would cost a tenth of the token. A job that nobody waits for any more makes no further step.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

ItemT = TypeVar("ItemT")


@dataclass(slots=True, eq=False)
class _Job(Generic[ItemT]):
    steps: Generator[ItemT | None, None, None]
    loop: asyncio.AbstractEventLoop
    # Items, then one exception: that of the job, or StopAsyncIteration.
    results: asyncio.Queue[ItemT | Exception] = field(default_factory=asyncio.Queue)
    is_cancelled: bool = False


class Worker:
    """Started with its first job. After `stop` no job makes a step."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: deque[_Job[Any]] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_stopped = False

    async def run(self, steps: Generator[ItemT | None, None, None]) -> AsyncGenerator[ItemT, None]:
        """What the job yields, None apart, and the exception it raises. Closing it ends the job."""
        job = _Job(steps, asyncio.get_running_loop())
        self._add(job)
        try:
            while True:
                result = await job.results.get()
                if isinstance(result, StopAsyncIteration):
                    return
                if isinstance(result, Exception):
                    raise result
                yield result
        finally:
            job.is_cancelled = True

    def stop(self) -> None:
        """Returns when the step that is being made has ended. Waits: call it off the loop."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _add(self, job: _Job[Any]) -> None:
        with self._changed:
            self._jobs.append(job)
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_stopped or self._jobs)
                if self._is_stopped:
                    return
                job = self._jobs.popleft()
            if self._makes_a_step(job):
                with self._changed:
                    self._jobs.append(job)

    def _makes_a_step(self, job: _Job[Any]) -> bool:
        """Whether there is more to do."""
        if job.is_cancelled:
            job.steps.close()
            return False
        result: Any
        try:
            result = next(job.steps)
        except StopIteration:
            result = StopAsyncIteration()
        except Exception as error:  # noqa: BLE001 - it is raised where the job is waited for
            result = error
        if result is not None:
            job.loop.call_soon_threadsafe(job.results.put_nowait, result)
        return not isinstance(result, Exception)
