"""An hour of abuse: a simulated user in a made repository, while everything around breaks.

The user types, accepts, deletes, undoes, switches files, saves, and asks for completions, refactors,
renames and a model's edits at once; all along processes are killed, files vanish and the disk is
full (`soak_user.py`, `soak_faults.py`). Server and host are killed in the first half alone, so that
over the second one can see whether they grow. All that is wrong is told, and fails the benchmark.

It runs in a process of its own, all files of which are on a small tmpfs in a mount namespace, so
that the disk can be full for nobody else. Where the system has no such thing for a user the disk is
never full, and the report says so. What is done is drawn by the seed; when it is done, by the
machine.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from lsp_server.bench import soak_run
from lsp_server.bench.measure import CouldNotRun

__all__ = ["CouldNotRun", "run"]

MINUTES, QUICK_MINUTES = 60.0, 1.0
_DISK_MB = 96
_ON_SMALL_DISK = (
    *("unshare", "--user", "--map-root-user", "--mount", "sh", "-c"),
    f'mount -t tmpfs -o size={_DISK_MB}m,mode=700 sparrow "$0" && exec "$@"',
)


async def run(
    console: Console,
    *,
    quick: bool,
    data: Path | None,
    minutes: float | None = None,
    seed: int | None = None,
) -> dict[str, Any]:
    """Abuses and prints; returns the JSON object. Raises `CouldNotRun`."""
    del data
    if not sys.platform.startswith("linux"):
        raise CouldNotRun("it looks at processes in /proc, which Linux alone has")
    minutes = minutes or (QUICK_MINUTES if quick else MINUTES)
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    console.print(f"{minutes:g} minutes with the seed {seed}")
    with tempfile.TemporaryDirectory(prefix="sparrow-soak-") as scratch:
        on_small_disk = await _has_small_disk(Path(scratch))
        before = [*_ON_SMALL_DISK, scratch] if on_small_disk else []
        result = await _run(
            *(*before, sys.executable, "-P", "-m", soak_run.__name__, scratch),
            *(str(minutes * 60), str(seed), *(["small-disk"] if on_small_disk else [])),
        )
    _print(console, result)
    return result


async def _has_small_disk(place: Path) -> bool:
    if shutil.which("unshare") is None:
        return False
    trial = await asyncio.create_subprocess_exec(
        *(*_ON_SMALL_DISK, str(place), "true"), stderr=asyncio.subprocess.DEVNULL
    )
    return await trial.wait() == 0


async def _run(*command: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    said = await process.stdout.read()
    if code := await process.wait():
        raise CouldNotRun(f"its process ended with {code}")
    result: dict[str, Any] = json.loads(said)
    return result


def _print(console: Console, result: dict[str, Any]) -> None:
    answers = Table(title=f"Soak: {result['minutes']:g} minutes, seed {result['seed']}")
    answers.add_column("asked for")
    for heading in ("answers", "p50 ms", "p95 ms", "longest ms"):
        answers.add_column(heading, justify="right")
    for row in result["answers"]:
        times = (f"{row[key]:.0f}" for key in ("p50_ms", "p95_ms", "max_ms"))
        answers.add_row(row["request"], str(row["answers"]), *times)
    console.print(answers)
    grown = Table(title="Held over the second half, in which server and host are not killed")
    grown.add_column("process")
    for heading in ("MB", "growth MB", "growth of descriptors"):
        grown.add_column(heading, justify="right")
    for row in result["processes"]:
        figures = (f"{row['rss_mb']:.0f}", f"{row['rss_growth_mb']:+.1f}", f"{row['fd_growth']:+g}")
        grown.add_row(row["process"], *figures)
    console.print(grown)
    done = ", ".join(f"{name} {count}" for name, count in result["counts"].items())
    console.print(f"Done: {done}.")
    if not result["disk_full"]:
        console.print("The disk was never full: this system mounts no tmpfs for a user.")
    for told in result["wrong"]:
        console.print(f"WRONG: {told}", style="bold red")
    if result["wrong"]:
        seconds = f"--minutes {result['minutes']:g} --seed {result['seed']}"
        console.print(f"To see it again: sparrow bench soak {seconds}")
    else:
        console.print("Nothing was wrong.")
