"""Worker processes that read files: each is given a batch at a time and answers with what it read.

tree-sitter holds Python's lock while it parses, so no thread of the server may do it in bulk. The
workers are started afresh (`spawn`), of low priority, and take no code from the current folder.

Invariant: a worker ends when the process that started it does, however that ends: it is the only
one at the other end of the worker's pipe.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Generic, TypeVar

_NICENESS = 10
_END_TIMEOUT_S = 5.0
_BATCHES_AHEAD = 2  # that a worker has: it goes on while what it read is being written
_GARBAGE_THRESHOLD = 100_000  # what is read has no cycles: to look for them takes a twentieth

BatchT = TypeVar("BatchT")
ResultT = TypeVar("ResultT")


class Pool(Generic[BatchT, ResultT]):
    """Runs a function, which a module holds by name, on batches. A context manager.

    A batch that takes more than `limit_s` ends its worker.
    """

    def __init__(
        self, read: Callable[[BatchT], ResultT], workers: int, *, limit_s: float | None = None
    ) -> None:
        self._read = read
        self._count = workers
        self._limit_s = limit_s
        self._workers: dict[Connection, SpawnProcess] = {}
        self._begun: set[Connection] = set()

    def __enter__(self) -> Pool[BatchT, ResultT]:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe, process in self._workers.items():
            pipe.close()
            process.terminate()
        for process in self._workers.values():
            process.join(_END_TIMEOUT_S)
        self._workers.clear()

    def run(self, batches: Sequence[BatchT]) -> Iterator[tuple[BatchT, ResultT | None]]:
        """Each batch with its result as it comes, or with None where its worker died of it.

        Raises OSError where a worker ends before it was given anything: no batch is to blame.
        """
        waiting = list(reversed(batches))
        running: dict[Connection, deque[BatchT]] = {}

        def give(pipe: Connection) -> None:
            own = running.setdefault(pipe, deque())
            while waiting and len(own) < _BATCHES_AHEAD:
                own.append(waiting.pop())
                with contextlib.suppress(OSError):  # it has ended: that is seen below
                    pipe.send(own[-1])
            if not own:
                del running[pipe]

        while len(self._workers) < min(self._count, len(batches)):
            self._start()
        for pipe in self._workers:
            give(pipe)
        while running:
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                if not self._has_begun(ready):
                    continue
                batch = running[ready].popleft()
                try:
                    result: ResultT | None = ready.recv()
                except (EOFError, OSError):
                    result = None
                    waiting += reversed(running.pop(ready))  # of these it did not die
                    self._workers.pop(ready).join()
                    self._begun.remove(ready)
                    ready.close()
                    ready = self._start()  # noqa: PLW2901 - another takes its place
                give(ready)  # before the result is looked at: it is not to wait for that
                yield batch, result

    def _has_begun(self, worker: Connection) -> bool:
        """Whether it has said so before; it says nothing else first."""
        if worker in self._begun:
            return True
        try:
            worker.recv()
        except (EOFError, OSError) as error:
            raise ChildProcessError("a process that reads files ended as it began") from error
        self._begun.add(worker)
        return False

    def _start(self) -> Connection:
        # Of the workspace, which may be the current folder, nothing is imported.
        os.environ["PYTHONSAFEPATH"] = "1"
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_work, args=(theirs, self._read, self._limit_s), daemon=True
        )
        process.start()
        theirs.close()
        self._workers[ours] = process
        return ours


def _work(pipe: Connection, read: Callable[[BatchT], ResultT], limit_s: float | None) -> None:
    """What a worker does: until there is nobody to ask it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the process that started it
    if hasattr(os, "nice"):
        os.nice(max(0, _NICENESS - os.nice(0)))
    gc.set_threshold(_GARBAGE_THRESHOLD)
    with contextlib.suppress(EOFError, OSError), Path(os.devnull).open("w") as nowhere:
        pipe.send(None)  # it has begun
        while True:
            batch = pipe.recv()
            if limit_s is not None:
                # By a thread that needs no lock of Python's: a parse holds that until it ends.
                faulthandler.dump_traceback_later(limit_s, exit=True, file=nowhere)
            result = read(batch)
            faulthandler.cancel_dump_traceback_later()
            pipe.send(result)
