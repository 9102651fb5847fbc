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
from dataclasses import dataclass

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
    heap = choice.best(_MAX_CANDIDATES)
    left = budget_tokens
    while heap and left > 0:
        _, key = heapq.heappop(heap)
        entry = choice.entry(key)
        gain = choice.gain(entry)
        if gain <= 0:
            break
        if heap and gain < -heap[0][0]:
            heapq.heappush(heap, (-gain, key))
            continue
        left -= choice.take(entry, left)
    for match in evidence.similar:
        for line in range(match.start_line, match.end_line if left > _LEAST_LEFT else 0):
            similar = evidence.candidates.get((match.path, line))
            if similar is not None and similar.text.strip():
                left -= choice.take(choice.entry((match.path, line)), left)
    return choice.taken


@dataclass(slots=True)
class _Entry:
    """A candidate, with what is the same of it whatever is taken before it."""

    candidate: Candidate
    needed: frozenset[str]  # of its names
    tokens: int
    head: _Entry | None
    is_taken: bool = False


class _Choice:
    def __init__(
        self, evidence: Evidence, visible: AbstractSet[str], count: Callable[[str], int]
    ) -> None:
        self.taken: list[Candidate] = []
        self._candidates = evidence.candidates
        self._need = {
            name: need * (_VISIBLE if name in visible else 1.0)
            for name, need in evidence.need.items()
        }
        self._count = count
        self._entries: dict[tuple[str, int], _Entry] = {}
        self._path_tokens: dict[str, int] = {}  # and none of one that something is taken of
        self._wanted = frozenset(self._need)
        self._shown: set[str] = set()

    def best(self, most: int) -> list[tuple[float, tuple[str, int]]]:
        """What adds most by itself, as (negative gain, key) and in that order."""
        gains = [
            (-self.gain(self.entry(key)), key)
            for key, it in self._candidates.items()
            if (it.worth or not self._wanted.isdisjoint(it.names)) and it.text.strip()
        ]
        gains.sort()
        return gains[:most]

    def entry(self, key: tuple[str, int]) -> _Entry:
        found = self._entries.get(key)
        if found is None:
            candidate = self._candidates[key]
            parent = candidate.parent
            found = self._entries[key] = _Entry(
                candidate,
                candidate.names & self._wanted,
                max(1, self._count(f"{candidate.text}\n")),
                self.entry((parent.path, parent.line)) if parent is not None else None,
            )
        return found

    def gain(self, entry: _Entry) -> float:
        """What an entry adds, for each token that it costs."""
        worth = entry.candidate.worth
        if not entry.needed and not worth:
            return 0.0
        # Names come in no order, and a plain sum would depend on it.
        return (worth + math.fsum(map(self._need.__getitem__, entry.needed))) / self.cost(entry)

    def cost(self, entry: _Entry) -> int:
        cost = entry.tokens
        head = entry.head
        if head is not None and not head.is_taken:
            cost += head.tokens
        path = entry.candidate.path
        path_tokens = self._path_tokens.get(path)
        if path_tokens is None:
            path_tokens = self._path_tokens[path] = self._count(path) + FILE_FORMAT_TOKENS
        return cost + path_tokens

    def take(self, entry: _Entry, left: int) -> int:
        """Takes it if it fits and is not taken yet; what that costs."""
        if entry.is_taken or (cost := self.cost(entry)) > left:
            return 0
        for it in (entry.head, entry):
            if it is not None and not it.is_taken:
                it.is_taken = True
                self.taken.append(it.candidate)
                for name in it.needed - self._shown:
                    self._need[name] *= _SHOWN_AGAIN
                self._shown |= it.candidate.names
        self._path_tokens[entry.candidate.path] = 0
        return cost
