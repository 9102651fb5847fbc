"""`sparrow index` and `sparrow search`: what Sparrow knows of a folder, for people."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

    from lsp_server.workspace.build import Summary
    from lsp_server.workspace.outline import Symbol
    from lsp_server.workspace.snapshot import Snapshot
    from lsp_server.workspace.store import Store

MAX_WORKERS = 8
_LONGEST_LINE = 160

ResultT = TypeVar("ResultT")
_Folder = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("folder", type=_Folder, default=".")
def index(folder: Path) -> None:
    """Bring the index of a folder up to date, and say what is in it."""
    from rich.console import Console

    console = Console(highlight=False)
    started = time.perf_counter()
    summary = _with_store(folder, lambda store: _build(folder, store, Console(stderr=True)))
    seconds = time.perf_counter() - started
    console.print(
        f"{summary.files:,} files, of which {len(summary.changed):,} were new or changed and"
        f" {len(summary.removed):,} are gone; {seconds:.1f} s"
    )
    for reason, count in summary.skipped.most_common():
        console.print(f"  left out: {count:,}, since {reason}", markup=False, style="dim")


@click.command()
@click.argument("query", nargs=-1, required=True)
@click.option(
    "--symbol",
    "kind",
    flag_value="symbol",
    help="Where a name is defined: `name`, `Class.name`; `na*` starts so, `ParsJsn~` is like it.",
)
@click.option("--references", "kind", flag_value="references", help="Where a name is used.")
@click.option("--text", "kind", flag_value="text", help="Words, best match first.")
@click.option("--folder", type=_Folder, default=".", help="The folder to search.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
def search(query: tuple[str, ...], kind: str | None, folder: Path, limit: int) -> None:
    """Search a folder's code: words, the definitions of a name, or its uses.

    With no option, where a name is defined stands before where its words are.
    """
    from rich.console import Console

    text = " ".join(query)

    def look(store: Store) -> list[tuple[str, int, str]]:
        _build(folder, store, Console(stderr=True))
        return _look(store, folder, kind, text, limit)

    found = _with_store(folder, look)
    if not found:
        click.echo(f"Nothing in {folder} has {text!r}.", err=True)
        raise SystemExit(1)
    for path, line, shown in found:
        where = f"{click.style(path, fg='cyan')}:{line + 1}"
        click.echo(f"{where}: {shown}")


def with_snapshot(folder: Path, use: Callable[[Snapshot], None]) -> None:
    """Brings the index of a folder up to date, imports and all, and has it used."""
    from rich.console import Console

    from lsp_server.workspace.link import Links
    from lsp_server.workspace.view import FolderView

    root = folder.resolve()

    def look(store: Store) -> None:
        Links(root, store).update(_build(root, store, Console(stderr=True)))
        use(FolderView.alone(root, store))

    _with_store(root, look)


def _look(
    store: Store, folder: Path, kind: str | None, text: str, limit: int
) -> list[tuple[str, int, str]]:
    """Path, line and what to show of it."""
    from lsp_server.workspace.search import Search, best_line

    search = Search(store)
    is_pattern = text.endswith(("~", "*"))
    if kind == "symbol" or (kind is None and is_pattern):
        if text.endswith("~"):
            symbols = search.similar_symbols(text.removesuffix("~"), limit)
        elif is_pattern:
            symbols = search.symbols(text.removesuffix("*"), limit, prefix=True)
        else:
            symbols = search.named(text, limit)
        return [(it.path, it.symbol.name_line, _described(it.symbol)) for it in symbols]
    if kind == "references":
        uses = search.references(text, limit)
        return [
            (it.path, it.reference.line, _line(_lines(folder / it.path), it.reference.line))
            for it in uses
        ]
    found = _look(store, folder, "symbol", text, limit) if kind is None else []
    defined = {(path, number) for path, number, _ in found}
    for match in search.text(text, limit):
        lines = _lines(folder / match.path)
        number = best_line(lines, match, text)
        if (match.path, number) not in defined:
            found.append((match.path, number, _line(lines, number)))
    return found[:limit]


def _with_store(folder: Path, use: Callable[[Store], ResultT]) -> ResultT:
    """Opens the folder's store; one that turns out to be damaged is made anew, once."""
    from lsp_server.workspace.store import Store
    from lsp_server.workspace.store_file import (
        CACHE_DIR_VARIABLE,
        StoreDamaged,
        cache_folder,
        delete_store,
        store_file,
    )

    file = store_file(cache_folder(), folder.resolve())
    for last_attempt in (False, True):
        try:
            store = Store.open(file)
        except OSError as error:
            raise click.ClickException(
                f"{error}. Set {CACHE_DIR_VARIABLE} to a folder that you can write to."
            ) from error
        try:
            return use(store)
        except StoreDamaged as error:
            if last_attempt:
                raise click.ClickException(f"the index in {file} is damaged: {error}") from error
            click.echo(f"The index is damaged ({error}) and is made anew.", err=True)
        finally:
            store.close()
        delete_store(file)
    raise AssertionError("one of two attempts has returned or raised")


def _build(folder: Path, store: Store, console: Console) -> Summary:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from lsp_server.workspace.build import build
    from lsp_server.workspace.exclusions import Exclusions
    from lsp_server.workspace.link import Links
    from lsp_server.workspace.user_excludes import user_excludes

    root = folder.resolve()
    workers = min(MAX_WORKERS, os.cpu_count() or 1)
    columns = (TextColumn("indexing"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None, visible=False)

        def report(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, visible=total > 0)

        exclusions = Exclusions([root], user_excludes)
        try:
            summary = build(root, store, exclusions, workers=workers, report=report)
        except OSError as error:
            raise click.ClickException(f"{root} cannot be indexed: {error}") from error
        Links(root, store).update(summary)
        return summary


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # gone since
        return []


def _described(symbol: Symbol) -> str:
    """A definition's signature, and what its docstring or comment says first."""
    doc = f"  {click.style(symbol.doc, dim=True)}" if symbol.doc else ""
    return f"{symbol.signature[:_LONGEST_LINE]}{doc}"


def _line(lines: list[str], number: int) -> str:
    return lines[number].strip()[:_LONGEST_LINE] if number < len(lines) else ""
