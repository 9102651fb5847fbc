"""The code around a cursor, up to it and as short as a parser reads in a fraction of a millisecond. Pure.

Of the blocks that the cursor is in it has the heads, and of the innermost what stands right before the
cursor. Statements before that are left out: a grammar does not miss them. Blocks are told by the
indentation of their lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lsp_server.completions.blocks import closes, continues
from lsp_server.completions.lexis import indentation
from lsp_server.completions.place import MAX_LINES, Surroundings

NEAR_CHARACTERS = 900  # before the cursor, of which whole statements are taken
_WRAPPED_LINES = 8  # of a head that goes on in deeper lines
_ONE_LINE_HEADS = frozenset({"ruby", "shellscript"})
# What begins no statement: a comment, a directive of a preprocessor, the end of a string.
_REMARKS = ("//", "/*", "*", "#", '"', "'", "`")
_UNENDED = (")", "]", ">", "*", "_", "=", ",", "(")
# Beside brackets and `end`: what closes an element of JSX, or a pattern of a shell's case.
_CLOSERS = ("</", ";;")


@dataclass(frozen=True, slots=True)
class Enclosing:
    """Code that ends at the cursor; `start` is the number of the line that it has all lines from."""

    code: str
    start: int


def enclosing_code(around: Surroundings, text: str) -> Enclosing | None:
    """What a parser has to have read to come to `text` at the cursor; None where that is not known."""
    lines = around.before
    first = f"{around.own}{text}".partition("\n")[0]
    # What belongs to an opener stands in the same column.
    depth = indentation(first) + _belongs_to_opener(around.language, first)
    found = _blocks_around(around, depth)
    if found is None:
        return None
    heads, start = found
    while _goes_on(lines, start):
        start -= 1
    code = f"{heads}{''.join(lines[start:])}"
    if around.language == "php" and "<?" not in code:
        if not _is_php(lines):
            return None
        code = f"<?php\n{code}"
    return Enclosing(code, start)


def _blocks_around(around: Surroundings, depth: int) -> tuple[str, int] | None:
    """The heads of the outer blocks, and the line from which on all is near."""
    lines = around.before
    start = inner = len(lines) - 1
    length = 0
    heads: list[str] = []
    for number in range(start, -1, -1):
        line = lines[number]
        length += len(line)
        columns = indentation(line)
        is_near = length <= NEAR_CHARACTERS
        is_around = columns < depth or (columns == depth and is_near)
        if not is_around or not _begins_statement(around.language, line):
            continue
        if is_near:
            start = number
        elif head := _head(around.language, lines, number, inner):
            heads.append(head)
        else:
            return None
        inner, depth = number, columns
        if not depth:
            return "".join(reversed(heads)), start
    is_whole = not depth or len(lines) <= MAX_LINES
    return ("".join(reversed(heads)), start) if is_whole else None


def _belongs_to_opener(language: str, line: str) -> bool:
    return closes(line) or continues(language, line) or line.lstrip().startswith(_CLOSERS)


def _begins_statement(language: str, line: str) -> bool:
    code = line.strip()
    is_rest = not code or code == "{" or code[0] in ")]}" or code.startswith(_REMARKS)
    return not is_rest and not continues(language, line)


def _goes_on(lines: Sequence[str], number: int) -> bool:
    """Whether a line may go on with what the one above says: a result's type, an annotation."""
    above = lines[number - 1].rstrip() if number else ""
    return above.endswith(_UNENDED) or above[-1:].isalnum()


def _head(language: str, lines: Sequence[str], number: int, inner: int) -> str:
    """What opens a block, from its first line on; what is inside of it begins with a line below.

    Empty where that is too much.
    """
    if language in _ONE_LINE_HEADS:
        return lines[number]
    columns = indentation(lines[number])
    for end in range(inner - 1, number, -1):  # `) => {`, or a brace in a line of its own
        if lines[end].rstrip().endswith("{") and indentation(lines[end]) <= columns:
            head = "".join(lines[number : end + 1])
            return head if len(head) <= NEAR_CHARACTERS else ""
    if not lines[number].rstrip().endswith(("{", "(", "[")):
        for end in range(number + 1, min(number + _WRAPPED_LINES, inner)):
            if lines[end].rstrip().endswith("{"):
                return "".join(lines[number : end + 1])
    return lines[number]


def _is_php(lines: Sequence[str]) -> bool:
    """Whether the last line is in PHP, and not in the page around it."""
    before = "".join(lines)
    is_begun = "<?" in before or len(lines) > MAX_LINES
    return is_begun and before.rfind("?>") <= before.rfind("<?")
