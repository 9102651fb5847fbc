"""`sparrow fix`: a change for an issue or a failing test, with its evidence; nothing is applied.

What it finds is printed, and written as a patch where one is asked for. Tests run in the sandbox alone.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from lsp_server.agent.pipeline import Result
    from lsp_server.agent.workbench import Opened
    from lsp_server.workspace.snapshot import Snapshot

NOTHING_FOUND, NOT_VERIFIED = 1, 3  # exit codes
_LOAD_S = 600.0
_IDLE_MINUTES = 5.0
# What a model or a test says must not steer the terminal.
_UNPRINTED = dict.fromkeys({*range(0x20), *range(0x7F, 0xA0)} - {*b"\t\n"})


@click.command()
@click.argument(
    "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default="."
)
@click.option(
    "--issue",
    type=click.File(encoding="utf-8", errors="replace"),
    help="A file with the issue's text; - reads it from standard input.",
)
@click.option(
    "--failing",
    "tests",
    multiple=True,
    help="A failing test's id, or its file's or class's; may be said again.",
)
@click.option("--test", "test_command", default="", help="How tests are run; else it is found out.")
@click.option("--model", help="A model that chats, to write patches: a name of `sparrow models`.")
@click.option(
    "--completion-model",
    default="wren",
    show_default=True,
    help="The model that fills in lines; an empty name leaves that out.",
)
@click.option("--budget", type=click.FloatRange(1), default=600, show_default=True, help="Seconds.")
@click.option(
    "--patch", type=click.Path(dir_okay=False, path_type=Path), help="Write a diff there."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object alone.")
@click.option(
    "--trajectory",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write down each step; goes on from there where the file is about the same.",
)
@click.option("--python", "interpreter", default="", help="The interpreter that tests run with.")
@click.option(
    "--allow-unsandboxed",
    is_flag=True,
    help="Run tests without a sandbox where none can be set up.",
)
@click.option(
    "--instances",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Fix each instance of a file in SWE-bench's format, in place of a folder.",
)
@click.option(
    "--checkouts",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="For --instances: the folder with the git repositories.",
)
@click.option(
    "--predictions",
    type=click.Path(dir_okay=False, path_type=Path),
    help="For --instances: where the predictions are written to.",
)
def fix(folder: Path, issue: Any, tests: tuple[str, ...], **options: Any) -> None:
    """Find a change that mends an issue or a failing test of a folder.

    The tests are those that the folder's files lead to, or a command: `--test 'pytest -q'`.
    It ends with 0 where a change was verified, 3 where one was found that could not be, and 1 where
    there is none.
    """
    from rich.console import Console

    console = Console(stderr=options["as_json"], highlight=False)
    if options["instances"] is not None:
        from lsp_server.agent.predictions import write_predictions

        if options["checkouts"] is None or options["predictions"] is None:
            raise click.UsageError("--instances needs --checkouts and --predictions")
        write_predictions(
            options["instances"],
            options["checkouts"],
            options["predictions"],
            lambda root, text: fix_folder(root, text, (), options, console)[1],
            console,
        )
        return
    text = issue.read() if issue is not None else ""
    result, diff = fix_folder(folder.resolve(), text, tests, options, console)
    if options["patch"] is not None and diff:
        options["patch"].write_text(diff, encoding="utf-8", newline="")
    if options["as_json"]:
        click.echo(json.dumps(_as_json(result, diff)))
    else:
        _print(console, result, diff)
    raise SystemExit(_exit_code(result))


def fix_folder(
    root: Path, issue: str, tests: tuple[str, ...], options: dict[str, Any], console: Console
) -> tuple[Result, str]:
    """The result for a folder, and its change as a diff. Refusals end the command."""
    from lsp_server.agent.sandbox import SandboxUnavailable
    from lsp_server.agent.snapshot import SnapshotRefused
    from lsp_server.agent.tests_found import TestsUnknown
    from lsp_server.index_cli import with_snapshot

    answers: list[tuple[Result, str]] = []

    def use(index: Snapshot) -> None:
        answers.append(asyncio.run(_fix(root, index, issue, tests, options, console)))

    try:
        with_snapshot(root, use)
    except (SandboxUnavailable, SnapshotRefused, TestsUnknown) as error:
        raise click.ClickException(f"{root} cannot be worked on: {error}") from error
    except OSError as error:
        raise click.ClickException(f"{root} cannot be read: {error}") from error
    return answers[-1]


async def _fix(  # noqa: PLR0917 - what the command was given
    root: Path,
    index: Snapshot,
    issue: str,
    tests: tuple[str, ...],
    options: dict[str, Any],
    console: Console,
) -> tuple[Result, str]:
    from contextlib import AsyncExitStack

    from lsp_server.agent.pipeline import Fix
    from lsp_server.agent.task import Request
    from lsp_server.agent.trajectory import Trajectory, key_of
    from lsp_server.agent.workbench import Models, Settings, open_workbench
    from lsp_server.features.fix_progress import telling

    settings = Settings(
        options["test_command"], options["interpreter"], options["allow_unsandboxed"]
    )
    async with AsyncExitStack() as stack:
        status = stack.enter_context(console.status("starting"))
        progress = await stack.enter_async_context(
            telling(lambda told: status.update(told.translate(_UNPRINTED)))
        )
        completion = await _client(stack, options["completion_model"], console)
        chat = await _client(stack, options["model"], console)
        opened: Opened = await stack.enter_async_context(
            open_workbench(root, index, settings, Models(completion, chat), on_note=progress.note)
        )
        for note in opened.notes:
            console.print(note.translate(_UNPRINTED), style="dim", markup=False)
        key = key_of(opened.key, issue, tests)
        file = options["trajectory"]
        trajectory = Trajectory.open(key, file) if file else Trajectory(key, None)
        request = Request(issue, tests, options["budget"])
        result = await Fix(request, opened.workbench, trajectory, progress.stage).run()
        return result, _diff(result, opened)


async def _client(stack: Any, model: str | None, console: Console) -> Any:
    """A client that is ready, or None where no model is named or it cannot be had."""
    from inference.client import InferenceClient
    from inference.errors import InferenceError

    if not model:
        return None
    client = InferenceClient(model, name="sparrow fix", idle_minutes=_IDLE_MINUTES)
    client.start()
    stack.push_async_callback(client.close)
    try:
        await client.wait_ready(_LOAD_S)
    except InferenceError as error:
        console.print(f"{model} is not used: {error.message}", style="yellow", markup=False)
        return None
    return client


def _diff(result: Result, opened: Opened) -> str:
    from lsp_server.agent.patch import as_diff

    if result.best is None:
        return ""
    files = result.best.candidate.files
    return as_diff({path: opened.snapshot.text(path) for path in files}, files)


def _exit_code(result: Result) -> int:
    from lsp_server.agent.data import Verdict

    if result.best is None:
        return NOTHING_FOUND
    return 0 if result.best.verdict is Verdict.VERIFIED else NOT_VERIFIED


def _as_json(result: Result, diff: str) -> dict[str, Any]:
    from lsp_server.agent.trajectory import dump_evidence

    return {
        "verdict": str(result.best.verdict) if result.best is not None else None,
        "reason": result.reason,
        "patch": diff,
        "failing": list(result.failing),
        "files": [{"path": it.path, "score": it.score, "why": it.why} for it in result.files],
        "best": dump_evidence(result.best) if result.best is not None else None,
        "tried": len(result.evidence),
        "seconds": round(result.seconds, 2),
    }


def _print(console: Console, result: Result, diff: str) -> None:
    from rich.syntax import Syntax
    from rich.table import Table

    if result.best is None:
        said = f"No change was found: {result.reason}"
        console.print(said.translate(_UNPRINTED), style="yellow", markup=False)
        if result.files:
            looked = ", ".join(it.path for it in result.files[:5])
            console.print(f"Most suspicious: {looked}", style="dim", markup=False)
        return
    best = result.best
    console.print(Syntax(diff.translate(_UNPRINTED), "diff", theme="ansi_dark"))
    said = f"{str(best.verdict).capitalize()}: {best.reason}"
    console.print(said.translate(_UNPRINTED), style="bold", markup=False)
    table = Table(show_header=False)
    rows = {
        "from": (best.candidate.origin,),
        "passes now": best.passes_now,
        "still fails": best.still_fails,
        "flaky": best.flaky,
        "ran as well": (f"{len(best.also_ran)} tests",) if best.also_ran else (),
        "checked": best.gates,
    }
    for name, told in rows.items():
        if told:
            more = f" and {len(told) - 5} more" if len(told) > 5 else ""  # noqa: PLR2004 - as shown
            table.add_row(name, ("\n".join(told[:5]) + more).translate(_UNPRINTED))
    console.print(table, markup=False)
    count = len(result.evidence)
    candidates = "1 candidate" if count == 1 else f"{count} candidates"
    console.print(f"{candidates} validated, {result.seconds:.0f} s", style="dim")
