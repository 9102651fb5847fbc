r"""A Python source with its tree: nodes as offsets into the text, and edits by offsets. Pure.

Line ends are `\n` here: who reads a file with others converts them, there and back.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

from lsp_server.refactor.refusal import RefactorRefused


@dataclass(frozen=True, slots=True, order=True)
class TextEdit:
    """Puts `new` in the place of what stands between two offsets."""

    start: int
    end: int
    new: str


class Located(Protocol):
    """A node of a tree that says where it stands."""

    lineno: int
    col_offset: int
    end_lineno: int | None
    end_col_offset: int | None


class Source:
    """Raises `RefactorRefused` where the text is no Python."""

    def __init__(self, text: str, path: str = "the file") -> None:
        self.text = text
        self.path = path
        self.lines = text.split("\n")
        self._starts = [0, *accumulate(len(line) + 1 for line in self.lines)]
        self.tree = parse(text, path)

    def line_start(self, line: int) -> int:
        """The offset of a line, which counts from 1 as in the tree; of the end for one behind."""
        return min(self._starts[line - 1], len(self.text))

    def start(self, node: Located) -> int:
        return self._offset(node.lineno, node.col_offset)

    def end(self, node: Located) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._offset(node.end_lineno, node.end_col_offset)

    def text_of(self, node: Located) -> str:
        return self.text[self.start(node) : self.end(node)]

    def indent_of(self, line: int) -> str:
        text = self.lines[line - 1]
        return text[: len(text) - len(text.lstrip())]

    def is_blank(self, line: int) -> bool:
        return not self.lines[line - 1].strip()

    def _offset(self, line: int, column: int) -> int:
        """Columns of a tree count bytes in UTF-8."""
        text = self.lines[line - 1]
        if not text.isascii():
            column = len(text.encode()[:column].decode())
        return self._starts[line - 1] + column


def parse(text: str, path: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the user's code: an invalid escape, say
            return ast.parse(text)
    except SyntaxError as error:
        raise RefactorRefused(
            f"{path} has a syntax error on line {error.lineno}: {error.msg}. Mend it first."
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise RefactorRefused(f"{path} cannot be read as Python: {error}.") from error


def apply_edits(text: str, edits: Iterable[TextEdit]) -> str:
    """The text with all edits made; of two that meet the first in order is taken."""
    pieces: list[str] = []
    done = 0
    for edit in sorted(set(edits)):
        if edit.start < done:
            continue
        pieces += text[done : edit.start], edit.new
        done = edit.end
    return "".join([*pieces, text[done:]])


def strings_and_comments(text: str) -> Iterator[tuple[int, str]]:
    """Each of them as it is written, with its offset, in a text that parses; f-strings as one, if at all."""
    starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
    for token in _tokens(text):
        if token.type in (tokenize.STRING, tokenize.COMMENT):
            yield starts[token.start[0] - 1] + token.start[1], token.string


def lines_inside_strings(text: str) -> set[int]:
    """The lines, from 1, that begin inside a string literal, in a text that parses."""
    inside: set[int] = set()
    starts: list[int] = []
    for token in _tokens(text):
        name = tokenize.tok_name[token.type]
        if name == "STRING":
            inside.update(range(token.start[0] + 1, token.end[0] + 1))
        elif name.endswith("STRING_START"):
            starts.append(token.start[0])
        elif name.endswith("STRING_END"):
            inside.update(range(starts.pop() + 1, token.end[0] + 1))
    return inside


def _tokens(text: str) -> Iterator[tokenize.TokenInfo]:
    return tokenize.generate_tokens(io.StringIO(text).readline)
