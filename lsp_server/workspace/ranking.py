"""Which files of a repository matter most. Pure.

A file counts for as much as the files that import it do, which is PageRank over the graph of imports
(Page, Brin, Motwani and Winograd, 1998: The PageRank citation ranking).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_DAMPING, _ROUNDS = 0.85, 20


def rank(imports: Mapping[str, Sequence[str]]) -> list[str]:
    """The files that occur, the most important first; `imports` are by the file that imports."""
    files = sorted({*imports, *(target for targets in imports.values() for target in targets)})
    number = {path: index for index, path in enumerate(files)}
    edges = [
        [number[target] for target in dict.fromkeys(imports.get(path, ())) if target != path]
        for path in files
    ]
    count = len(files)
    if count == 0:
        return []
    ranks = [1.0 / count] * count
    for _ in range(_ROUNDS):
        loose = sum(value for value, targets in zip(ranks, edges, strict=True) if not targets)
        following = [(1 - _DAMPING + _DAMPING * loose) / count] * count
        for value, targets in zip(ranks, edges, strict=True):
            share = _DAMPING * value / (len(targets) or 1)
            for target in targets:
                following[target] += share
        ranks = following
    return sorted(files, key=lambda path: (-ranks[number[path]], path))
