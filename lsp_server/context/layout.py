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
from lsp_server.context.window import WHOLE, Room, Window, length, window

# Every keystroke sends the tail. A longer one saves layouts, of about a kilobyte for a large file.
MAX_TAIL_CHARACTERS = 400
_SUFFIX_SHARE = 4  # of a tail that is cut, the suffix has one part in so many


@dataclass(frozen=True, slots=True)
class ContextFile:
    """Another file, or its beginning, as the model is shown it."""

    path: str
    chunks: tuple[TextChunk, ...]

    @property
    def characters(self) -> int:
        return sum(len(chunk.text) for chunk in self.chunks)

    @property
    def section(self) -> LayoutSection:
        return LayoutSection(Role.CONTEXT, self.path, self.chunks)

    @property
    def reference(self) -> LayoutSection:
        """For an engine to search, and no model to be shown."""
        return LayoutSection(Role.REFERENCE, self.path, self.chunks)


@dataclass(frozen=True, slots=True)
class TailRoom:
    """What a tail may have, in characters, where the model's context is bounded."""

    characters: int
    line_characters: int  # of that, the cursor's line
    side_characters: int  # and the lines before it, and those behind it


@dataclass(frozen=True, slots=True)
class Epoch:
    """A layout, and which lines of the current file it holds: so many at the head and the tail.

    Of these `window` may hide those that are furthest from the cursor.
    """

    layout: Layout
    head_lines: int
    tail_lines: int
    window: Window = WHOLE
    tail_room: TailRoom | None = None

    def covers(self, lines: Sequence[str], cursor_line: int, head: int, tail: int) -> bool:
        """Whether it is still good with `head` and `tail` lines untouched at the two ends."""
        side, line = MAX_TAIL_CHARACTERS, None
        if self.tail_room is not None:
            side, line = self.tail_room.side_characters, self.tail_room.line_characters
        return (
            head >= self.head_lines
            and tail >= self.tail_lines
            and self.head_lines <= cursor_line < len(lines) - self.tail_lines
            and length(lines, self.head_lines, cursor_line) <= side
            and length(lines, cursor_line + 1, len(lines) - self.tail_lines) <= side
            and (line is None or len(lines[cursor_line]) <= line)
        )

    def tail(self, lines: Sequence[str], cursor_line: int, column: int) -> Tail:
        """The lines around the cursor; of a line that is longer than there is room, what is near."""
        line = lines[cursor_line]
        before = "".join([*lines[self.head_lines : cursor_line], line[:column]])
        after = "".join(
            [line[column:], *lines[cursor_line + 1 : len(lines) - self.tail_lines]],
        )
        if self.tail_room is not None and len(before) + len(after) > self.tail_room.characters:
            room = self.tail_room.characters
            after = after[: max(room // _SUFFIX_SHARE, room - len(before))]
            before = before[max(0, len(before) + len(after) - room) :]
        return Tail(before, after)


def lay(
    path: str,
    lines: Sequence[str],
    cursor_line: int,
    others: Sequence[ContextFile],
    *,
    room: Room | None = None,
    tail_room: TailRoom | None = None,
    previous: Window = WHOLE,
    references: Sequence[ContextFile] | None = None,
) -> Epoch:
    """A new layout for a cursor in that line of the current file; `others` go first, as they come.

    The current file's suffix stands before its prefix: so typing appends to what comes last. With a
    `room` only so much of the file is shown, `previous` as in `window`. With `references` these and
    what is not shown of the current file stand last, for an engine that searches them.
    """
    head = _nonblank_at_or_before(lines, cursor_line)
    behind = _nonblank_at_or_after(lines, cursor_line + 1)
    seen = window(lines, head, behind, room, previous) if room is not None else WHOLE
    prefix = lines[seen.hidden_head : head]
    suffix = lines[behind : len(lines) - seen.hidden_tail]
    sections = [other.section for other in others]
    sections.append(LayoutSection(Role.SUFFIX, path, tuple(cut_from_end(suffix))))
    sections.append(LayoutSection(Role.PREFIX, path, tuple(cut(prefix))))
    if references is not None:
        hidden = _hidden(path, lines, seen)
        sections += (it.reference for it in (*references, *hidden))
    return Epoch(Layout.of(sections), head, len(lines) - behind, seen, tail_room)


def lay_without_cursor(
    path: str, others: Sequence[ContextFile], references: Sequence[ContextFile] = ()
) -> Layout:
    """What every layout of that file has in common, wherever the cursor will be."""
    return Layout.of(
        [
            *(other.section for other in others),
            LayoutSection(Role.PREFIX, path, ()),
            *(other.reference for other in references),
        ]
    )


def _hidden(path: str, lines: Sequence[str], seen: Window) -> list[ContextFile]:
    """What a window leaves out at the file's two ends, where it does."""
    end = len(lines) - seen.hidden_tail
    ends = (cut(lines[: seen.hidden_head]), cut_from_end(lines[end:]))
    return [ContextFile(path, tuple(chunks)) for chunks in ends if chunks]


def _nonblank_at_or_before(lines: Sequence[str], number: int) -> int:
    """Where the prefix ends: a chunk's border stands before a line that is not blank."""
    while number > 0 and not lines[number].strip():
        number -= 1
    return number


def _nonblank_at_or_after(lines: Sequence[str], number: int) -> int:
    while number < len(lines) and not lines[number].strip():
        number += 1
    return number
