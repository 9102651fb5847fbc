r"""The documents that are open in the editor, as it last described them.

A document is a list of lines that end where the language server protocol says they end: at `\n`,
`\r\n` or `\r`, and nowhere else. An edit costs what it touches, whatever the size of the file.
Positions are (line, column) in code points; what lies outside is moved to the nearest place inside.

Invariants
- `"".join(document.lines)` is the text; the last line is the one without an ending, maybe empty.
- `untouched_head` and `untouched_tail` count the lines at both ends that no edit has touched since
  `mark` was last called.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import StringIO

MAX_DOCUMENT_CHARACTERS = 4 * 1024 * 1024
MAX_LINE_CHARACTERS = 20_000
# The scheme of a notebook's cells: each is a document of its own, with the notebook's path.
NOTEBOOK_CELL = "vscode-notebook-cell"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a document: line and column from 0, the column in code points."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Edit:
    """Replaces what lies between two positions."""

    start: Position
    end: Position
    text: str

    @property
    def caret(self) -> Position:
        """Where the cursor of somebody who typed it stands."""
        *ended, rest = split_lines(self.text)
        if not ended:
            return Position(self.start.line, self.start.column + len(rest))
        return Position(self.start.line + len(ended), len(rest))


class Document:
    """One open document. `problem` says why it cannot be completed in, or is empty."""

    def __init__(self, uri: str, language: str, version: int, text: str) -> None:
        self.uri = uri
        self.language = language
        self.version = version
        self.replace(text)

    @property
    def text(self) -> str:
        return "".join(self.lines)

    @property
    def is_cell(self) -> bool:
        """Whether it is a part of a notebook, where other cells define names as well."""
        return self.uri.startswith(f"{NOTEBOOK_CELL}:")

    def replace(self, text: str) -> None:
        """Takes a whole new text. One that is too large is not kept, until it is replaced again."""
        self.lines = split_lines(text) if len(text) <= MAX_DOCUMENT_CHARACTERS else []
        self.character_count = len(text)
        self.problem = self._find_problem(self.lines)
        self._untouch(0, 0)

    def apply(self, edit: Edit) -> None:
        """Makes one edit. Does nothing to a document whose text is not kept."""
        if not self.lines:
            return
        start, end = sorted((self._inside(edit.start), self._inside(edit.end)))
        first, last = start.line, end.line
        merged = self.lines[first][: start.column] + edit.text + self.lines[last][end.column :]
        # A carriage return and a line feed that an edit brings together are one line ending.
        if first > 0 and merged.startswith("\n") and self.lines[first - 1].endswith("\r"):
            first -= 1
            merged = self.lines[first] + merged
        new = split_lines(merged)
        if last < len(self.lines) - 1:
            new.pop()  # the empty rest behind the line ending, which the next line stands for
        before = self.lines[first : last + 1]
        self.lines[first : last + 1] = new
        self.character_count += len(merged) - sum(map(len, before))
        self._untouch(first, len(self.lines) - first - len(new))
        # While there is a problem the edit may have mended it; otherwise only new lines can be one.
        self.problem = self._find_problem(self.lines if self.problem else new)

    def mark(self) -> None:
        """From here on, `untouched_head` and `untouched_tail` count anew."""
        self.untouched_head = self.untouched_tail = len(self.lines)

    def contains(self, position: Position) -> bool:
        return 0 <= position.line < len(self.lines) and 0 <= position.column <= line_length(
            self.lines[position.line]
        )

    def _inside(self, position: Position) -> Position:
        if position.line >= len(self.lines):
            return Position(len(self.lines) - 1, len(self.lines[-1]))
        line = max(position.line, 0)
        return Position(line, min(max(position.column, 0), line_length(self.lines[line])))

    def _untouch(self, head: int, tail: int) -> None:
        self.untouched_head = min(getattr(self, "untouched_head", head), head)
        self.untouched_tail = min(getattr(self, "untouched_tail", tail), tail)

    def _find_problem(self, changed: Iterable[str]) -> str:
        if self.character_count > MAX_DOCUMENT_CHARACTERS:
            return f"the file is larger than {MAX_DOCUMENT_CHARACTERS // 1024 // 1024} MiB"
        for line in changed:
            if len(line) > MAX_LINE_CHARACTERS:
                return f"the file has a line of more than {MAX_LINE_CHARACTERS} characters"
            if not line.isascii() and not _is_text(line):
                return "the file holds characters that UTF-8 cannot express"
        return ""


class Documents:
    """All open documents, by URI, in the order in which they were opened."""

    def __init__(self) -> None:
        self._documents: dict[str, Document] = {}

    def __iter__(self) -> Iterator[Document]:
        return iter(self._documents.values())

    def open(self, uri: str, language: str, version: int, text: str) -> Document:
        document = self._documents[uri] = Document(uri, language, version, text)
        return document

    def get(self, uri: str) -> Document | None:
        return self._documents.get(uri)

    def close(self, uri: str) -> None:
        self._documents.pop(uri, None)


def split_lines(text: str) -> list[str]:
    """Lines with their endings, and last the text behind the last ending, maybe empty."""
    lines = StringIO(text, newline="").readlines()  # in half the time of a pattern
    if not lines or lines[-1][-1] in "\r\n":
        lines.append("")
    return lines


def line_length(line: str) -> int:
    """The length of a line in code points, its ending left out."""
    return len(line.rstrip("\r\n"))


def _is_text(line: str) -> bool:
    try:
        line.encode()
    except UnicodeEncodeError:  # a lone surrogate: half of a character
        return False
    return True
