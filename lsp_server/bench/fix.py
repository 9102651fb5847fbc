"""Fixes: small programs with one fault without a chat model, and where real issues are looked for.

A program is a workspace of its own. The pipeline sees every second assertion of its test, and what it
shows is judged by all of them; the pipeline's own verdict comes through sandbox and validation as in the
editor. QuixBugs was looked at as templates were made, HumanEvalFix never was. Ctrl+C and SIGTERM end
it with what was tried by then. Issues are reported by the half that the weights of the sources were
fitted on, and the other one.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from inference.client import InferenceClient
from inference.endpoint import RUNTIME_DIR_VARIABLE
from lsp_server.agent.data import Verdict
from lsp_server.agent.instances import InstancesUnreadable, read_instances
from lsp_server.agent.pipeline import Fix
from lsp_server.agent.sandbox import SandboxUnavailable
from lsp_server.agent.task import Request
from lsp_server.agent.tests_found import TestsUnknown
from lsp_server.agent.trajectory import Trajectory
from lsp_server.agent.workbench import Models, Settings, open_workbench
from lsp_server.bench import fix_overhead
from lsp_server.bench.fix_localize import AT, Located, indexed, locate, recall
from lsp_server.bench.fix_programs import PROGRAM, TESTS, Program, humanevalfix, quixbugs
from lsp_server.bench.host_client import host_client
from lsp_server.bench.interruption import is_done_before_a_signal
from lsp_server.bench.measure import CouldNotRun
from lsp_server.workspace.store_file import CACHE_DIR_VARIABLE

__all__ = ["CouldNotRun", "run"]

BUDGET_S = 110.0
_JUDGED_S = 60.0
# A program's tests take milliseconds; those of a faulty one may never end.
_TESTS_S, _SUITE_S = 8.0, 12.0
_QUICK = 5  # of so many programs and issues one


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of a program: what the pipeline said of its best change, and whether that is right."""

    name: str
    verdict: Verdict | None
    is_right: bool
    origin: str
    seconds: float
    reason: str


_ON_PAGE = ("fixed", "tried", "verified_by_half_and_wrong", "seconds_p50", "seconds_max")


async def run(
    console: Console,
    *,
    quick: bool,
    data: Path | None,
    checkouts: Path | None = None,
    only: str = "",
) -> dict[str, Any]:
    """Measures and prints; returns the JSON object. Raises `CouldNotRun`."""
    if data is None:
        raise CouldNotRun(
            "it needs --data with the folders quixbugs, humanevalfix, issues, swebench"
        )
    result: dict[str, Any] = {"name": "fix", "samples": {}}
    sets = {"quixbugs": quixbugs, "humanevalfix": humanevalfix}
    with tempfile.TemporaryDirectory(prefix="sparrow-bench-") as scratch:
        os.environ[RUNTIME_DIR_VARIABLE] = str(Path(scratch, "run"))
        os.environ[CACHE_DIR_VARIABLE] = str(Path(scratch, "cache"))
        for name, read in sets.items():
            if only in {"", name}:
                programs = read(data)[:: _QUICK if quick else 1]
                outcomes: list[Outcome] = []
                fixing = _fix_all(programs, Path(scratch, name), console, outcomes)
                is_done = await is_done_before_a_signal(fixing)
                if not outcomes:
                    raise CouldNotRun("it was interrupted before it had tried a program")
                summary = result[name] = _summary(outcomes, len(programs))
                # By themselves as well: what is nested stands on no page of figures.
                result |= {f"{name}_{key}": summary[key] for key in _ON_PAGE}
                result[f"{name}_total"] = summary["programs"]
                result["samples"][name] = summary["tried"]
                _print_programs(console, name, summary)
                if not is_done:
                    return result
        if only in {"", "overhead"}:
            overhead = result["overhead"] = await _overhead(Path(scratch, "overhead"), console)
            result["overhead_s"] = overhead["whole_s"]
            took_s = await fix_overhead.measure_snapshot(Path(scratch, "snapshot"))
            result["snapshot_10k_s"] = took_s
            console.print(f"To take and copy {fix_overhead.MANY_FILES:,} files takes {took_s:g} s.")
    if only in {"", "issues"}:
        located = result["localization"] = await asyncio.to_thread(
            _locate_all, data, checkouts, console, quick=quick
        )
        recalls = zip(AT, located.get("all", ()), strict=False)
        result |= {f"localize_at_{at}": share for at, share in recalls}
        if located:
            result["samples"]["issues"] = located["issues"]
    return result


async def _overhead(folder: Path, console: Console) -> dict[str, float]:
    try:
        found = await fix_overhead.measure(folder)
    except SandboxUnavailable as error:
        raise CouldNotRun(f"a fix begins with its sandbox: {error}") from error
    console.print(
        f"Beside models and tests a fix of {found['files']:g} files takes {found['whole_s']:g} s, "
        f"{found['open_s']:g} s of it before it begins to look."
    )
    return found


