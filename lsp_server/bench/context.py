"""How much of what the next line needs is in the context: Sparrow beside two usual retrievals.

Tasks are made from releases of well-known packages, see `context_tasks.py`. The figure is recall:
the share of the names that a true text needs, and that the rest of its file does not show, that the
context shows in whole lines of code, within a budget of tokens. What was tuned was tuned on the
repositories of `TUNED_ON`; the figures of the contract are of the others.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from rich.console import Console

from lsp_server.bench.context_packages import Release, read_releases, unpack_releases
from lsp_server.bench.context_report import as_json, show, show_misses
from lsp_server.bench.context_run import Measured, measure
from lsp_server.bench.measure import CouldNotRun
from lsp_server.workspace.store_file import cache_folder

__all__ = ["CouldNotRun", "run"]

TASKS_PER_KIND, QUICK_TASKS_PER_KIND = 40, 12  # of each repository
_WORKERS = 4
TUNED_ON = frozenset(
    ["click", "marshmallow", "networkx", "pytest", "rich", "scrapy", "tornado", "werkzeug"]
)


async def run(
    console: Console,
    *,
    quick: bool,
    data: Path | None,
    packages: str | None = None,
    misses: int = 0,
) -> dict[str, Any]:
    """Measures and prints; returns the JSON object. Raises `CouldNotRun`."""
    releases = read_releases(packages)
    folders = unpack_releases(
        releases, package_cache(), data, lambda text: console.print(text, style="dim")
    )
    measured = _measure(console, folders, QUICK_TASKS_PER_KIND if quick else TASKS_PER_KIND)
    halves = {
        "reported": [it for it in measured if it.repository.partition("==")[0] not in TUNED_ON],
        "tuned on": [it for it in measured if it.repository.partition("==")[0] in TUNED_ON],
    }
    if not any(it.outcomes for it in halves["reported"]):
        raise CouldNotRun(
            "no repository that is reported on gave a task; those that were tuned on are"
            f" {', '.join(sorted(TUNED_ON))}"
        )
    show(console, halves)
    show_misses(console, halves, misses)
    return as_json(halves)


def package_cache() -> Path:
    """Where releases are kept."""
    return cache_folder() / "bench" / "packages"


def _measure(console: Console, folders: Mapping[Release, Path], per_kind: int) -> list[Measured]:
    """Each repository in a process, the largest first; the results are in the order of names."""
    by_size = sorted(folders, key=lambda release: _size(folders[release]), reverse=True)
    workers = min(_WORKERS, os.cpu_count() or 1, len(by_size))
    measured = []
    os.environ["PYTHONSAFEPATH"] = "1"  # of the current folder nothing is imported
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context) as pool:
        futures = {
            pool.submit(measure, str(release), folders[release], per_kind): release
            for release in by_size
        }
        for future in as_completed(futures):
            try:
                measured.append(future.result())
            except (OSError, BrokenProcessPool) as error:
                pool.shutdown(cancel_futures=True)
                raise CouldNotRun(f"{futures[future]} could not be measured: {error}") from error
            console.print(f"{len(measured)}/{len(futures)} {futures[future]}", style="dim")
    return sorted(measured, key=lambda it: it.repository)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*.py"))
