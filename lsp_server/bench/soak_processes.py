"""The processes of one soak, told by the runtime folder in their environment; Linux alone tells it."""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from inference.endpoint import RUNTIME_DIR_VARIABLE

# What stands in the command line of each kind.
KINDS = {
    "host": b"inference\0serve\0",
    "server": b"\0lsp\0",
    "indexer": b"lsp_server.workspace.indexer\0",
    "refactorer": b"lsp_server.refactor.worker\0",
    "reader": b"multiprocessing",
}
_OVERLOADED_PERCENT = 50.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process holds at a moment of `time.monotonic`."""

    at: float
    pid: int
    resident_mb: float
    descriptors: int


@dataclass(slots=True)
class Samples:
    """Of the longest-lived process of a kind."""

    kept: dict[str, list[Sample]] = field(default_factory=dict[str, list[Sample]])

    def take(self, runtime: Path) -> None:
        for kind in ("server", "host", "indexer"):
            for pid in of_kind(runtime, kind):
                if sample := _sample(pid):
                    self.kept.setdefault(kind, []).append(sample)

    def growth(
        self, kind: str, since: float, warm_up_s: float
    ) -> tuple[float, float, float] | None:
        """MB and descriptors that a kind gained since a moment, and the MB that it had then.

        What a process gains in so many seconds from its start on is its warm-up, and left out. By
        the median slope of all pairs (Theil and Sen), times the length: one peak counts for
        nothing. None where no process lived so long.
        """
        by_pid: dict[int, list[Sample]] = {}
        for sample in self.kept.get(kind, ()):
            by_pid.setdefault(sample.pid, []).append(sample)
        late = max(
            (
                [it for it in lived if it.at >= max(since, lived[0].at + warm_up_s)]
                for lived in by_pid.values()
            ),
            key=len,
            default=[],
        )
        if len(late) < 3:  # noqa: PLR2004 - a slope of fewer means nothing
            return None
        length = late[-1].at - late[0].at
        memory = _slope([(it.at, it.resident_mb) for it in late])
        descriptors = _slope([(it.at, float(it.descriptors)) for it in late])
        return memory * length, descriptors * length, late[0].resident_mb


def processes(runtime: Path) -> dict[int, bytes]:
    """The command lines of all processes with this runtime folder, without the caller's own."""
    wanted = f"{RUNTIME_DIR_VARIABLE}={runtime}".encode()
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (process / "environ").read_bytes().split(b"\0"):
                found[int(process.name)] = (process / "cmdline").read_bytes()
    found.pop(os.getpid(), None)
    return found


def of_kind(runtime: Path, kind: str) -> list[int]:
    return [pid for pid, command in processes(runtime).items() if KINDS[kind] in command]


def is_overloaded() -> bool:
    """Whether most of the last ten seconds something waited for a processor, as Linux tells it."""
    try:
        some, *_ = Path("/proc/pressure/cpu").read_text().splitlines()
    except OSError:
        return False
    return float(some.split()[1].removeprefix("avg10=")) > _OVERLOADED_PERCENT


def _sample(pid: int) -> Sample | None:
    """None for a process that has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        descriptors = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except (OSError, IndexError):
        return None
    return Sample(time.monotonic(), pid, pages * os.sysconf("SC_PAGE_SIZE") / 1e6, descriptors)


def _slope(points: Sequence[tuple[float, float]]) -> float:
    step = max(1, len(points) // 300)  # all pairs of an hour's are too many
    thinned = points[::step]
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for number, earlier in enumerate(thinned)
        for later in thinned[number + 1 :]
        if later[0] > earlier[0]
    ]
    return statistics.median(slopes) if slopes else 0.0
