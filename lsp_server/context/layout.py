"""The layout of a completion: the open files, then the current file around the cursor's lines.

The layout is what does not change while the user types; the `Tail` is the rest: the lines around
the cursor. A layout stays good for as long as only lines of the tail change and the tail is short;
then, at an epoch, a new one is laid, of which most chunks are held by the host already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inference.content import Layout, LayoutSection, TextChunk
from inference.protocol import Role, Tail
from lsp_server.context.chunks import cut, cut_from_end

# Every keystroke sends the tail. A longer one saves layouts, of about a kilobyte for a large file.
MAX_TAIL_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class ContextFile:
    """Another file that the model is shown whole."""

    path: str
    chunks: tuple[TextChunk, ...]


@dataclass(frozen=True, slots=True)
class Epoch:
    """A layout, and which lines of the current file it holds: so many at the head and the tail."""

    layout: Layout
    head_lines: int
    tail_lines: int

    def covers(self, lines: Sequence[str], cursor_line: int, head: int, tail: int) -> bool:
        """Whether it is still good with `head` and `tail` lines untouched at the two ends."""
        return (
            head >= self.head_lines
            and tail >= self.tail_lines
            and self.head_lines <= cursor_line < len(lines) - self.tail_lines
            and _length(lines, self.head_lines, cursor_line) <= MAX_TAIL_CHARACTERS
            and _length(lines, cursor_line + 1, len(lines) - self.tail_lines) <= MAX_TAIL_CHARACTERS
        )

    def tail(self, lines: Sequence[str], cursor_line: int, column: int) -> Tail:
        line = lines[cursor_line]
        before = lines[self.head_lines : cursor_line]
        after = lines[cursor_line + 1 : len(lines) - self.tail_lines]
        return Tail("".join([*before, line[:column]]), "".join([line[column:], *after]))


def lay(path: str, lines: Sequence[str], cursor_line: int, others: Sequence[ContextFile]) -> Epoch:
    """A new layout for a cursor in that line of the current file; `others` go first, as they come.

    The current file's suffix stands before its prefix: so typing appends to what comes last.
    """
    head = _nonblank_at_or_before(lines, cursor_line)
    first_of_tail = _nonblank_at_or_after(lines, cursor_line + 1)
    sections = [LayoutSection(Role.CONTEXT, other.path, other.chunks) for other in others]
    sections.append(LayoutSection(Role.SUFFIX, path, tuple(cut_from_end(lines[first_of_tail:]))))
    sections.append(LayoutSection(Role.PREFIX, path, tuple(cut(lines[:head]))))
    return Epoch(Layout.of(sections), head, len(lines) - first_of_tail)


def _nonblank_at_or_before(lines: Sequence[str], number: int) -> int:
    """Where the prefix ends: a chunk's border stands before a line that is not blank."""
    while number > 0 and not lines[number].strip():
        number -= 1
    return number


def _nonblank_at_or_after(lines: Sequence[str], number: int) -> int:
    while number < len(lines) and not lines[number].strip():
        number += 1
    return number


def _length(lines: Sequence[str], start: int, end: int) -> int:
    return sum(map(len, lines[start:end]))
