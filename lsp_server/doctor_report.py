"""What the doctor found, and how it is printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of a layer; `hint` says what to do, where there is something to do."""

    name: str
    state: Literal["ok", "warning", "error"]
    summary: str
    hint: str = ""


def show(findings: list[Finding], *, ok: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    marks = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "error": ("✗", "bold red")}
    table = Table.grid(padding=(0, 2))
    for finding in findings:
        mark, style = marks[finding.state]
        summary = Text(finding.summary)
        if finding.hint:
            summary.append(f"\n→ {finding.hint}", style=style)
        table.add_row(Text(mark, style=style), Text(finding.name, style="bold"), summary)
    console = Console()
    console.print(table)
    warned = any(finding.state == "warning" for finding in findings)
    verdict = "Sparrow works; see → above." if warned else "All is well."
    console.print(f"\n{verdict if ok else 'Sparrow does not work yet: see → above.'}")
