"""Which lines of the current file a model is shown, where its context does not hold all of them.

The lines next to the cursor are shown. An engine computes anew what follows the first difference to
the prompt before, so the borders stay where they are for as long as they can: they move by a part of
the window at a time, and then to a border that the text decides, not the cursor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lsp_server.context.chunks import borders

_PREFIX_SHARE = 0.75
# A window that is laid anew leaves room to type; one that is kept holds at least the half.
_FILLED = 0.85
_LEAST_FILLED = 0.5
# A chunk's border that leaves more than the rest of this empty is no place to cut.
_WELL_FILLED = 0.75


@dataclass(frozen=True, slots=True)
class Window:
    """All lines but so many at the file's two ends."""

    hidden_head: int = 0
    hidden_tail: int = 0


WHOLE = Window()


@dataclass(frozen=True, slots=True)
class Room:
    """What of the current file fits, in characters."""

    characters: int
    suffix_characters: int | None = None  # how many of them may stand behind the cursor at most


def window(
    lines: Sequence[str], head: int, behind: int, room: Room, previous: Window = WHOLE
) -> Window:
    """What of `lines[:head]` and `lines[behind:]` is shown in that room.

    `previous` is the window of the layout before, where the lines that it hides are the same still.
    """
    prefix, suffix = length(lines, 0, head), length(lines, behind, len(lines))
    suffix_room = max(int(room.characters * (1 - _PREFIX_SHARE)), room.characters - prefix)
    if room.suffix_characters is not None:
        suffix_room = min(suffix_room, room.suffix_characters)
    prefix_room = room.characters - min(suffix, suffix_room)
    hidden_head = hidden_tail = 0
    if prefix > prefix_room:
        hidden_head = _first_shown(lines[:head], prefix_room, previous.hidden_head)
    if suffix > suffix_room:
        before = len(lines) - behind - previous.hidden_tail
        shown = _count_shown(lines[behind:], suffix_room, before if previous.hidden_tail else 0)
        hidden_tail = len(lines) - behind - shown
    return Window(hidden_head, hidden_tail)


def length(lines: Sequence[str], start: int, end: int) -> int:
    """Characters of `lines[start:end]`."""
    return sum(map(len, lines[start:end]))


def _first_shown(lines: Sequence[str], room: int, before: int) -> int:
    """The line from which the last of `lines` are shown; they do not all fit."""
    if 0 < before < len(lines) and _suits(length(lines, before, len(lines)), room):
        return before
    aim = int(room * _FILLED)
    size = length(lines, 0, len(lines))
    at = 0
    for border in borders(lines):
        size -= length(lines, at, border)
        at = border
        if size <= aim:
            break
    if aim * _WELL_FILLED <= size <= aim:
        return at
    # The chunks are large for the room: one is cut at a line.
    first, size = len(lines), 0
    while first > 0 and size + len(lines[first - 1]) <= aim:
        first -= 1
        size += len(lines[first])
    while first < len(lines) and not lines[first].strip():
        first += 1
    return first


def _count_shown(lines: Sequence[str], room: int, before: int) -> int:
    """How many of the first lines are shown; they do not all fit."""
    if 0 < before < len(lines) and _suits(length(lines, 0, before), room):
        return before
    shown = size = 0
    at = 0
    for border in borders(lines):
        size += length(lines, at, border)
        at = border
        if size > room:
            break
        shown = border
    if length(lines, 0, shown) >= room * _WELL_FILLED:
        return shown
    count = size = 0
    while count < len(lines) and size + len(lines[count]) <= room:
        size += len(lines[count])
        count += 1
    return count


def _suits(size: int, room: int) -> bool:
    return room * _LEAST_FILLED <= size <= room
