"""What the sandbox stopped, in words, by what the kernel counted and what the run printed.

What is printed is a hint for the user, and no proof: a run can say what it likes. What was stopped was
stopped all the same.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_MAX_BYTES = 64 * 1024
_MAX_NAMED = 5
_PRINTED = {
    "it was kept from writing outside of its copy": r"Read-only file system|\bEROFS\b",
    "it was kept from writing more than it may": r"No space left on device|\bENOSPC\b|File too large",
    "it was kept from starting more processes": r"[Cc]annot fork|Resource temporarily unavailable|BlockingIOError: \[Errno 11\]",
    "it was kept from using more memory": r"\bMemoryError\b|Cannot allocate memory|out of memory",
    "it was kept from the user's home": r"(?:No such file|FileNotFoundError|Permission denied|ENOENT).*(?:/\.ssh|/\.aws|/\.gnupg|/\.netrc|/\.config|/home/\w|/root/)",
}


def find_contained(stopped: str, output: str, report: Path) -> tuple[str, ...]:
    """`stopped` is why the run was killed; `report` holds what `run.sh` wrote behind it."""
    found = [stopped] if stopped else []
    if left := _names(_read(report / "left")):
        found.append(f"what it left running was ended: {left}")
    network = _read(report / "network")
    if count := _count(network, "Ip", "OutNoRoutes") + _count(network, "Udp", "NoPorts"):
        times = "once" if count == 1 else f"{count} times"
        found.append(f"it was kept from the network, {times}")
    found += (said for said, pattern in _PRINTED.items() if re.search(pattern, output))
    return tuple(found)


def _names(text: str) -> str:
    names = sorted({it.strip("()") for it in text.splitlines() if it.isprintable()})
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more


def _count(snmp: str, protocol: str, name: str) -> int:
    """A counter of /proc/net/snmp: a line of names, and one of values, for each protocol."""
    lines = [it.split() for it in snmp.splitlines() if it.startswith(f"{protocol}: ")]
    if len(lines) == 2 and name in lines[0]:  # noqa: PLR2004
        at = lines[0].index(name)
        if at < len(lines[1]) and lines[1][at].isdecimal():
            return int(lines[1][at])
    return 0


def _read(file: Path) -> str:
    """What the run has written, and so may be anything."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(handle, "rb") as opened:  # noqa: PTH123 - a descriptor
            return opened.read(_MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
