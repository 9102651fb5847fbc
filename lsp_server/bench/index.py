"""What indexing costs, beside bare tree-sitter on the same files in as many processes.

Two repositories: the standard library of the Python that runs, and one that is made of 20,000 files
(`index_made.py`). Both are indexed as the server does it: `index_live.py` is the server's part, in a
process of its own for each figure, with a loop that has nothing to do but to measure its lag. The
floor runs before and after, since other work on the machine would fall on one of the two alone.

Contexts are made where the cursor comes into another file, and anew when it has moved on there: both
are timed. Within a few lines a keystroke makes none.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from lsp_server.bench.index_floor import measure_floor
from lsp_server.bench.index_made import make_repository
from lsp_server.bench.measure import CouldNotRun
from lsp_server.workspace.indexer import MAX_WORKERS
from lsp_server.workspace.store_file import CACHE_DIR_VARIABLE

__all__ = ["CouldNotRun", "run"]

_MADE_FILES, _MADE_FILES_QUICK = 20_000, 2_000
_MODULES_QUICK = 400
_WARM_STARTS = 5
_LIMIT_S = 1800.0


@dataclass(frozen=True, slots=True)
class _Repository:
    name: str
    folder: Path
    known_name: str  # of what it defines


async def run(console: Console, *, quick: bool, data: Path | None) -> dict[str, Any]:
    """Measures and prints; returns the JSON object. Raises `CouldNotRun`."""
    del data
    samples = 100 if quick else 500
    repos = []
    with tempfile.TemporaryDirectory(prefix="sparrow-bench-") as scratch:
        os.environ[CACHE_DIR_VARIABLE] = str(Path(scratch, "cache"))
        for repository in _repositories(Path(scratch), quick=quick):
            with console.status(f"indexing {repository.name}"):
                repos.append(await _measure(repository, samples))
    _print(console, repos)
    return {"name": "index", "samples": samples, "repos": repos}


def _repositories(scratch: Path, *, quick: bool) -> list[_Repository]:
    library = Path(sysconfig.get_path("stdlib"))
    modules = sorted(
        path
        for path in library.rglob("*.py")
        if not {"site-packages", "__pycache__"}.intersection(path.relative_to(library).parts)
    )
    if len(modules) < _MODULES_QUICK:
        raise CouldNotRun(f"the standard library's sources are not in {library}")
    step = len(modules) // _MODULES_QUICK if quick else 1
    # It is copied, since a repository around it may ignore it.
    for module in [*modules[::step], library / "argparse.py"]:
        copy = scratch / "Lib" / module.relative_to(library)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(module, copy)
    made = scratch / "made"
    files = _MADE_FILES_QUICK if quick else _MADE_FILES
    make_repository(made, files)
    return [
        _Repository("CPython's Lib", scratch / "Lib", "ArgumentParser"),
        _Repository(f"{files:,} made files", made, "AccountLoad0"),
    ]


async def _measure(repository: _Repository, samples: int) -> dict[str, Any]:
    folder = repository.folder
    processes = min(MAX_WORKERS, os.cpu_count() or 1)
    paths = sorted(it.relative_to(folder).as_posix() for it in folder.rglob("*.*") if it.is_file())
    floors = [measure_floor(folder, paths, processes)]
    cold, _ = await _run("cold", folder, samples)
    floors.append(measure_floor(folder, paths, processes))
    floor_s = statistics.mean(share.seconds for share in floors)
    warm = [await _run("warm", folder, samples, repository.known_name) for _ in range(_WARM_STARTS)]
    asked, _ = await _run("asked", folder, samples)
    rss_mb = cold["rss_mb"] + cold["indexer_rss_mb"]
    return {
        "name": repository.name,
        "files": len(paths),
        "mb": round(floors[0].size / 1e6, 1),
        "processes": processes,
        "cold_s": round(cold["cold_s"], 2),
        "floor_s": round(floor_s, 2),
        "cold_ratio": round(floor_s / cold["cold_s"], 2),
        "warm_start_s": round(statistics.median(seconds for _, seconds in warm), 3),
        "edit_visible_p50_ms": round(asked["edit_visible_p50_ms"], 2),
        "edit_visible_p95_ms": round(asked["edit_visible_p95_ms"], 2),
        "edit_floor_p50_ms": round(asked["edit_floor_p50_ms"], 2),
        "edit_floor_p95_ms": round(asked["edit_floor_p95_ms"], 2),
        "context_p50_ms": round(asked["context_p50_ms"], 2),
        "context_p95_ms": round(asked["context_p95_ms"], 2),
        "context_next_p50_ms": round(asked["context_next_p50_ms"], 2),
        "context_next_p95_ms": round(asked["context_next_p95_ms"], 2),
        "asked_p95_ms": {name: round(each, 3) for name, each in asked["asked_p95_ms"].items()},
        "loop_lag_p99_ms": round(cold["loop_lag_p99_ms"], 2),
        "rss_mb": round(rss_mb, 1),
        "rss_server_mb": round(cold["rss_mb"], 1),
        "rss_mb_per_million_lines": round(rss_mb / (floors[0].lines / 1e6), 1),
    }


async def _run(
    what: str, folder: Path, samples: int, *arguments: str
) -> tuple[dict[str, Any], float]:
    """What a live index in a process of its own tells, and after how many seconds it told it."""
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "lsp_server.bench.index_live"),
        *(what, str(folder), str(samples), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(_LIMIT_S):
            line = await process.stdout.readline()
            seconds = time.perf_counter() - started
            errors = await process.stderr.read()
            await process.wait()
    except TimeoutError as error:
        process.kill()
        raise CouldNotRun(f"the index of {folder} was not made in {_LIMIT_S:.0f} s") from error
    if not line:
        raise CouldNotRun(f"the index of {folder} failed: {errors.decode()[-2000:]}")
    result: dict[str, Any] = json.loads(line)
    return result, seconds


def _print(console: Console, repos: list[dict[str, Any]]) -> None:
    table = Table(title="Index: as the server makes it, beside bare tree-sitter on the same files")
    for heading in ("", *(repo["name"] for repo in repos)):
        table.add_column(heading, justify="left" if not heading else "right")
    rows = {
        "files": "files",
        "MB": "mb",
        "cold index, s": "cold_s",
        "floor: parse and query, s": "floor_s",
        "rate of the floor's": "cold_ratio",
        "warm start to an answer, s": "warm_start_s",
        "edit to search, p50 ms": "edit_visible_p50_ms",
        "bare parse of the edit, p50 ms": "edit_floor_p50_ms",
        "edit to search, p95 ms": "edit_visible_p95_ms",
        "bare parse of the edit, p95 ms": "edit_floor_p95_ms",
        "context in a file that is new, p50 ms": "context_p50_ms",
        "context in a file that is new, p95 ms": "context_p95_ms",
        "context ten lines further on, p50 ms": "context_next_p50_ms",
        "context ten lines further on, p95 ms": "context_next_p95_ms",
        "loop's lag meanwhile, p99 ms": "loop_lag_p99_ms",
        "resident, server's and indexer's, MB": "rss_mb",
        "the same for a million lines, MB": "rss_mb_per_million_lines",
    }
    for name, key in rows.items():
        table.add_row(name, *(str(repo[key]) for repo in repos))
    for name in repos[0]["asked_p95_ms"]:
        table.add_row(f"{name}, p95 ms", *(str(repo["asked_p95_ms"].get(name)) for repo in repos))
    console.print(table)
