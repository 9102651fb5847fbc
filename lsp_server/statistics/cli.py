"""`sparrow stats`: how completions did on this machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from lsp_server.statistics.report import Report
    from lsp_server.statistics.tally import Tally


@click.command()
@click.option("--days", type=click.IntRange(1, 400), default=30, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--clear", is_flag=True, help="Forget everything that was counted.")
def stats(days: int, as_json: bool, clear: bool) -> None:  # noqa: FBT001
    """Show how completions did on this machine: numbers that never leave it."""
    from lsp_server.statistics import report
    from lsp_server.statistics.days import last_days, today
    from lsp_server.statistics.store import StatisticsFile, StatisticsUnusable
    from lsp_server.user_folders import statistics_path

    file = StatisticsFile(statistics_path())
    period = last_days(days, today())
    try:
        if clear:
            file.clear()
            click.echo(f"Forgotten: {file.path} holds nothing any more.")
            return
        made = report.report(file.read(period[0]), period)
    except StatisticsUnusable as error:
        raise click.ClickException(str(error)) from error
    if file.set_aside is not None:
        click.echo(f"What was there is damaged, and kept as {file.set_aside}.", err=True)
    if as_json:
        click.echo(json.dumps(report.as_json(made)))
    else:
        _print(made)


def _print(made: Report) -> None:
    from rich.console import Console
    from rich.table import Table

    from lsp_server.statistics.report import MEANING, NOTHING_YET, in_words, sparkline
    from lsp_server.statistics.tally import LAST_BUCKET, Count

    console = Console(highlight=False)
    if not made.total[Count.REQUESTS]:
        console.print(NOTHING_YET)
        return
    summary = Table(title=f"Completions of {len(made.days)} days", show_header=False)
    for name, value in in_words(made.total):
        summary.add_row(name, value)
    console.print(summary)
    shown = [tally[Count.SHOWN] for _, tally in made.days]
    accepted = [tally[Count.ACCEPTED] for _, tally in made.days]
    latencies = made.total.latencies
    last = max(latencies, default=LAST_BUCKET)
    plots = Table(show_header=False, box=None, title="\nPlots")
    plots.add_row("shown by day", f"▕{sparkline(shown)}▏", f"at most {max(shown):,}")
    plots.add_row("accepted by day", f"▕{sparkline(accepted)}▏", f"at most {max(accepted):,}")
    times = sparkline([latencies[bucket] for bucket in range(last + 1)])
    plots.add_row("time to answer", f"▕{times}▏", f"1 ms to {2 ** (last / 4):.0f} ms")
    console.print(plots)
    _print_table(console, "language", made.languages)
    _print_table(console, "model", made.models)
    console.print(MEANING, style="dim")


def _print_table(console: Console, first: str, rows: Sequence[tuple[str, Tally]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from lsp_server.statistics.report import HEADINGS, cells

    table = Table(title=f"\nBy {first}")
    table.add_column(first)
    for heading in HEADINGS:
        table.add_column(heading, justify="right")
    for name, tally in rows:
        table.add_row(escape(name), *cells(tally))
    console.print(table)
