"""`sparrow bench NAME`: measures, prints a table, and one JSON object as the last line."""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import click

from lsp_server.bench.aims import judge

BENCHMARKS = {
    "keystroke": "lsp_server.bench.keystroke",
    "engine": "lsp_server.bench.engine",
    "index": "lsp_server.bench.index",
    "context": "lsp_server.bench.context",
    "chat": "lsp_server.bench.chat",
    "fix": "lsp_server.bench.fix",
    "refactor": "lsp_server.bench.refactor",
    "typing": "lsp_server.bench.typist",
    "wren": "lsp_server.bench.wren",
    "soak": "lsp_server.bench.soak",
    "clients": "lsp_server.bench.clients",
    "all": "lsp_server.bench.figures",
}


@click.command()
@click.argument("name", type=click.Choice(list(BENCHMARKS)))
@click.option("--json", "json_only", is_flag=True, help="Print the JSON object alone.")
@click.option("--quick", is_flag=True, help="Fewer samples of the same work.")
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder with data sets, for benchmarks that need one.",
)
@click.option(
    "--packages",
    help="For `context`: name==version,... or a file of them, in place of the usual packages.",
)
@click.option(
    "--checkouts",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="For `fix`: the git repositories of the issues, as owner/name or owner__name.",
)
@click.option(
    "--misses",
    type=click.IntRange(min=1),
    help="For `context`: list so many tasks of each repository that lack a name.",
)
@click.option(
    "--minutes", type=click.FloatRange(min=0.1), help="For `soak`: for how long; 60 if not given."
)
@click.option(
    "--seed", type=click.IntRange(min=0), help="For `soak`: what is done, and what goes wrong."
)
@click.option(
    "--model", help="For `clients`: which serves; wren if not given; `tiny` is made for vLLM."
)
@click.option(
    "--clients", type=click.IntRange(min=2), help="For `clients`: how many; 64 if not given."
)
@click.option(
    "--ghost-text",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="For `typing`: a file with what `python -m tests.e2e.measure_ghost_text` printed.",
)
@click.option(
    "--measured",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="For `all`: what `sparrow bench NAME --json` printed elsewhere; nothing else is run.",
)
@click.option(
    "--only",
    help="For `all`: which, as name,name; the others keep their figures. "
    "For `fix`: quixbugs, humanevalfix, overhead or issues alone.",
)
@click.option(
    "--out",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="For `all`: the folder to write BENCHMARKS.md into; the current one if not given.",
)
def bench(name: str, json_only: bool, quick: bool, data: Path | None, **options: Any) -> None:  # noqa: FBT001
    """Measure Sparrow beside its floors."""
    import importlib

    from rich.console import Console

    module = importlib.import_module(BENCHMARKS[name])
    given = {option: value for option, value in options.items() if value is not None}
    for option in given.keys() - inspect.signature(module.run).parameters.keys():
        raise click.UsageError(f"--{option} is not for {name}")
    console = Console(stderr=json_only)
    try:
        result: dict[str, Any] = asyncio.run(module.run(console, quick=quick, data=data, **given))
    except module.CouldNotRun as error:
        raise click.ClickException(f"{name} could not run: {error}") from error
    for aim in judge(result.get("name", name), result):
        told, style = ("reached", "green") if aim.is_reached else ("not reached", "yellow")
        console.print(f"[{style}]{told:>11}[/]  {aim.says}: {aim.value:.4g}", highlight=False)
    click.echo(json.dumps(result))
    if result.get("wrong"):
        sys.exit(1)
