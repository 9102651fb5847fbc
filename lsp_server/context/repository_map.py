"""A map of a repository: the files that most of it rests on, and what they define. Pure."""

from __future__ import annotations

from collections.abc import Callable

from lsp_server.context.retrieval import Excerpt
from lsp_server.workspace.outline import Symbol
from lsp_server.workspace.snapshot import Snapshot

_SYMBOLS_PER_FILE = 12
WHY = ("much of the repository rests on it",)


def draw(snapshot: Snapshot, budget_tokens: int, count: Callable[[str], int]) -> list[Excerpt]:
    """What the most important files define at their top, in the order of paths."""
    drawn: list[Excerpt] = []
    left = budget_tokens
    for path in snapshot.ranked():
        top = [it for it in snapshot.symbols(path) if it.parent is None and not _is_private(it)]
        text = "".join(f"{symbol.signature}\n" for symbol in top[:_SYMBOLS_PER_FILE])
        cost = count(path) + count(text)
        if not text:
            continue
        if cost > left:
            break
        left -= cost
        drawn.append(Excerpt(path, text, WHY))
    return sorted(drawn, key=lambda it: it.path)


def _is_private(symbol: Symbol) -> bool:
    return symbol.name.startswith("_")
