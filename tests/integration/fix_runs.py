"""A fix of a small workspace that ends where a test says: by a cancel, or by a kill of its process.

    python -m tests.integration.fix_runs FOLDER SCRATCH RUN MODEL

kills itself as soon as the RUN-th command has started in its sandbox; 0 is never. MODEL may be empty.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.client import InferenceClient
from lsp_server.agent import sandbox, workbench
from lsp_server.agent.copies import Copies
from lsp_server.agent.pipeline import Fix, Progress, Result
from lsp_server.agent.task import Request
from lsp_server.agent.trajectory import Trajectory
from lsp_server.agent.workbench import Models, Settings, open_workbench
from lsp_server.bench.fix_localize import indexed
from lsp_server.workspace.store_file import CACHE_DIR_VARIABLE

CART = """\
def total(prices):
    result = 0
    for price in prices[1:]:
        result += price
    return result
"""
FIXED = CART.replace("prices[1:]", "prices[0:]")  # the likeliest of those that help
SHELF = "def totals(carts):\n    return [sum(it) for it in carts]\n"
TESTS = """\
import unittest

from cart import total


class Total(unittest.TestCase):
    def test_total(self):
        self.assertEqual(total([1, 2, 3]), 6)

    def test_one(self):
        self.assertEqual(total([4]), 4)

    def test_nothing(self):
        self.assertEqual(total([]), 0)
"""
ISSUE = "`total` leaves out the first price; so may `totals`."


@dataclass(frozen=True)
class Place:
    """A workspace whose tests have a name of their own, by which their processes are known."""

    folder: Path
    scratch: Path

    @classmethod
    def make(cls, folder: Path, scratch: Path) -> Place:
        folder.mkdir()
        place = cls(folder, scratch)
        (scratch / "memory").mkdir(parents=True)
        (folder / "cart.py").write_text(CART)
        (folder / "shelf.py").write_text(SHELF)
        (folder / f"{place.tests}.py").write_text(TESTS)
        return place

    @property
    def tests(self) -> str:
        return f"test_{self.scratch.name.replace('-', '_')}"

    @property
    def cache(self) -> Path:
        return self.scratch / "cache"

    @property
    def steps(self) -> Path:
        return self.scratch / "steps.jsonl"

    @property
    def places(self) -> list[Path]:
        """The folders of copies, of whatever process."""
        parents = [self.cache / "copies", *(self.scratch / "memory").glob("*")]
        return [it for parent in parents if parent.is_dir() for it in parent.iterdir()]

    @property
    def processes(self) -> list[int]:
        """Those that run its tests, in a sandbox or about one."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if self.tests.encode() in (process / "cmdline").read_bytes():
                    found.append(int(process.name))
            except OSError:
                continue
        return found


async def fix(
    place: Place,
    model: str = "",
    on_run: Callable[[int], None] = lambda _: None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Result:
    """Goes on from where an earlier one was. `on_run` is told how many commands have started so far."""
    settings = Settings(f"{sys.executable} -m unittest {place.tests}", sys.executable)
    async with AsyncExitStack() as stack:
        stack.enter_context(_kept_in(place.scratch / "memory"))
        stack.enter_context(_counted(on_run))
        index = stack.enter_context(indexed(place.folder, place.scratch / f"{os.getpid()}.sqlite"))
        client = None
        if model:
            client = InferenceClient(model, name="a fix", idle_minutes=1)
            client.start()
            stack.push_async_callback(client.close)
            await client.wait_ready(60)
        opened = await stack.enter_async_context(
            open_workbench(place.folder, index, settings, Models(chat=client))
        )
        trajectory = Trajectory.open(opened.key, place.steps)
        return await Fix(Request(ISSUE), opened.workbench, trajectory, on_progress).run()


@contextmanager
def _kept_in(memory: Path) -> Iterator[None]:
    """Copies where no other process has any."""
    with _replaced(workbench, "Copies", functools.partial(Copies, memory=memory)):
        yield


@contextmanager
def _counted(on_run: Callable[[int], None]) -> Iterator[None]:
    start, count = sandbox._start, 0

    async def counting(argv: Sequence[str], **options: Any) -> asyncio.subprocess.Process:
        nonlocal count
        process = await start(argv, **options)
        if argv[-1] != "true":  # the probe
            count += 1
            on_run(count)
        return process

    with _replaced(sandbox, "_start", counting):
        yield


@contextmanager
def _replaced(module: Any, name: str, value: object) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def main(folder: str, scratch: str, run: str, model: str) -> None:
    def kill(count: int) -> None:
        if count == int(run):
            os.kill(os.getpid(), signal.SIGKILL)

    place = Place(Path(folder), Path(scratch))
    os.environ[CACHE_DIR_VARIABLE] = str(place.cache)
    asyncio.run(fix(place, model, kill))


if __name__ == "__main__":
    main(*sys.argv[1:])
