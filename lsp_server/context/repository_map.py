"""The files that most of a repository rests on, and what they define. Pure.

A file counts for as much as the files that import it do, which is PageRank over the graph of imports
(Page, Brin, Motwani and Winograd, 1998: The PageRank citation ranking).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lsp_server.context.retrieval import Excerpt
from lsp_server.workspace.outline import Symbol
from lsp_server.workspace.snapshot import Snapshot

_DAMPING, _ROUNDS = 0.85, 20
_SYMBOLS_PER_FILE = 12
_WHY = ("much of the repository rests on it",)


def rank(imports: Mapping[str, Sequence[str]]) -> list[str]:
    """The files that occur, the most important first; `imports` are by the file that imports."""
    files = sorted({*imports, *(target for targets in imports.values() for target in targets)})
    number = {path: index for index, path in enumerate(files)}
    edges = [
        [number[target] for target in dict.fromkeys(imports.get(path, ())) if target != path]
        for path in files
    ]
    count = len(files)
    ranks = [1.0 / count] * count if count else []
    for _ in range(_ROUNDS):
        loose = sum(value for value, targets in zip(ranks, edges, strict=True) if not targets)
        following = [(1 - _DAMPING + _DAMPING * loose) / count] * count
        for value, targets in zip(ranks, edges, strict=True):
            share = _DAMPING * value / (len(targets) or 1)
            for target in targets:
                following[target] += share
        ranks = following
    return sorted(files, key=lambda path: (-ranks[number[path]], path))


def draw(
    snapshot: Snapshot, ranked: Sequence[str], budget_tokens: int, count: Callable[[str], int]
) -> list[Excerpt]:
    """What the first of the files define at their top, in the order of paths."""
    drawn: list[Excerpt] = []
    left = budget_tokens
    for path in ranked:
        top = [it for it in snapshot.symbols(path) if it.parent is None and not _is_private(it)]
        text = "".join(f"{symbol.signature}\n" for symbol in top[:_SYMBOLS_PER_FILE])
        cost = count(path) + count(text)
        if not text:
            continue
        if cost > left:
            break
        left -= cost
        drawn.append(Excerpt(path, text, _WHY))
    return sorted(drawn, key=lambda it: it.path)


def _is_private(symbol: Symbol) -> bool:
    return symbol.name.startswith("_")
