"""Chooses the lines that show most of what is needed in the room there is. Pure.

Maximum coverage within a budget: the line that adds most for each of its tokens is taken, then the
next, where a name that is shown already adds little more. The greedy choice is within a constant
factor of the best one (Khuller, Moss and Naor, 1999: The budgeted maximum coverage problem).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from lsp_server.context.budget import FILE_FORMAT_TOKENS
from lsp_server.context.evidence import Candidate, Evidence

# What a name is still worth that was shown already, and one that the current file shows itself.
_SHOWN_AGAIN, _VISIBLE = 0.1, 0.02
_MAX_CANDIDATES = 400
_LEAST_LEFT = 8  # tokens that a line could fill


def choose(
    evidence: Evidence, visible: AbstractSet[str], budget_tokens: int, count: Callable[[str], int]
) -> list[Candidate]:
    """The chosen candidates, with the heads of their classes, in no order.

    Room that no needed name fills goes to the code that is most like what is near the cursor.
    """
    choice = _Choice(evidence, visible, count)
    heap = [
        (-choice.gain(candidate), key)
        for key, candidate in evidence.candidates.items()
        if candidate.text.strip()
    ]
    heap = heapq.nsmallest(_MAX_CANDIDATES, heap)
    left = budget_tokens
    while heap and left > 0:
        _, key = heapq.heappop(heap)
        candidate = evidence.candidates[key]
        gain = choice.gain(candidate)
        if gain <= 0:
            break
        if heap and gain < -heap[0][0]:
            heapq.heappush(heap, (-gain, key))
            continue
        left -= choice.take(candidate, left)
    for match in evidence.similar:
        for line in range(match.start_line, match.end_line if left > _LEAST_LEFT else 0):
            similar = evidence.candidates.get((match.path, line))
            if similar is not None and similar.text.strip():
                left -= choice.take(similar, left)
    return list(choice.taken.values())


class _Choice:
    def __init__(
        self, evidence: Evidence, visible: AbstractSet[str], count: Callable[[str], int]
    ) -> None:
        self.taken: dict[tuple[str, int], Candidate] = {}
        self._need = {
            name: need * (_VISIBLE if name in visible else 1.0)
            for name, need in evidence.need.items()
        }
        self._count = count
        self._counts: dict[tuple[str, int], int] = {}
        self._path_counts: dict[str, int] = {}
        self._needed: dict[tuple[str, int], frozenset[str]] = {}  # of each candidate's names
        self._wanted = frozenset(self._need)
        self._shown: set[str] = set()
        self._paths: set[str] = set()

    def gain(self, candidate: Candidate) -> float:
        """What a candidate adds, for each token that it costs."""
        key = (candidate.path, candidate.line)
        needed = self._needed.get(key)
        if needed is None:
            needed = self._needed[key] = candidate.names & self._wanted
        if not needed and not candidate.worth:
            return 0.0
        # Names come in no order, and a plain sum would depend on it.
        gain = candidate.worth + math.fsum(map(self._need.__getitem__, needed))
        return gain / self.cost(candidate)

    def cost(self, candidate: Candidate) -> int:
        cost = self._tokens(candidate)
        parent = candidate.parent
        if parent is not None and (parent.path, parent.line) not in self.taken:
            cost += self._tokens(parent)
        if candidate.path not in self._paths:
            cost += self._path_tokens(candidate.path)
        return cost

    def take(self, candidate: Candidate, left: int) -> int:
        """Takes it if it fits and is not taken yet; what that costs."""
        cost = self.cost(candidate)
        if cost > left or (candidate.path, candidate.line) in self.taken:
            return 0
        for it in (candidate.parent, candidate):
            if it is not None:
                self.taken[it.path, it.line] = it
                for name in (it.names & self._wanted) - self._shown:
                    self._need[name] *= _SHOWN_AGAIN
                self._shown |= it.names
        self._paths.add(candidate.path)
        return cost

    def _path_tokens(self, path: str) -> int:
        if path not in self._path_counts:
            self._path_counts[path] = self._count(path) + FILE_FORMAT_TOKENS
        return self._path_counts[path]

    def _tokens(self, candidate: Candidate) -> int:
        key = (candidate.path, candidate.line)
        if key not in self._counts:
            self._counts[key] = max(1, self._count(f"{candidate.text}\n"))
        return self._counts[key]
