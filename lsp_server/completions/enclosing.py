"""The code around a cursor, up to it and as short as a parser reads in a fraction of a millisecond. Pure.

Of the blocks that the cursor is in it has the heads, and of the innermost what stands right before the
cursor. Statements before that are left out: a grammar does not miss them. Blocks are told by the
indentation of their lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from lsp_server.completions.blocks import closes, continues
from lsp_server.completions.lexis import indentation

NEAR_CHARACTERS = 600  # before the cursor, of which whole statements are taken
_WRAPPED_LINES = 8  # of a head that goes on in deeper lines
_ABOVE_LINES = 3  # that a statement may have begun with, in the same column
_ONE_LINE_HEADS = frozenset({"ruby", "shellscript"})
_UNENDED = (")", "]", ">", "*", "_", "=", ",", "(")
# Beside brackets and `end`: what closes an element of JSX, or a pattern of a shell's case.
_CLOSERS = ("</", ";;")
# What begins no statement: a comment, a directive of a preprocessor, the end of a string.
_NO_BEGINNINGS = ("//", "/*", "*", "#", '"', "'", "`", *_CLOSERS)


@dataclass(frozen=True, slots=True)
class Enclosing:
    """Code that ends at the cursor; `start` is the number of the line that it has all lines from."""

    code: str
    start: int


def enclosing_code(language: str, lines: Sequence[str], text: str) -> Enclosing | None:
    """What a parser has to have read to come to `text` at the cursor; None where that is too much.

    `lines` are those of the document, the last of them up to the cursor.
    """
    first = f"{lines[-1]}{text}".partition("\n")[0]
    # What belongs to an opener stands in the same column.
    depth = indentation(first) + _belongs_to_opener(language, first)
    found = _blocks_around(language, lines, depth)
    if found is None:
        return None
    heads, start = found
    if heads and start == len(lines) - 1 and first.lstrip().startswith(")"):
        return None  # of what is far away, and may not be empty
    above = range(start, max(start - _ABOVE_LINES, 0), -1)
    start -= sum(1 for _ in takewhile(lambda number: _goes_on(language, lines, number), above))
    code = f"{heads}{''.join(lines[start:])}"
    if language == "php" and "<?" not in code:
        if not _is_php(lines):
            return None
        code = f"<?php\n{code}"
    return Enclosing(code, start)


def _blocks_around(language: str, lines: Sequence[str], depth: int) -> tuple[str, int] | None:
    """The heads of the outer blocks, and the line from which on all is near."""
    start, depth = _near(language, lines, depth)
    heads: list[str] = []
    inner = start
    # Without those that stand as deep, which nearly all of a long class do.
    outside = [at for at, line in enumerate(lines[:start]) if not line[:depth].isspace()]
    for number in reversed(outside if depth else []):
        line = lines[number]
        columns = indentation(line)
        if columns < depth and _begins_statement(language, line):
            between = [at for at in outside if number < at < inner]
            head = _head(language, lines, number, between, inner)
            if not head:
                return None
            heads.append(head)
            inner, depth = number, columns
    return "".join(reversed(heads)), start


def _near(language: str, lines: Sequence[str], depth: int) -> tuple[int, int]:
    """The outermost line near by that a block or a statement around the last line begins with."""
    start = len(lines) - 1
    length = 0
    for number in range(start, -1, -1):
        line = lines[number]
        length += len(line)
        if length > NEAR_CHARACTERS:
            break
        columns = indentation(line)
        if columns <= depth and _begins_statement(language, line):
            start, depth = number, columns
            if not depth:
                break
    return start, depth


def _belongs_to_opener(language: str, line: str) -> bool:
    return closes(line) or continues(language, line) or line.lstrip().startswith(_CLOSERS)


def _begins_statement(language: str, line: str) -> bool:
    code = line.strip()
    is_rest = not code or code == "{" or code[0] in ")]}" or code.startswith(_NO_BEGINNINGS)
    return not is_rest and not continues(language, line)


def _goes_on(language: str, lines: Sequence[str], number: int) -> bool:
    """Whether a line may go on with what the one above says: a result's type, an annotation."""
    above = lines[number - 1].rstrip()
    is_beside = indentation(above) == indentation(lines[number])
    if not is_beside or _belongs_to_opener(language, above):
        return False
    return above.endswith(_UNENDED) or above[-1:].isalnum()


def _head(
    language: str, lines: Sequence[str], number: int, between: Sequence[int], inner: int
) -> str:
    """What opens a block, from its first line on; what is inside of it begins with the line `inner`.

    `between` are the lines between these that may stand no deeper than it. Empty where it is too much.
    """
    if language in _ONE_LINE_HEADS:
        return lines[number]
    columns = indentation(lines[number])
    for end in reversed(between):  # `) => {`, or a brace in a line of its own
        if lines[end].rstrip().endswith("{") and indentation(lines[end]) <= columns:
            head = "".join(lines[number : end + 1])
            return head if len(head) <= NEAR_CHARACTERS else ""
    first = lines[number]
    if first.rstrip().endswith(("{", "[")):
        return first
    for end in range(number + 1, min(number + _WRAPPED_LINES, inner)):
        head = "".join(lines[number : end + 1])
        if head.rstrip().endswith("{") and _is_even(head):
            return head
    return first if first.rstrip().endswith("(") or _is_even(first) else ""


def _is_even(text: str) -> bool:
    return text.count("(") == text.count(")")


def _is_php(lines: Sequence[str]) -> bool:
    """Whether the last line is in PHP, and not in the page around it."""
    for line in reversed(lines):
        if "<?" in line or "?>" in line:
            return line.rfind("<?") > line.rfind("?>")
    return False
