"""`sparrow context`: what a model would be shown for a cursor, and why."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from inference.content import Layout, LayoutSection
    from inference.protocol import LayoutReady
    from lsp_server.context.retrieval import Excerpt
    from lsp_server.workspace.documents import Document, Position
    from lsp_server.workspace.snapshot import Snapshot

# Of code, with the vocabularies of today.
TOKENS_PER_CHARACTER = 0.28
_PLACE = re.compile(r"(?P<file>.+?):(?P<line>\d+)(?::(?P<column>\d+))?")
# No file is open here: what is no excerpt is of the map.
_MAPPED = "of the map: much of the repository rests on it"
_REPOSITORY_MARKS = (".git", ".hg", "pyproject.toml", "package.json", "go.mod", "Cargo.toml")


@click.command()
@click.argument("place", metavar="FILE:LINE:COLUMN")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The workspace folder; else the repository around the file.",
)
@click.option(
    "--context",
    "context_tokens",
    type=click.IntRange(512),
    default=8192,
    show_default=True,
    help="Tokens of the model's context.",
)
@click.option("--all", "show_all", is_flag=True, help="Print the text of files, too.")
def context(place: str, folder: Path | None, context_tokens: int, show_all: bool) -> None:  # noqa: FBT001
    """Print what a model is shown for a completion there, with its tokens and why.

    Lines and columns count from 1. Tokens are estimated from characters; a model counts its own.
    """
    from rich.console import Console

    from lsp_server.index_cli import with_snapshot
    from lsp_server.workspace.documents import Document, Position

    found = _PLACE.fullmatch(place)
    if found is None:
        raise click.UsageError(f"{place!r} is not FILE:LINE:COLUMN, such as src/main.py:12:5")
    file = Path(found["file"]).resolve()
    root = folder.resolve() if folder is not None else _repository_of(file)
    if not file.is_relative_to(root):
        raise click.UsageError(f"{file} is not in the folder {root}")
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{file} cannot be read: {error}") from error
    document = Document(file.as_uri(), "", 0, text)
    cursor = Position(int(found["line"]) - 1, int(found["column"] or 1) - 1)
    if not document.contains(cursor):
        raise click.ClickException(
            f"{place} is outside the file, which has {len(document.lines)} lines"
        )
    with_snapshot(
        root,
        lambda it: _print(
            Console(highlight=False), it, root, document, cursor, context_tokens, show_all=show_all
        ),
    )


def _print(  # noqa: PLR0917 - a command's options
    console: Console,
    snapshot: Snapshot,
    root: Path,
    document: Document,
    cursor: Position,
    context_tokens: int,
    *,
    show_all: bool,
) -> None:
    from rich.syntax import Syntax
    from rich.text import Text

    from inference.protocol import Role
    from lsp_server.context.budget import Limits
    from lsp_server.context.stream import ContextStream
    from lsp_server.workspace.documents import Documents
    from lsp_server.workspace.folders import path_of_uri

    def path_of(it: Document) -> str:
        path = path_of_uri(it.uri)
        return path.relative_to(root).as_posix() if path is not None else it.uri

    limits = Limits("", context_tokens, cache_block_tokens=16)
    stream = ContextStream(
        Documents(),
        path_of,
        lambda _: False,
        limits=lambda: limits,
        counts=_estimate,
        snapshot=lambda _: snapshot,
    )
    stream.at(document, cursor)
    stream.outdate()  # the first layout was laid before anything had been counted
    layout, tail = stream.at(document, cursor)
    reasons = {(it.path, it.text): it for it in stream.excerpts}
    counted = _estimate(layout)
    for section, tokens in zip(layout.sections, counted.token_counts, strict=True):
        excerpt = (
            reasons.get((section.path, "".join(it.text for it in section.chunks)))
            if section.role is Role.CONTEXT
            else None
        )
        console.print(
            Text(f"{section.path}", style="bold cyan"),
            Text(_describe(section, tokens, excerpt), style="dim"),
        )
        if excerpt is not None or show_all:
            code = "".join(chunk.text for chunk in section.chunks)
            lexer = Syntax.guess_lexer(section.path, code)
            console.print(
                Syntax(code.rstrip("\n"), lexer, theme="ansi_dark", background_color="default")
            )
    around = math.ceil((len(tail.prefix) + len(tail.suffix)) * TOKENS_PER_CHARACTER)
    console.print(
        Text("the lines around the cursor", style="bold cyan"),
        Text(f"about {around} tokens, sent with each key", style="dim"),
    )
    total = sum(counted.token_counts) + around
    console.print(f"about {total:,} of {context_tokens:,} tokens")
    if left_out := stream.left_out():
        console.print(Text(f"left out: {left_out}", style="dim"))


def _describe(section: LayoutSection, tokens: int, excerpt: Excerpt | None) -> str:
    from inference.protocol import Role

    what = {Role.PREFIX: "before the cursor", Role.SUFFIX: "behind the cursor"}.get(
        section.role, _MAPPED
    )
    if excerpt is not None:
        what = "; ".join(excerpt.reasons)
    return f"  about {tokens:,} tokens: {what}"


def _estimate(layout: Layout) -> LayoutReady:
    from inference.protocol import LayoutReady

    counts: Sequence[int] = [
        math.ceil(sum(len(chunk.text) for chunk in section.chunks) * TOKENS_PER_CHARACTER)
        for section in layout.sections
    ]
    return LayoutReady(layout.id, tuple(counts), exact=True)


def _repository_of(file: Path) -> Path:
    """The innermost folder above the file that looks like a repository's, else the file's own."""
    for folder in file.parents:
        if any((folder / mark).exists() for mark in _REPOSITORY_MARKS):
            return folder
    return file.parent
