"""Watches a sandbox from outside: when all of its processes together use more than they may.

The kernel limits each process and each file, and of root not even the number of processes. Sums it
limits by control groups alone, which a user cannot make everywhere. So they are looked at twenty
times a second; a run can use more than it may for as long as that.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

from lsp_server.agent.bubblewrap import MIB, Limits

_INTERVAL_S = 0.05
_DISK_SHARE = 20  # a look at the disk takes at most this part of the time


@dataclass(frozen=True, slots=True)
class Usage:
    """What stands below a folder."""

    size_bytes: int
    files: int

    @classmethod
    def of(cls, folder: Path) -> Usage:
        """By blocks of the disk. What comes and goes meanwhile may count or not."""
        size = files = 0
        waiting = [os.fspath(folder)]
        while waiting:
            try:
                with os.scandir(waiting.pop()) as entries:
                    for entry in entries:
                        files += 1
                        size += entry.stat(follow_symlinks=False).st_blocks * 512
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
            except OSError:
                continue
        return cls(size, files)


MAX_NEW_FILES = 100_000


async def watch(first: int | None, copy: Path, report: Path, limits: Limits, before: Usage) -> str:
    """Waits until something is used too much, and says what; the caller cancels it otherwise.

    `first` is the sandbox's first process, as seen from outside; without one, only the disk is seen.
    """
    next_look = 0.0
    while True:
        await asyncio.sleep(_INTERVAL_S)
        if first is not None:
            processes, memory_bytes = _look_at_processes(first, limits.processes)
            if processes > limits.processes:
                return f"it was ended for starting more than {limits.processes} processes"
            if memory_bytes > limits.memory_bytes:
                return (
                    f"it was ended for using more than {limits.memory_bytes // MIB} MiB of memory"
                )
        now = time.monotonic()
        if now >= next_look:
            found, written = await asyncio.to_thread(lambda: (Usage.of(copy), Usage.of(report)))
            next_look = time.monotonic() + _DISK_SHARE * (time.monotonic() - now)
            added = found.size_bytes + written.size_bytes - before.size_bytes
            if added > limits.disk_bytes:
                return f"it was ended for writing more than {limits.disk_bytes // MIB} MiB"
            if found.files + written.files - before.files > MAX_NEW_FILES:
                return f"it was ended for making more than {MAX_NEW_FILES} files"


_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def _look_at_processes(first: int, most: int) -> tuple[int, int]:
    """How many processes there are in a sandbox, and the memory that is theirs alone.

    Of more than so many no memory is looked at: meanwhile there would be ever more.
    """
    seen = f"/proc/{first}/root/proc"
    pages = 0
    try:
        names = os.listdir(seen)  # noqa: PTH208 - a hot path, of strings
    except OSError:  # it has ended
        return 0, 0
    processes = [name for name in names if name.isdecimal()]
    for name in processes if len(processes) <= most else ():
        try:
            with open(f"{seen}/{name}/statm", "rb") as file:  # noqa: PTH123
                _, resident, shared, *_ = file.read().split()
        except (OSError, ValueError):
            continue
        pages += int(resident) - int(shared)
    return len(processes), pages * _PAGE_BYTES
