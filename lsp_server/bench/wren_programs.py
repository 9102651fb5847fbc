"""Runs small programs that a model had a hand in, and says whether they end well.

Each in a process without network, with bounded time and memory, in an empty folder: by bubblewrap,
which shows it a read-only system alone, or else by `unshare`, which leaves it this user's files to
read. Where neither is there it runs under the bounds alone. `isolation` says which it is.
"""

from __future__ import annotations

import functools
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

TIME_LIMIT_S = 10
_MEMORY_BYTES = 2**30
_FILE_BYTES = 2**20

_BUBBLEWRAP = (
    *("bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv"),
    *("--ro-bind", "/", "/", "--tmpfs", "/home", "--tmpfs", "/root", "--tmpfs", "/tmp"),  # noqa: S108
    *("--proc", "/proc", "--dev", "/dev"),
)
_NAMESPACES = ("unshare", "--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child")


@functools.cache
def isolation() -> str:
    """`bubblewrap`, `namespaces` or `limits`: what keeps a program from the rest of the machine."""
    for name, command in (("bubblewrap", _BUBBLEWRAP), ("namespaces", _NAMESPACES)):
        if shutil.which(command[0]) and _run([*command, sys.executable, "-c", ""], None):
            return name
    return "limits"


def ends_well(program: str) -> bool:
    """Whether the program ends by itself within its time, and without an error."""
    with tempfile.TemporaryDirectory(prefix="sparrow-bench-") as folder:
        wrapper = {"bubblewrap": _BUBBLEWRAP, "namespaces": _NAMESPACES}.get(isolation(), ())
        return _run([*wrapper, sys.executable, "-I", "-S", "-"], program, Path(folder))


def _run(command: Sequence[str], program: str | None, folder: Path | None = None) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - a program in its bounds is what is asked for
            command,
            input=program,
            text=True,
            cwd=folder,
            env={},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIME_LIMIT_S,
            preexec_fn=_bound,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (TIME_LIMIT_S, TIME_LIMIT_S))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
