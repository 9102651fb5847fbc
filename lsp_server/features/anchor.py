"""Where a text was generated for, and what has been typed there since. Pure.

A document is told from another by its lines above and below the place, as hashes: a Python string
keeps its own, so that 5,000 lines cost a tenth of a millisecond.
"""

from __future__ import annotations

from dataclasses import dataclass

from lsp_server.workspace.documents import Document, Position


@dataclass(frozen=True, slots=True)
class Anchor:
    """A cursor's place in the text of a document."""

    uri: str
    line: int
    before: str  # of the line, up to the cursor
    rest: str  # of the line behind it, with its end
    above: int  # hashes of the lines above, and of those below
    below: int
    lines_below: int

    @classmethod
    def at(cls, document: Document, cursor: Position) -> Anchor:
        return cls.between(document, cursor, cursor)

    @classmethod
    def between(cls, document: Document, start: Position, end: Position) -> Anchor:
        """Of a text in a line: `typed` says what stands in its place, at first the text itself."""
        line = document.lines[start.line]
        below = document.lines[start.line + 1 :]
        return cls(
            document.uri,
            start.line,
            line[: start.column],
            line[end.column :],
            hash(tuple(document.lines[: start.line])),
            hash(tuple(below)),
            len(below),
        )

    def cursor(self, document: Document) -> Position | None:
        """Where the cursor is if all that was done since is to type at it; see `typed`."""
        line = len(document.lines) - self.lines_below - 1
        if document.uri != self.uri or line < self.line:
            return None
        if not document.lines[line].endswith(self.rest):
            return None
        return Position(line, len(document.lines[line]) - len(self.rest))

    def typed(self, document: Document, cursor: Position | None = None) -> str | None:
        """What has been typed at the place since; None where anything else is not as it was.

        With a cursor: None also where that does not stand behind what was typed.
        """
        typed = self.since(document, cursor)
        return typed if typed is not None and self.stands(document) else None

    def since(self, document: Document, cursor: Position | None = None) -> str | None:
        """As `typed`, but for the lines above and below, at which nothing is looked."""
        found = self.cursor(document)
        if found is None or cursor not in (None, found):
            return None
        lines = document.lines
        since = "".join(lines[self.line : found.line]) + lines[found.line][: found.column]
        return since[len(self.before) :] if since.startswith(self.before) else None

    def stands(self, document: Document) -> bool:
        """Whether the lines above what was typed, and those below, are as they were."""
        lines = document.lines
        below = lines[len(lines) - self.lines_below :]
        return hash(tuple(lines[: self.line])) == self.above and hash(tuple(below)) == self.below
