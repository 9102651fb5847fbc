"""What the benchmarks share: percentiles, memory of a process, and a benchmark's one error."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence


class CouldNotRun(Exception):
    """A benchmark has no figures to give; the message says why."""


def percentile(samples: Sequence[float], share: float) -> float:
    """The sample at `share` (0 to 1) of the sorted samples: the nearest rank."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def resident_mb(pid: int) -> float:
    """Resident memory of a process in MB (10**6 bytes), as `ps` tells it."""
    answer = subprocess.run(  # noqa: S603 - a number of our own
        ["ps", "-o", "rss=", "-p", str(pid)],  # noqa: S607 - wherever the system keeps it
        capture_output=True,
        text=True,
        check=True,
    )
    return int(answer.stdout) * 1024 / 1e6
