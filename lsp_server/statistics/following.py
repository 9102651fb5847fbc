"""Texts that were accepted, followed through the edits that come after. Pure.

A region says where a text would be by now. Where edits cut into it, it is what lies between what is
left of its ends; what of the text still stands there is found by comparing, so that who undoes and
redoes, or has the code formatted, has lost nothing.
"""

from __future__ import annotations

import difflib
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lsp_server.statistics.tally import Count, Key
from lsp_server.workspace.documents import Edit, Position

MAX_FOLLOWED = 100
_LOOKS = (
    (30.0, Count.LOOKED_FOR_30_S, Count.KEPT_30_S),
    (300.0, Count.LOOKED_FOR_5_MIN, Count.KEPT_5_MIN),
)
_PIECES = re.compile(r"\w+|[^\w\s]")
_LONGEST_REGION = 4  # times the text: what was put into it is no part of it


@dataclass(frozen=True, slots=True)
class Look:
    """How many characters were looked for, blanks left out, and how many stood there."""

    key: Key
    looked_for: Count
    kept: Count
    characters: int
    kept_characters: int


@dataclass(slots=True)
class _Followed:
    uri: str
    start: Position
    end: Position
    text: str
    key: Key
    accepted_at: float
    looks: deque[tuple[float, Count, Count]] = field(default_factory=lambda: deque(_LOOKS))


class Following:
    """`clock` gives seconds; `read` the text between two positions, None where it is closed."""

    def __init__(
        self,
        clock: Callable[[], float],
        read: Callable[[str, Position, Position], str | None],
    ) -> None:
        self._clock = clock
        self._read = read
        self._followed: deque[_Followed] = deque(maxlen=MAX_FOLLOWED)

    def accepted(self, uri: str, start: Position, text: str, key: Key) -> None:
        """The text stands there now."""
        end = Edit(start, start, text).caret
        self._followed.append(_Followed(uri, start, end, text, key, self._clock()))

    def due(self) -> Iterator[Look]:
        """The looks whose time has come.

        They see the documents as they are: who asks before each edit misses none.
        """
        now = self._clock()
        for it in list(self._followed):
            while it.looks and it.looks[0][0] <= now - it.accepted_at:
                _, looked_for, kept = it.looks.popleft()
                standing = self._read(it.uri, it.start, it.end)
                if standing is not None:
                    pieces = _PIECES.findall(it.text)
                    total = sum(map(len, pieces))
                    yield Look(it.key, looked_for, kept, total, _kept(pieces, standing, it.text))
            if not it.looks:
                self._followed.remove(it)

    def edited(self, uri: str, edit: Edit) -> None:
        """The document is about to be edited so."""
        for it in self._followed:
            if it.uri == uri:
                it.start, it.end = _moved(it.start, it.end, edit)

    def forget(self, uri: str) -> None:
        """The document was closed or replaced as a whole: nobody knows what became of a text."""
        for it in [it for it in self._followed if it.uri == uri]:
            self._followed.remove(it)


def _moved(start: Position, end: Position, edit: Edit) -> tuple[Position, Position]:
    """A region behind an edit. What is put at one of its ends is outside, but for an empty one."""
    if start == end and edit.start == edit.end == start:
        return start, edit.caret
    if edit.end <= start:
        start = _behind(start, edit)
    elif edit.start < start:
        start = edit.start
    if edit.end <= end and not edit.start == edit.end == end:
        end = _behind(end, edit)
    elif edit.start < end:
        end = edit.start
    return start, max(start, end)


def _behind(position: Position, edit: Edit) -> Position:
    caret = edit.caret
    line = position.line - edit.end.line + caret.line
    if position.line > edit.end.line:
        return Position(line, position.column)
    return Position(line, position.column - edit.end.column + caret.column)


def _kept(pieces: list[str], standing: str, text: str) -> int:
    """Characters of the pieces that stand there, in their order."""
    there = _PIECES.findall(standing[: _LONGEST_REGION * len(text)])
    matcher = difflib.SequenceMatcher(None, pieces, there, autojunk=False)
    return sum(
        len(piece)
        for block in matcher.get_matching_blocks()
        for piece in pieces[block.a : block.a + block.size]
    )