async def _fix_all(
    programs: Sequence[Program], folder: Path, console: Console, outcomes: list[Outcome]
) -> None:
    """Adds an outcome for each program, as it is known."""
    async with host_client("wren") as client:
        with console.status("") as status:
            for number, program in enumerate(programs, 1):
                status.update(f"{number} of {len(programs)}: {program.name}")
                root = folder / program.name
                root.mkdir(parents=True)
                started = time.monotonic()
                try:
                    outcome = await _fix(program, root, client)
                except TestsUnknown as error:  # a busy machine did not come to run one in time
                    seconds = time.monotonic() - started
                    outcome = Outcome(program.name, None, False, "", seconds, str(error))  # noqa: FBT003
                except SandboxUnavailable as error:
                    raise CouldNotRun(f"programs are run in the sandbox alone: {error}") from error
                outcomes.append(outcome)
                told = f"{outcome.verdict or '-'}, {'right' if outcome.is_right else 'not right'}"
                console.print(
                    f"{program.name}: {told}, {outcome.seconds:.0f} s {outcome.origin}",
                    style="dim",
                    markup=False,
                )


async def _fix(program: Program, root: Path, client: InferenceClient) -> Outcome:
    (root / PROGRAM).write_text(program.faulty, encoding="utf-8")
    (root / TESTS).write_text(program.shown_tests, encoding="utf-8")
    python = sys.executable
    settings = Settings(
        f"{python} -m unittest {Path(TESTS).stem}",
        python,
        tests_timeout_s=_TESTS_S,
        suite_timeout_s=_SUITE_S,
    )
    started = time.monotonic()
    with indexed(root, root.parent / f"{program.name}.sqlite") as index:
        async with open_workbench(root, index, settings, Models(completion=client)) as opened:
            # All are named: one that never ends keeps those behind it from being seen at all.
            request = Request(program.text, program.shown, BUDGET_S)
            fix = Fix(request, opened.workbench, Trajectory(opened.key, None))
            result = await fix.run()
            seconds = time.monotonic() - started
            best = result.best
            if best is None:
                return Outcome(program.name, None, False, "", seconds, result.reason)  # noqa: FBT003
            files = {**best.candidate.files, TESTS: program.all_tests}
            async with opened.snapshot.copy(files) as folder:
                argv = (python, "-m", "unittest", Path(TESTS).stem)
                judged = await opened.workbench.run(argv, folder, _JUDGED_S)
    return Outcome(
        program.name,
        best.verdict,
        judged.exit_code == 0,
        best.candidate.origin,
        seconds,
        result.reason,
    )


def _summary(outcomes: Sequence[Outcome], programs: int) -> dict[str, Any]:
    """Of those that were tried, which may be fewer than there are."""
    shown = [it for it in outcomes if it.verdict is Verdict.VERIFIED]
    right = [it for it in shown if it.is_right]
    seconds = [it.seconds for it in outcomes]
    return {
        "programs": programs,
        "tried": len(outcomes),
        "fixed": len(right),
        "verified_by_half_and_wrong": len(shown) - len(right),
        "seconds_p50": round(statistics.median(seconds), 1),
        "seconds_max": round(max(seconds), 1),
        "fixed_names": [it.name for it in right],
        "not_fixed": {it.name: it.reason for it in outcomes if it not in right},
    }


def _print_programs(console: Console, name: str, summary: dict[str, Any]) -> None:
    tried, programs = summary["tried"], summary["programs"]
    title = f"{name}: fixes by templates and wren, half of the assertions shown"
    if tried < programs:
        title += f"\ninterrupted: {tried} of {programs} programs were tried, all below is of these"
    table = Table(title=title)
    table.add_column("what")
    table.add_column("programs", justify="right")
    table.add_row("right by all assertions", f"{summary['fixed']} of {tried}")
    wrong = summary["verified_by_half_and_wrong"]
    table.add_row("right by the shown half alone", str(wrong))
    table.add_row("nothing shown as verified", str(tried - summary["fixed"] - wrong))
    table.add_row("seconds, median and most", f"{summary['seconds_p50']}, {summary['seconds_max']}")
    console.print(table)


def _locate_all(
    data: Path, checkouts: Path | None, console: Console, *, quick: bool
) -> dict[str, Any]:
    if checkouts is None:
        console.print("issues are left out: they need --checkouts", style="yellow")
        return {}
    try:
        instances = [
            *read_instances(data / "issues" / "dev.jsonl.gz"),
            *read_instances(data / "swebench" / "lite-dev.json.gz"),
        ][:: _QUICK if quick else 1]
        located = list(locate(instances, checkouts))
    except InstancesUnreadable as error:
        raise CouldNotRun(str(error)) from error
    if not located:
        raise CouldNotRun(f"{checkouts} has none of the repositories")
    parts = {"all": located, "fitted half": located[::2], "other half": located[1::2]}
    result: dict[str, Any] = {"issues": len(located), "left_out": len(instances) - len(located)}
    for name, part in parts.items():
        for with_tests in (False, True):
            key = f"{name}, with failing tests" if with_tests else name
            result[key] = [round(recall(part, at, with_tests=with_tests), 3) for at in AT]
    _print_located(console, result, located)
    return result


def _print_located(console: Console, result: dict[str, Any], located: Sequence[Located]) -> None:
    files = statistics.median(it.files for it in located)
    table = Table(title=f"Fixed files found, {len(located)} issues, median {files:,.0f} files")
    table.add_column("issues")
    for at in AT:
        table.add_column(f"recall at {at}", justify="right")
    for name, values in result.items():
        if isinstance(values, list):
            table.add_row(name, *(f"{it:.2f}" for it in values))
    console.print(table)
