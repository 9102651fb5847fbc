"""What this machine has: GPUs, memory, cores and room on the disk.

GPUs are asked for with the vendors' own tools, each under a time-out; no GPU library is imported,
so that the answer comes in milliseconds and never starts a driver context. A tool that is absent,
slow or unreadable counts as no GPU of that vendor: nothing here raises.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

GIB = 1 << 30
_MIB = 1 << 20
_TIMEOUT_S = 5.0
_NVIDIA = (
    "nvidia-smi",
    "--query-gpu=name,memory.total,compute_cap",
    "--format=csv,noheader,nounits",
)
# Which GPUs a program sees; the vendors' libraries read them.
CUDA_DEVICES = "CUDA_VISIBLE_DEVICES"
HIP_DEVICES = "HIP_VISIBLE_DEVICES"
_CONTROL_GROUPS = Path("/sys/fs/cgroup")
_AMD = ("rocm-smi", "--showproductname", "--showmeminfo", "vram", "--json")

Run = Callable[[tuple[str, ...]], str | None]


@dataclass(frozen=True, slots=True)
class Gpu:
    name: str
    memory_bytes: int
    # CUDA's, major and minor; None for other vendors and for a GPU that was only named by its size.
    compute_capability: tuple[int, int] | None = None
    # The number by which it is named in a variable such as CUDA_VISIBLE_DEVICES.
    device: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Hardware:
    gpus: tuple[Gpu, ...] = ()
    ram_bytes: int = 0
    cores: int = 1
    # Free room where models are downloaded to; None where that could not be read.
    disk_free_bytes: int | None = None


def run_tool(command: tuple[str, ...]) -> str | None:
    """The standard output of a vendor's tool, or None when it is absent, fails or takes long."""
    found = shutil.which(command[0])
    if found is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command, found on the user's own path
            (found, *command[1:]),
            capture_output=True,
            check=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def detect(run: Run = run_tool, environment: Mapping[str, str] = os.environ) -> Hardware:
    """Look at this machine. `run` and `environment` are what a test replaces."""
    # Each vendor numbers its own.
    vendors = (nvidia_gpus(run(_NVIDIA) or ""), amd_gpus(run(_AMD) or ""))
    return Hardware(
        gpus=tuple(gpu for gpus in vendors for gpu in visible(gpus, environment)),
        ram_bytes=_ram_bytes(),
        cores=_cores(),
        disk_free_bytes=disk_free_bytes(model_cache(environment)),
    )


def described(hardware: Hardware) -> str:
    """Name what there is: `2 x NVIDIA L4 (22.5 GiB), 64 GiB of memory, 16 cores`."""
    memory = f"{hardware.ram_bytes / GIB:.0f} GiB of memory" if hardware.ram_bytes else ""
    cores = f"{hardware.cores} cores"
    counted = Counter(f"{gpu.name} ({gpu.memory_bytes / GIB:.1f} GiB)" for gpu in hardware.gpus)
    parts = [f"{count} x {gpu}" if count > 1 else gpu for gpu, count in counted.items()]
    return ", ".join([*(parts or ["no GPU"]), *([memory] if memory else []), cores])


def nvidia_gpus(output: str) -> tuple[Gpu, ...]:
    """Read one line a GPU: name, MiB, compute capability. A line of another form is left out.

    Machines that share one memory between CPU and GPU report no size of their own: left out too.
    """
    found: list[Gpu] = []
    for number, line in enumerate(output.splitlines()):
        name, _, rest = line.strip().rpartition(", ")
        name, _, mib = name.rpartition(", ")
        if not name or not mib.isdecimal() or not int(mib):
            continue
        major, _, minor = rest.partition(".")
        capability = (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None
        found.append(Gpu(name, int(mib) * _MIB, capability, number))
    return tuple(found)


def amd_gpus(output: str) -> tuple[Gpu, ...]:
    """Read the JSON of `rocm-smi`: an object for each card, its values strings."""
    try:
        cards: Any = json.loads(output)
    except ValueError:
        return ()
    found: list[Gpu] = []
    for card, facts in sorted(_object(cards).items()):
        lower = {key.lower(): str(value) for key, value in _object(facts).items()}
        total = lower.get("vram total memory (b)", "")
        if card.startswith("card") and total.isdecimal() and int(total):
            number = int(digits) if (digits := card.removeprefix("card")).isdigit() else None
            found.append(Gpu(lower.get("card series") or card, int(total), device=number))
    return tuple(found)


def visible(gpus: tuple[Gpu, ...], environment: Mapping[str, str]) -> tuple[Gpu, ...]:
    """Keep what of one vendor the environment lets programs see, in its order.

    The vendors' tools list everything. By CUDA's rules an empty list hides all, and a number that
    there is not (-1, say) hides what is named behind it. What is named otherwise than by numbers is
    not looked up: then all count.
    """
    named = environment.get(CUDA_DEVICES, environment.get(HIP_DEVICES))
    if named is None:
        return gpus
    numbers = [number.strip() for number in named.split(",")] if named.strip() else []
    if not all(number.removeprefix("-").isdecimal() for number in numbers):
        return gpus
    by_number = {gpu.device: gpu for gpu in gpus}
    there = itertools.takewhile(by_number.__contains__, map(int, dict.fromkeys(numbers)))
    return tuple(by_number[number] for number in there)


def _object(value: object) -> dict[str, Any]:
    """Give a parsed JSON object as it is, and an empty one for anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def model_cache(environment: Mapping[str, str]) -> Path:
    """Where the model hub's client keeps its downloads, by its own variables."""
    if named := environment.get("HF_HUB_CACHE"):
        return Path(named)
    if home := environment.get("HF_HOME"):
        return Path(home) / "hub"
    cache = environment.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "huggingface" / "hub"


def disk_free_bytes(path: Path) -> int | None:
    """Tell what is free where that folder is, or would be made; None where that cannot be read."""
    for place in (path, *path.parents):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue
    return None


def _ram_bytes() -> int:
    try:
        ram_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0  # not told on this platform
    return min([ram_bytes, *memory_limits(_CONTROL_GROUPS)])


def memory_limits(control_groups: Path) -> list[int]:
    """What a container may use of the machine's memory, in bytes; nothing where that is not limited.

    A container sees its own group at the root. https://docs.kernel.org/admin-guide/cgroup-v2.html
    has the first name, https://docs.kernel.org/admin-guide/cgroup-v1/memory.html the second.
    """
    limits: list[int] = []
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):  # it is not there, or `max`
            limits.append(int((control_groups / name).read_text(encoding="ascii")))
    return limits


def _cores() -> int:
    """Count the cores that this process may use, where the platform tells."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
