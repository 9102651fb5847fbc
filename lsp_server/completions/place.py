"""Where a completion would stand: the lines around the cursor, as they are read by what follows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lsp_server.workspace.documents import Document, Edit, Position, line_length

MAX_LINES = 400  # before the cursor, and behind it: as many as a block is judged by


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Lines with their ends; the last before and the first behind are parts of the cursor's own.

    `before` ends with the line up to the cursor, `behind` begins with what stands behind it there.
    """

    language: str
    before: Sequence[str]
    behind: Sequence[str]

    @property
    def own(self) -> str:
        """The line up to the cursor."""
        return self.before[-1]

    @property
    def rest(self) -> str:
        """The line from the cursor to its end, without what ends it."""
        return self.behind[0][: line_length(self.behind[0])]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a completion is asked for, in the document as it is then.

    `selected` is what the suggestion widget's selected entry would do; nothing where there is none.
    """

    document: Document
    version: int
    cursor: Position
    selected: Edit
    around: Surroundings  # as if that had been done

    @classmethod
    def of(cls, document: Document, cursor: Position, selected: Edit | None) -> Place:
        if selected is None or not _is_at(cursor, selected, document):
            selected = Edit(cursor, cursor, "")
        around = _surroundings(document, selected)
        return cls(document, document.version, cursor, selected, around)

    @property
    def has_selected(self) -> bool:
        return self.selected != Edit(self.cursor, self.cursor, "")


def _surroundings(document: Document, selected: Edit) -> Surroundings:
    lines, start, end = document.lines, selected.start, selected.end
    own = lines[start.line][: start.column] + selected.text
    return Surroundings(
        document.language,
        [*lines[max(0, start.line - MAX_LINES) : start.line], own],
        [lines[end.line][end.column :], *lines[end.line + 1 : end.line + 1 + MAX_LINES]],
    )


def _is_at(cursor: Position, selected: Edit, document: Document) -> bool:
    """Whether it replaces text around the cursor, in its line; another is no use."""
    return (
        selected.start.line == cursor.line == selected.end.line
        and selected.start <= cursor <= selected.end
        and document.contains(selected.end)
    )


def is_within_word(document: Document, cursor: Position) -> bool:
    around = document.lines[cursor.line][max(0, cursor.column - 1) : cursor.column + 1]
    return cursor.column > 0 and len(around) == len("xx") and all(map(_is_of_word, around))


def _is_of_word(character: str) -> bool:
    return character.isalnum() or character == "_"
