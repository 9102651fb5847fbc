"""Which other files are worth showing whole, to a model that has room for them. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from lsp_server.context.names import code_names
from lsp_server.workspace.snapshot import Snapshot
from lsp_server.workspace.words import words

_QUERY_WORDS, _MATCHES = 16, 24
_IMPORTED, _IMPORTING, _NEIGHBOUR, _SIMILAR = 3.0, 1.0, 0.5, 2.0
_MOST_FILES, _MOST_NEIGHBOURS = 32, 500
_HEAD_LINES = 400  # of the current file are asked for what it is about


def related_files(snapshot: Snapshot, path: str, lines: Sequence[str]) -> list[str]:
    """Paths of other files, those that most is to be learnt from first, and at most a few dozens.

    What a file imports counts most, then what is like it, what imports it, and its neighbours.
    """
    scores: dict[str, float] = {}

    def add(other: str, score: float) -> None:
        if other != path:
            scores[other] = scores.get(other, 0.0) + score

    for imported in dict.fromkeys(it.target for it in snapshot.imports(path)):
        add(imported, _IMPORTED)
    for importing in snapshot.importers(path):
        add(importing, _IMPORTING)
    matches = snapshot.search_text(_what_it_is_about(lines), _MATCHES)
    for number, match in enumerate(matches):
        add(match.path, _SIMILAR / (1 + number))
    folder, _, name = path.rpartition("/")
    ending = name.rpartition(".")[2]
    for other in _in_folder(snapshot.paths(), folder):
        if other.endswith(f".{ending}"):
            add(other, _NEIGHBOUR)
    return sorted(scores, key=lambda it: (-scores[it], it))[:_MOST_FILES]


def _what_it_is_about(lines: Sequence[str]) -> list[str]:
    """The words that stand most often in the file's names."""
    counts: dict[str, int] = {}
    for line in lines[:_HEAD_LINES]:
        for name in code_names(line):
            for word in words(name):
                counts[word] = counts.get(word, 0) + 1
    return sorted(counts, key=lambda it: (-counts[it], it))[:_QUERY_WORDS]


def _in_folder(paths: Sequence[str], folder: str) -> list[str]:
    """Of sorted paths, those right in the folder."""
    start = f"{folder}/" if folder else ""
    first = bisect_left(paths, start)
    found = []
    for path in paths[first : first + _MOST_NEIGHBOURS]:
        if not path.startswith(start):
            break
        if "/" not in path[len(start) :]:
            found.append(path)
    return found
