"""The page of statistics in the editor: HTML and a style sheet, in the editor's own colours."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from lsp_server.statistics import plots
from lsp_server.statistics.report import (
    HEADINGS,
    MEANING,
    NOTHING_YET,
    Report,
    cells,
    in_words,
)
from lsp_server.statistics.tally import Count, Tally

CSS = """
body { max-width: 760px; margin: 0 auto; padding: 12px 24px 32px; line-height: 1.5;
  color: var(--vscode-foreground); font: var(--vscode-font-size) var(--vscode-font-family); }
h1 { font-size: 1.6em; font-weight: 600; margin: 12px 0 0; }
h2 { font-size: 1.1em; font-weight: 600; margin: 28px 0 8px; }
p { color: var(--vscode-descriptionForeground); margin: 4px 0; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(160px, 1fr)); gap: 8px;
  margin: 20px 0; }
dl div { border: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
  background: var(--vscode-editorWidget-background); border-radius: 4px; padding: 8px 12px; }
dt { color: var(--vscode-descriptionForeground); font-size: 0.9em; }
dd { margin: 0; font-size: 1.25em; font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--vscode-descriptionForeground); font-size: 11px; }
.grid { stroke: var(--vscode-descriptionForeground); stroke-opacity: 0.2; }
.shown { fill: var(--vscode-charts-blue); fill-opacity: 0.55; }
.accepted { fill: var(--vscode-charts-green); }
.key { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin: 0 4px 0 12px; }
.key.shown { background: var(--vscode-charts-blue); opacity: 0.55; }
.key.accepted { background: var(--vscode-charts-green); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 4px 8px;
  border-bottom: 1px solid var(--vscode-widget-border, transparent); font-weight: normal; }
th { color: var(--vscode-descriptionForeground); }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; }
"""


def page(it: Report, *, is_enabled: bool, problem: str = "") -> str:
    """The page's body. A problem, as that the file cannot be read, is said in its place."""
    period = f"The last {len(it.days)} days, on this machine. Nothing of this leaves it."
    head = [f"<h1>Completions</h1><p>{period}</p>"]
    if not is_enabled:
        head.append("<p>Counting is switched off: <code>sparrow.statistics.enable</code>.</p>")
    if problem:
        return "".join((*head, f"<p>{html.escape(problem)}</p>"))
    if not it.total[Count.REQUESTS]:
        return "".join((*head, f"<p>{NOTHING_YET}</p>"))
    return "".join(
        (
            *head,
            _cards(in_words(it.total)),
            f"<h2>By day{_key_of('shown')}{_key_of('accepted')}</h2>",
            plots.by_day(it.days),
            "<h2>Time from request to answer</h2>",
            plots.by_time(it.total.latencies),
            "<h2>By language</h2>",
            _table("language", it.languages),
            "<h2>By model</h2>",
            _table("model", it.models),
            f"<h2>What the words mean</h2><p>{MEANING}</p>",
        )
    )


def _key_of(kind: str) -> str:
    return f'<span class="key {kind}"></span>{kind}'


def _cards(figures: Iterable[tuple[str, str]]) -> str:
    cards = (
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>"
        for name, value in figures
    )
    return f"<dl>{''.join(cards)}</dl>"


def _table(first: str, rows: Sequence[tuple[str, Tally]]) -> str:
    headings = "".join(f"<th>{html.escape(it)}</th>" for it in (first, *HEADINGS))
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(it)}</td>" for it in (name, *cells(tally))) + "</tr>"
        for name, tally in rows
    )
    return f"<table><tr>{headings}</tr>{body}</table>"
