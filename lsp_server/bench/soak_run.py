"""The soak itself, as a process of its own; `soak.py` starts it, on a small disk where it can.

    python -m lsp_server.bench.soak_run FOLDER SECONDS SEED [small-disk]

The folder is empty, and all that Sparrow writes is to be below it. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from inference.client import InferenceClient
from inference.endpoint import RUNTIME_DIR_VARIABLE, Endpoint
from lsp_server.bench.soak_editor import Editor
from lsp_server.bench.soak_faults import Faults
from lsp_server.bench.soak_findings import (
    GROWTH,
    LEAKED_FILE,
    LEAKED_PROCESS,
    UNREACHABLE,
    Findings,
)
from lsp_server.bench.soak_processes import Samples, processes
from lsp_server.bench.soak_user import INSTRUCTIONS, SAYS, User
from lsp_server.bench.soak_workspace import MARKS, git, make_workspace, python_files
from lsp_server.workspace.store_file import CACHE_DIR_VARIABLE

SPARING_FROM = 0.5  # of the time: from then on server and host live, and what they hold is watched
_SAMPLE_S = 1.0
_DAYS_OF_USE = "days"  # which stays, beside the indexes
_WARM_UP_S, _WARM_UP_SHARE = 120.0, 0.15  # of each process's life: the shorter of the two
_READY_BOUND_S = 90.0  # a host that was killed again and again is waited for, 60 s at most
_DOCUMENT_BOUND_S = 20.0
_END_BOUND_S = 20.0
# A process may gain so much over the second half, in part of what it had and beside.
_MEMORY_SHARE, _MEMORY_MB, _DESCRIPTORS = 0.25, 8.0, 8.0


async def soak(folder: Path, seconds: float, seed: int, disk: Path | None) -> dict[str, Any]:
    """Raises `CouldNotRun` where the workspace cannot be made."""
    findings = Findings()
    workspace, runtime = folder / "workspace", folder / "run"
    runtime.mkdir(mode=0o700)
    await asyncio.to_thread(make_workspace, workspace, seed)
    model = _script(folder / "script.json")
    endpoint = Endpoint.of(model)
    settings = {"completion": {"model": model}, "host": {"idleMinutes": 1}}
    editor = Editor(workspace, settings, findings)
    user = User(editor, python_files(workspace), seed)
    faults = Faults(editor, user, endpoint, disk, seed)
    samples = Samples()
    over, sparing = asyncio.Event(), asyncio.Event()
    started = time.monotonic()
    async with editor.running():
        await _wait_ready(editor, findings)
        async with asyncio.TaskGroup() as together:
            together.create_task(user.work(over))
            together.create_task(faults.strike(over, sparing))
            watching = together.create_task(_watch(samples, runtime))
            await asyncio.sleep(seconds * SPARING_FROM)
            sparing.set()
            await asyncio.sleep(seconds * (1 - SPARING_FROM))
            over.set()
            watching.cancel()
        await editor.wait_up()
        await _wait_ready(editor, findings)
        await user.see_all_documents(_DOCUMENT_BOUND_S)
    await _end_host(model)
    warm_up_s = min(_WARM_UP_S, seconds * _WARM_UP_SHARE)
    growth = _grown(samples, findings, started + seconds * SPARING_FROM, warm_up_s)
    await _look_for_processes(runtime, findings)
    _look_for_files(folder, findings)
    return _result(findings, growth, seconds, seed, disk)


def _script(file: Path) -> str:
    """A model that says which text it was shown, and edits the mark; slow behind an open bracket."""

    def block(old: str, new: str) -> str:
        return f"<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n"

    edits = [
        {"when": {"message_ends_with": said}, "reply": [block(*pair)], "delay_ms": 50}
        for said, pair in zip(INSTRUCTIONS, (MARKS, MARKS[::-1]), strict=True)
    ]
    never = {"when": {"message_ends_with": ""}, "reply": ["There is nothing to edit."]}
    says = {"reply": [SAYS], "digest": True}
    late = {**says, "when": {"prefix_ends_with": "("}, "delay_ms": 400}
    file.write_text(json.dumps({"rules": [*edits, never, late, {**says, "delay_ms": 10}]}))
    return f"scripted:{file}"


async def _wait_ready(editor: Editor, findings: Findings) -> None:
    if editor.session is not None:
        with contextlib.suppress(TimeoutError):
            return await editor.session.wait_ready(_READY_BOUND_S)
    return findings.find(UNREACHABLE, f"the model was not ready within {_READY_BOUND_S:g} s")


async def _watch(samples: Samples, runtime: Path) -> None:
    while True:
        await asyncio.to_thread(samples.take, runtime)
        await asyncio.sleep(_SAMPLE_S)


async def _end_host(model: str) -> None:
    """Ends the host, as the last window's end would after the idle time."""
    client = InferenceClient(model, name="soak", idle_minutes=1)
    if streams := await client.endpoint.connect():
        streams[1].close()
        client.start()
        try:
            await client.wait_ready(_END_BOUND_S)
            client.stop_host()
        finally:
            await client.close()


