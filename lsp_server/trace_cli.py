"""`sparrow trace`: what became of the last completions of the windows that are open now."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@click.command()
@click.option("--limit", type=click.IntRange(1, 400), default=20, show_default=True)
@click.option("--shown", is_flag=True, help="Those alone that were shown.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each.")
def trace(limit: int, shown: bool, as_json: bool) -> None:  # noqa: FBT001
    """Show the last completions of all open windows: verdict, times, tokens. No code."""
    from inference.endpoint import Endpoint
    from lsp_server.trace import Verdict
    from lsp_server.trace_log import read_traces

    found = [
        {"pid": pid} | it
        for pid, it in read_traces(Endpoint.of("").directory)
        if not shown or it.get("verdict") == Verdict.SHOWN
    ]
    found.sort(key=lambda it: float(it.get("at") or 0))
    found = found[-limit:]
    if as_json:
        for it in found:
            click.echo(json.dumps(it))
    elif found:
        _print(found)
    else:
        click.echo("No window that is open now has completed anything yet.")


def _print(traces: Sequence[Mapping[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Last completions")
    several = len({it["pid"] for it in traces}) > 1
    if several:
        table.add_column("window", justify="right")
    for heading in ("when", "where", "verdict"):
        table.add_column(heading, overflow="fold")
    for heading in ("first token", "answered", "prompt", "cached", "written"):
        table.add_column(heading, justify="right")
    table.add_column("text from", overflow="fold")
    for it in traces:
        window = [str(it["pid"])] if several else []
        table.add_row(*window, *_cells(it))
    Console(highlight=False).print(table)


def _cells(it: Mapping[str, Any]) -> list[Any]:
    from rich.text import Text

    when = time.strftime("%H:%M:%S", time.localtime(float(it.get("at") or 0)))
    verdict = ": ".join(filter(None, (str(it.get("verdict")), str(it.get("detail") or ""))))
    where = f"{it.get('path')}:{it.get('line')}:{it.get('column')}"
    numbers = [
        _milliseconds(it.get("first_token_ms")),
        _milliseconds(it.get("total_ms")),
        *("-" if it.get(name) is None else f"{it[name]:,}" for name in _TOKENS),
    ]
    # What comes from outside is text, whatever brackets and escapes it has.
    texts = [Text(_plain(it)) for it in (when, where, verdict, *numbers, str(it.get("source")))]
    return list(texts)


_TOKENS = ("prompt_tokens", "cached_tokens", "generated_tokens")


def _milliseconds(value: Any) -> str:
    return "-" if value is None else f"{value:.1f} ms"


def _plain(text: str) -> str:
    return "".join(it if it.isprintable() else "·" for it in text)
