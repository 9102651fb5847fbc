"""The command line of bubblewrap that shuts a run of tests in. Pure.

The root is empty but for what is bound into it: the system's programs and libraries, the user's
interpreter and packages, all of them read-only, and one copy of the workspace, which stands where the
workspace does, so that installed packages that lead to it lead to the copy. There is no network, no
home and none of the machine's own files; `/tmp` is the run's own and bounded. Nothing else can be
written to, and no process sees any but those of the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

MIB = 1024 * 1024
REPORT = "/run/sparrow/report"  # a folder that the run writes what it found into
INSIDE = "/run/sparrow/inside"  # the scripts of `lsp_server/agent/inside`
HOME = "/tmp/home"  # noqa: S108 - in the sandbox


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may use. Memory and processes are those of all of its processes together."""

    memory_bytes: int = 2048 * MIB
    processes: int = 256  # threads included, but where root runs them
    file_bytes: int = 256 * MIB  # each
    disk_bytes: int = 512 * MIB  # more than the copy has at the start
    scratch_bytes: int = 256 * MIB  # of /tmp, and of /dev/shm
    niceness: int = 5


@dataclass(frozen=True, slots=True)
class Layout:
    """What stands in the sandbox, by the paths of the machine."""

    copy: str  # is bound writable
    place: str  # where it stands
    report: str
    inside: str
    read_only: Sequence[str] = ()  # stand where they are; those below `place` over the copy
    links: Mapping[str, str] = field(default_factory=dict)  # by where they are: where they lead


def arguments(
    layout: Layout, limits: Limits, argv: Sequence[str], info_fd: int | None = None
) -> tuple[str, ...]:
    """Bubblewrap's options and the command. On `info_fd` it tells of the sandbox's first process."""
    over = [it for it in layout.read_only if _is_below(it, layout.place)]
    scratch = str(limits.scratch_bytes)
    return (
        *("--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL"),
        *("--die-with-parent", "--new-session", "--hostname", "sandbox"),
        *(() if info_fd is None else ("--info-fd", str(info_fd))),
        *("--size", scratch, "--tmpfs", "/tmp", "--dir", HOME),  # noqa: S108
        *_bound(it for it in layout.read_only if it not in over),
        *(part for place, to in layout.links.items() for part in ("--symlink", to, place)),
        *("--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"),
        *("--dev", "/dev", "--size", scratch, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"),  # noqa: S108
        *("--ro-bind", layout.inside, INSIDE, "--bind", layout.report, REPORT),
        *("--bind", layout.copy, layout.place),
        *_bound(over),
        *("--remount-ro", "/", "--chdir", layout.place),
        "--",
        *limited(limits),
        *("/bin/sh", f"{INSIDE}/run.sh", REPORT),
        *argv,
    )


def limited(limits: Limits) -> tuple[str, ...]:
    """Puts the kernel's limits on each process that a command starts; the editor goes before them."""
    return (
        *("nice", "-n", f"{limits.niceness}"),
        "prlimit",
        f"--nproc={limits.processes}",
        f"--fsize={limits.file_bytes}",
        f"--data={limits.memory_bytes}",
        "--core=0",
        "--",
    )


def _bound(places: Iterable[str]) -> tuple[str, ...]:
    """The outer ones first, so that none is hidden by another."""
    return tuple(part for it in sorted(places) for part in ("--ro-bind", it, it))


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder.rstrip('/')}/")
