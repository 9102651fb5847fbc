"""The demo's command and its picture in the terminal."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from importlib.resources import as_file, files
from pathlib import Path

import click
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from lsp_server.demo.fixing import fix
from lsp_server.demo.refactoring import refactor
from lsp_server.demo.typist import Screen, Tally, write
from lsp_server.session import EditorSession, ServerEnded, open_session, sparrow_command
from lsp_server.workspace.store_file import CACHE_DIR_VARIABLE

TYPED = "shelf/members.py"
VISIBLE_LINES = 20
# Seconds for people to see what happens.
PACE_S = {"typing": 0.02, "streaming": 0.0, "suggested": 0.6, "taken": 0.25}


@click.command()
@click.option("--model", default="wren", show_default=True, help="The model that completes.")
@click.option("--fast", is_flag=True, help="Do not wait for people to see it.")
def demo(model: str, fast: bool) -> None:  # noqa: FBT001
    """Watch Sparrow complete, refactor and fix real code in the terminal.

    A typist writes a module of a small sample workspace, through the language server that your
    editor would start, and takes the suggestions that are right. Then a method is moved out of its
    class, and a failing test is fixed.
    """
    console = Console()
    with tempfile.TemporaryDirectory(prefix="sparrow-demo-") as scratch:
        folder = Path(scratch, "library")
        with as_file(files("lsp_server.demo") / "workspace") as sample:
            shutil.copytree(sample, folder, ignore=shutil.ignore_patterns("__pycache__"))
        target = (folder / TYPED).read_text(encoding="utf-8")
        (folder / TYPED).unlink()
        try:
            asyncio.run(_play(console, folder, target, model, fast=fast or not console.is_terminal))
        except ServerEnded as error:
            raise click.ClickException(f"{error}. Run `sparrow doctor`.") from error
        except TimeoutError as error:
            raise click.ClickException(
                f"the model {model} was not ready in time. Run `sparrow doctor`."
            ) from error


async def _play(console: Console, folder: Path, target: str, model: str, *, fast: bool) -> None:
    settings = {"completion": {"model": model}}
    environment = {CACHE_DIR_VARIABLE: str(folder.with_name("cache"))}  # goes with the folder
    async with open_session(
        sparrow_command(), folder, settings, environment=environment
    ) as session:
        with console.status("starting the language server and the model, indexing the workspace"):
            await session.wait_ready()
            await session.wait_indexed()
        status = session.status
        console.print(
            f"[bold]Sparrow[/] completes [bold]{TYPED}[/] with the model "
            f"[bold]{status['model'] if status else model}[/]. No other file is open: "
            f"what it knows of the workspace is from its index."
        )
        tally = await _write(console, session, folder, target, fast=fast)
        _summarize(console, tally)
        await refactor(console, session, folder)
        await fix(console, session, folder)


async def _write(
    console: Console, session: EditorSession, folder: Path, target: str, *, fast: bool
) -> Tally:
    document = session.open(folder / TYPED, "python", "")
    if not console.is_terminal:
        return await write(session, document, target, _log_to(console), lambda _: None)
    with Live(console=console, refresh_per_second=30, transient=False) as live:

        async def show(screen: Screen) -> None:
            live.update(_draw(screen))
            if not fast:
                await asyncio.sleep(PACE_S[screen.event])

        return await write(session, document, target, show, lambda it: live.update(_draw(it)))


def _log_to(console: Console) -> Callable[[Screen], Awaitable[None]]:
    """Where there is no terminal: a line for each suggestion that is taken."""

    async def show(screen: Screen) -> None:
        if screen.event == "suggested" and screen.suggestion is not None:
            first_line, *more = screen.ghost.splitlines()
            console.print(
                f"{screen.suggestion.total_ms:6.1f} ms  "
                f"{(screen.text.splitlines() or [''])[-1]}[dim]⟨{first_line.strip()}⟩"
                f"{f' and {len(more)} lines more' if more else ''}[/]",
                soft_wrap=True,
            )

    return show


def _draw(screen: Screen) -> Group:
    code = Syntax("", "python", theme="ansi_dark").highlight(screen.text)
    code.rstrip()
    if screen.text.endswith("\n"):
        code.append("\n" * (len(screen.text) - len(screen.text.rstrip("\n"))))
    spaces = len(screen.text) - len(screen.text.rstrip(" "))
    code.append(" " * spaces)
    code.append("▏", style="bold yellow")
    code.append(screen.ghost, style="dim italic")
    lines = code.split("\n", allow_blank=True)
    visible = Text("\n").join(lines[-VISIBLE_LINES:])
    if missing := VISIBLE_LINES - len(lines):
        visible.append("\n" * max(0, missing))
    timing = (
        f"{screen.suggestion.total_ms:.1f} ms from key to suggestion" if screen.suggestion else ""
    )
    notes = {
        "typing": Text("typing", style="dim"),
        "streaming": Text("tokens arrive", style="yellow"),
        "suggested": Text(f"suggested   {timing}", style="green"),
        "taken": Text("Tab: taken", style="bold green"),
    }
    return Group(Panel(visible, title=TYPED, title_align="left", width=88), notes[screen.event])


def _summarize(console: Console, tally: Tally) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_row("Keys pressed", f"{tally.keys}, {tally.taken} of them Tab")
    table.add_row(
        "Characters",
        f"{tally.typed_characters} typed, {tally.taken_characters} completed "
        f"({tally.taken_share:.0%})",
    )
    if tally.shown_ms:
        table.add_row(
            "Key to suggestion",
            f"median {statistics.median(tally.shown_ms):.1f} ms, "
            f"worst {max(tally.shown_ms):.1f} ms, over stdio and the host's socket",
        )
    if tally.first_text_ms:
        table.add_row(
            "Key to first token", f"median {statistics.median(tally.first_text_ms):.1f} ms"
        )
    console.print(table)
