"""The baselines: windows of lines that are like the lines before the cursor.

Jaccard's is RepoCoder's (Zhang et al., 2023): windows of 20 lines at a stride of 10, compared as
sets of identifiers with the last lines before the cursor. BM25's (Robertson and Zaragoza, 2009) has
the same windows and query, as bags of code-aware words. Both have every window of every other file
of the repository, best first. Each is at its best on the half of the repositories that is tuned on:
a query of 10 lines and not of 5 or 20, identifiers and not all tokens, k1 of 1.2 and not of 1.5, and
a line that windows share shown once, which alone is worth a tenth.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from lsp_server.bench.context_code import IDENTIFIER
from lsp_server.workspace.words import words

WINDOW_LINES = 20
STRIDE_LINES = 10
QUERY_LINES = 10
K1, B = 1.2, 0.75
_BEST = 200  # windows that are looked at: far more than any budget holds


@dataclass(frozen=True, slots=True)
class Window:
    path: str
    start: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(self.lines)


def cut_windows(files: Mapping[str, Sequence[str]]) -> list[Window]:
    """In the order of paths and lines; none that is blank, and none within the one before it."""
    return [
        Window(path, start, lines)
        for path, of_file in sorted(files.items())
        for start in range(0, max(1, len(of_file) - WINDOW_LINES + STRIDE_LINES), STRIDE_LINES)
        if any(map(str.strip, lines := tuple(of_file[start : start + WINDOW_LINES])))
    ]


def query_text(lines: Sequence[str], line: int, column: int, count: int = QUERY_LINES) -> str:
    """The last lines before a cursor, with what there is of its own."""
    return "".join([*lines[max(0, line + 1 - count) : line], lines[line][:column]])


class Jaccard:
    def __init__(self, windows: Sequence[Window]) -> None:
        self._windows = windows
        self._holding: dict[str, list[int]] = {}
        self._sizes = []
        for number, window in enumerate(windows):
            names = set(IDENTIFIER.findall(f"{window.path}\n{window.text}"))
            self._sizes.append(len(names))
            for name in names:
                self._holding.setdefault(name, []).append(number)

    def rank(self, query: str, path: str) -> list[Window]:
        """The windows of other files, best first."""
        names = set(IDENTIFIER.findall(query))
        shared: Counter[int] = Counter()
        for name in names:
            shared.update(self._holding.get(name, ()))
        scores = [0.0] * len(self._windows)
        for number, count in shared.items():
            scores[number] = count / (len(names) + self._sizes[number] - count)
        return _best(self._windows, scores, path)


class BM25:
    def __init__(self, windows: Sequence[Window], k1: float = K1, b: float = B) -> None:
        self._windows = windows
        known: dict[tuple[str, int], list[str]] = {}
        bags = [_bag(window, known) for window in windows]
        self._weights = weigh(bags, k1, b)

    def rank(self, query: str, path: str) -> list[Window]:
        """The windows of other files, best first."""
        scores = [0.0] * len(self._windows)
        for word in sorted(set(words(query))):
            for number, weight in self._weights.get(word, ()):
                scores[number] += weight
        return _best(self._windows, scores, path)


def weigh(
    bags: Sequence[Counter[str]], k1: float = K1, b: float = B
) -> dict[str, list[tuple[int, float]]]:
    """By BM25 what each word adds to the score of each bag that has it, by the bag's number."""
    weights: dict[str, list[tuple[int, float]]] = {}
    mean = max(1, sum(bag.total() for bag in bags)) / max(1, len(bags))
    holding = Counter(word for bag in bags for word in bag)
    for number, bag in enumerate(bags):
        norm = k1 * (1 - b + b * bag.total() / mean)
        for word, count in bag.items():
            rare = math.log(1 + (len(bags) - holding[word] + 0.5) / (holding[word] + 0.5))
            weight = rare * count * (k1 + 1) / (count + norm)
            weights.setdefault(word, []).append((number, weight))
    return weights


def _bag(window: Window, known: dict[tuple[str, int], list[str]]) -> Counter[str]:
    """Its words; those of lines that windows share are `known` from the first of them."""
    bag = Counter(words(window.path))
    for below in range(0, len(window.lines), STRIDE_LINES):
        place = (window.path, window.start + below)
        if place not in known:
            known[place] = list(words("".join(window.lines[below : below + STRIDE_LINES])))
        bag.update(known[place])
    return bag


def _best(windows: Sequence[Window], scores: Sequence[float], path: str) -> list[Window]:
    """By score, and of equals the first."""
    order = sorted(range(len(windows)), key=scores.__getitem__, reverse=True)
    others = (number for number in order if scores[number] and windows[number].path != path)
    return [windows[number] for number in islice(others, _BEST)]


def without_repeats(ranked: Sequence[Window]) -> Iterator[Window]:
    """The windows less the lines that a better one shows."""
    taken: set[tuple[str, int]] = set()
    for window in ranked:
        run: list[str] = []
        run_start = window.start
        for number, line in enumerate(window.lines, window.start):
            if (window.path, number) in taken:
                if run:
                    yield Window(window.path, run_start, tuple(run))
                run = []
            else:
                taken.add((window.path, number))
                run_start = run_start if run else number
                run.append(line)
        if run:
            yield Window(window.path, run_start, tuple(run))
