"""What a fix costs beside models and tests: its sandbox, the state of the files, where to look, a copy.

The workspace is made up, has no tests, and is indexed before, as it is where a user asks.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from lsp_server.agent.pipeline import Fix
from lsp_server.agent.task import Request
from lsp_server.agent.trajectory import Trajectory
from lsp_server.agent.workbench import Models, Settings, open_workbench
from lsp_server.bench.fix_localize import indexed
from lsp_server.bench.index_made import make_repository
from lsp_server.bench.measure import CouldNotRun

FILES = 500
_REPEATS = 5
_ISSUE = "`fetch_invoice` and `merge_ledger` lose the last record of a batch when a session closes."


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
