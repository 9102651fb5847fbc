r"""A change to a text as hunks, of which any may be refused.

Hunks are found by lines, which end as the editor has them (`\n`, `\r\n`, `\r`), and then narrowed to
the characters that differ. They lie apart from each other, so that it does not matter in which order
they are applied. All of them make the text behind the change, none of them the one before.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from lsp_server.edits.whole_word import whole_word
from lsp_server.workspace.documents import split_lines

_WORD = re.compile(r"\w")

# Lines that come and go, up to which the shortest way from text to text is looked for.
_MAX_SHORTEST = 400


@dataclass(frozen=True, slots=True, order=True)
class Hunk:
    """Puts `new` in the place of `old`, which stands at an offset, in code points, of the text."""

    start: int
    old: str
    new: str

    @property
    def end(self) -> int:
        return self.start + len(self.old)


class HunkRefused(ValueError):
    """A hunk does not fit the text, or the hunks before it."""

    def __init__(self, hunk: Hunk, reason: str) -> None:
        super().__init__(f"the change at character {hunk.start} {reason}")
        self.hunk = hunk


def find_hunks(before: str, after: str) -> tuple[Hunk, ...]:
    """The hunks that lead from one text to the other, in order; none of them touches the next.

    Of up to `_MAX_SHORTEST` changed lines they are the fewest lines that there can be, of more they
    are few. Lines without a letter or digit between two hunks are taken into them: that they are the
    same means nothing.
    """
    old, new = split_lines(before), split_lines(after)
    starts = [0, *accumulate(map(len, old))]
    hunks = []
    for first, last, new_first, new_last in _join(_compare(old, new), old):
        hunk = _narrow(starts[first], "".join(old[first:last]), "".join(new[new_first:new_last]))
        if hunk.old != hunk.new:
            hunks.append(hunk)
    return tuple(hunks)


def find_renamed(before: str, after: str, old: str, new: str) -> tuple[Hunk, ...]:
    """The hunks of a rename, one for each place, where nothing but whole words differ."""
    hunks = []
    shift = 0
    for match in whole_word(old).finditer(before):
        start = match.start() + shift
        end = start + len(new)
        if after[start:end] == new and not _WORD.match(after, end):
            hunks.append(Hunk(match.start(), old, new))
            shift += len(new) - len(old)
    return tuple(hunks)


def apply_hunks(before: str, hunks: Iterable[Hunk]) -> str:
    """The text with some hunks applied, in whatever order they come.

    Raises `HunkRefused` for one that does not stand in the text, or that meets another.
    """
    pieces: list[str] = []
    done = 0
    previous: Hunk | None = None
    for hunk in sorted(hunks):
        if before[hunk.start : hunk.end] != hunk.old or not 0 <= hunk.start <= len(before):
            raise HunkRefused(hunk, "does not fit: the text there is another one")
        if hunk.start < done or (previous is not None and hunk.start == previous.start):
            raise HunkRefused(hunk, "meets another change")
        pieces += before[done : hunk.start], hunk.new
        done = hunk.end
        previous = hunk
    return "".join([*pieces, before[done:]])


# Where lines differ: from and to in the one text, from and to in the other.
_Stretch = tuple[int, int, int, int]


def _compare(old: Sequence[str], new: Sequence[str]) -> list[_Stretch]:
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    rest = shorter - head
    tail = next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)
    inner = old[head : len(old) - tail], new[head : len(new) - tail]
    found = _find_shortest(*inner) if all(inner) else [(0, len(inner[0]), 0, len(inner[1]))]
    if found is None:
        is_long = len(inner[0]) > _MAX_SHORTEST
        matcher = difflib.SequenceMatcher(None, *inner, autojunk=is_long)
        found = [opcode[1:] for opcode in matcher.get_opcodes() if opcode[0] != "equal"]
    return [(a + head, b + head, c + head, d + head) for a, b, c, d in found]


def _find_shortest(old: Sequence[str], new: Sequence[str]) -> list[_Stretch] | None:
    """The shortest way by Myers, An O(ND) Difference Algorithm (1986); None if it is too long."""
    furthest = {1: 0}  # by diagonal: how far in the old lines
    trace: list[dict[int, int]] = []
    for count in range(min(len(old) + len(new), _MAX_SHORTEST) + 1):
        trace.append(furthest.copy())
        for diagonal in range(-count, count + 1, 2):
            at = _step(furthest, diagonal, count)
            while at < len(old) and at - diagonal < len(new) and old[at] == new[at - diagonal]:
                at += 1
            furthest[diagonal] = at
            if at >= len(old) and at - diagonal >= len(new):
                return _walk_back(trace, len(old), len(new))
    return None


def _step(furthest: dict[int, int], diagonal: int, count: int) -> int:
    """From where a diagonal is gone on: a line of the new text more, or one of the old less."""
    if diagonal == -count:
        return furthest[diagonal + 1]
    if diagonal == count or furthest[diagonal - 1] >= furthest[diagonal + 1]:
        return furthest[diagonal - 1] + 1
    return furthest[diagonal + 1]


def _walk_back(trace: list[dict[int, int]], old: int, new: int) -> list[_Stretch]:
    stretches: list[_Stretch] = []
    for count in range(len(trace) - 1, 0, -1):
        diagonal = old - new
        furthest = trace[count]
        is_added = diagonal == -count or (
            diagonal != count and furthest[diagonal - 1] < furthest[diagonal + 1]
        )
        before = furthest[diagonal + 1] if is_added else furthest[diagonal - 1]
        new_before = before - (diagonal + 1 if is_added else diagonal - 1)
        step = (before, before + (not is_added), new_before, new_before + is_added)
        if stretches and stretches[-1][0] == step[1] and stretches[-1][2] == step[3]:
            step = (step[0], stretches[-1][1], step[2], stretches[-1][3])
            stretches.pop()
        stretches.append(step)
        old, new = before, new_before
    return stretches[::-1]


def _join(stretches: Iterable[_Stretch], old: Sequence[str]) -> list[_Stretch]:
    joined: list[_Stretch] = []
    for stretch in stretches:
        between = old[joined[-1][1] : stretch[0]] if joined else ()
        if joined and not any(map(str.isalnum, "".join(between))):
            first, _, new_first, _ = joined.pop()
            joined.append((first, stretch[1], new_first, stretch[3]))
        else:
            joined.append(stretch)
    return joined


def _narrow(start: int, old: str, new: str) -> Hunk:
    """A hunk without what both texts begin and end with. A line ending is never parted."""
    limit = min(len(old), len(new))
    head = next((at for at in range(limit) if old[at] != new[at]), limit)
    while _parts_line_ending(old, head) or _parts_line_ending(new, head):
        head -= 1
    limit -= head
    tail = next((at for at in range(limit) if old[-1 - at] != new[-1 - at]), limit)
    while tail and (
        _parts_line_ending(old, len(old) - tail) or _parts_line_ending(new, len(new) - tail)
    ):
        tail -= 1
    return Hunk(start + head, old[head : len(old) - tail], new[head : len(new) - tail])


def _parts_line_ending(text: str, at: int) -> bool:
    return 0 < at <= len(text) and text[at - 1] == "\r" and text[at : at + 1] == "\n"
