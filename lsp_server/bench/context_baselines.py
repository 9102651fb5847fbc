"""The baselines: windows of lines that are like the lines before the cursor.

Jaccard's is RepoCoder's (Zhang et al., 2023): windows of 20 lines at a stride of 10, compared as
sets of tokens with the last lines before the cursor. BM25's (Robertson and Zaragoza, 2009) has the
same windows and query, as bags of code-aware words. Both have every window of every other file of
the repository, best first, and a line that overlapping windows share once.
"""

from __future__ import annotations

import heapq
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lsp_server.workspace.words import words

WINDOW_LINES = 20
STRIDE_LINES = 10
QUERY_LINES = 20
K1, B = 1.2, 0.75
_TOKEN = re.compile(r"\w+|[^\w\s]")
_BEST = 400  # windows that are looked at: far more than any budget holds


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
            tokens = set(_TOKEN.findall(f"{window.path}\n{window.text}"))
            self._sizes.append(len(tokens))
            for token in tokens:
                self._holding.setdefault(token, []).append(number)

    def rank(self, query: str, path: str) -> list[Window]:
        """The windows of other files, best first."""
        tokens = set(_TOKEN.findall(query))
        shared: Counter[int] = Counter()
        for token in tokens:
            shared.update(self._holding.get(token, ()))
        scores = {
            number: count / (len(tokens) + self._sizes[number] - count)
            for number, count in shared.items()
        }
        return _best(self._windows, scores, path)


class BM25:
    def __init__(self, windows: Sequence[Window], k1: float = K1, b: float = B) -> None:
        self._windows = windows
        self._weights: dict[str, list[tuple[int, float]]] = {}
        counts = [Counter(words(f"{window.path}\n{window.text}")) for window in windows]
        mean = sum(bag.total() for bag in counts) / max(1, len(counts))
        holding = Counter(word for bag in counts for word in bag)
        for number, bag in enumerate(counts):
            norm = k1 * (1 - b + b * bag.total() / mean)
            for word, count in bag.items():
                rare = math.log(1 + (len(counts) - holding[word] + 0.5) / (holding[word] + 0.5))
                weight = rare * count * (k1 + 1) / (count + norm)
                self._weights.setdefault(word, []).append((number, weight))

    def rank(self, query: str, path: str) -> list[Window]:
        """The windows of other files, best first."""
        scores: dict[int, float] = {}
        for word in sorted(set(words(query))):
            for number, weight in self._weights.get(word, ()):
                scores[number] = scores.get(number, 0.0) + weight
        return _best(self._windows, scores, path)


def _best(windows: Sequence[Window], scores: Mapping[int, float], path: str) -> list[Window]:
    others = (item for item in scores.items() if windows[item[0]].path != path)
    best = heapq.nsmallest(_BEST, others, key=lambda item: (-item[1], item[0]))
    return [windows[number] for number, _ in best]


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