def _grown(
    samples: Samples, findings: Findings, since: float, warm_up_s: float
) -> list[dict[str, Any]]:
    rows = []
    for kind in samples.kept:
        growth = samples.growth(kind, since, warm_up_s)
        if growth is None:
            continue
        memory_mb, descriptors, before_mb = growth
        rows.append(
            {
                "process": kind,
                "rss_mb": round(before_mb, 1),
                "rss_growth_mb": round(memory_mb, 2),
                "fd_growth": round(descriptors, 1),
            }
        )
        if memory_mb > before_mb * _MEMORY_SHARE + _MEMORY_MB or descriptors > _DESCRIPTORS:
            findings.find(GROWTH, f"{kind}: {memory_mb:+.1f} MB, {descriptors:+.0f} descriptors")
    return rows


async def _look_for_processes(runtime: Path, findings: Findings) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_END_BOUND_S):
            while processes(runtime):  # noqa: ASYNC110 - nobody tells of the end of a stranger
                await asyncio.sleep(0.1)
    for pid, command in processes(runtime).items():
        told = command.replace(b"\0", b" ").decode(errors="replace")
        findings.find(LEAKED_PROCESS, f"{pid}: {told[:120]}")


def _look_for_files(folder: Path, findings: Findings) -> None:
    """What is there that nobody will look at again. A host's lock and log, and an index, stay."""
    index = (".sqlite", ".sqlite-shm", ".sqlite-wal")
    kept = {"run": (".lock", ".log"), "cache": index, "tmp": ()}
    for place, endings in kept.items():
        for file in (folder / place).rglob("*"):
            if not file.is_dir() and file.suffix not in endings and file.name != _DAYS_OF_USE:
                findings.find(LEAKED_FILE, str(file.relative_to(folder)))
    for file in (folder / "tmp").iterdir():
        if file.is_dir():
            findings.find(LEAKED_FILE, f"{file.relative_to(folder)}/")
    untracked = git(folder / "workspace", "status", "--porcelain", "--untracked-files=all")
    for line in untracked.splitlines():
        if line.startswith("??") and not line.endswith(".py"):
            findings.find(LEAKED_FILE, line[3:])


def _result(
    findings: Findings, growth: list[dict[str, Any]], seconds: float, seed: int, disk: Path | None
) -> dict[str, Any]:
    wrong = findings.wrong
    return {
        "name": "soak",
        "samples": findings.counts["completions asked"],
        "minutes": round(seconds / 60, 2),
        "seed": seed,
        "disk_full": disk is not None,
        "wrong_texts": wrong["wrong text"],
        "lost_edits": wrong["lost edit"],
        "wrong_edits": wrong["wrong edit"],
        "unanswered": wrong["unanswered"],
        "unreachable": wrong["unreachable"],
        "leaked_processes": wrong["leaked process"],
        "leaked_files": wrong["leaked file"],
        "rss_growth_mb": max((row["rss_growth_mb"] for row in growth), default=0.0),
        "fd_growth": max((row["fd_growth"] for row in growth), default=0.0),
        "processes": growth,
        "answers": findings.answers(),
        "counts": dict(sorted(findings.counts.items())),
        "wrong": findings.told,
    }


def main() -> None:
    # It warns of what is written to a server that was just killed.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    folder, seconds, seed, *on = sys.argv[1:]
    place = Path(folder)
    # All that starts from here finds its folders below this one.
    (place / "tmp").mkdir()
    os.environ["TMPDIR"] = tempfile.tempdir = str(place / "tmp")
    os.environ[RUNTIME_DIR_VARIABLE] = str(place / "run")
    os.environ[CACHE_DIR_VARIABLE] = str(place / "cache")
    print(json.dumps(asyncio.run(soak(place, float(seconds), int(seed), place if on else None))))  # noqa: T201


if __name__ == "__main__":
    main()
