"""What a fix costs beside models and tests: its sandbox, the state of the files, where to look, a copy.

The workspace is made up, has no tests, and is indexed before, as it is where a user asks.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

from lsp_server.agent.copies import Copies
from lsp_server.agent.pipeline import Fix
from lsp_server.agent.snapshot import Snapshot
from lsp_server.agent.task import Request
from lsp_server.agent.trajectory import Trajectory
from lsp_server.agent.workbench import Models, Settings, open_workbench
from lsp_server.bench.fix_localize import indexed
from lsp_server.bench.index_made import make_repository
from lsp_server.bench.measure import CouldNotRun
from lsp_server.bench.soak_workspace import git

FILES = 500
MANY_FILES = 10_000
_REPEATS = 5
_ISSUE = "`fetch_invoice` and `merge_ledger` lose the last record of a batch when a session closes."


async def measure_snapshot(folder: Path) -> float:
    """The median in seconds of a snapshot of `MANY_FILES`, below a folder, and of a copy of it."""
    root = folder / "large"
    make_repository(root, MANY_FILES)
    for arguments in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "-m", "all")):
        await asyncio.to_thread(git, root, *arguments)
    copies = Copies(folder / "copies")
    seconds = []
    try:
        for _ in range(_REPEATS):
            started = time.perf_counter()
            snapshot = await Snapshot.take(root, copies=copies)
            async with snapshot.copy({}):
                seconds.append(time.perf_counter() - started)
    finally:
        copies.close()
    return round(statistics.median(seconds), 3)


async def measure(folder: Path) -> dict[str, float]:
    """Medians in seconds, below a folder. Raises `CouldNotRun` and what a fix raises."""
    root = folder / "repository"
    make_repository(root, FILES)
    open_s, whole_s = [], []
    with indexed(root, folder / "index.sqlite") as index:
        for _ in range(_REPEATS):
            started = time.perf_counter()
            async with open_workbench(root, index, Settings(), Models()) as opened:
                open_s.append(time.perf_counter() - started)
                fix = Fix(Request(_ISSUE), opened.workbench, Trajectory(opened.key, None))
                result = await fix.run()
                async with opened.snapshot.copy({}):
                    pass
            whole_s.append(time.perf_counter() - started)
            if not result.files:
                raise CouldNotRun(f"the issue that was made up led nowhere: {result.reason}")
    return {
        "files": FILES,
        "open_s": round(statistics.median(open_s), 3),
        "whole_s": round(statistics.median(whole_s), 3),
    }
