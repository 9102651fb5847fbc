"""Whether a text in Python that is inserted while one types can stand where it would: pure, and fast.

A line that is being typed breaks much that the next ones mend, so a text is refused only for what no
typing on can mend: what stands up to its end must be the beginning of something valid, and where the
block goes on behind it, that must be valid with it; a bracket that it opens may be closed for that, and
a block that it opens be filled. What is broken without it is not laid to its charge.

It is asked of Python's own parser, within the innermost function that the cursor is in, else the
statement at the outermost level: a class may take a hundred times as long to parse as one of its methods.
"""

from __future__ import annotations

import ast
import codeop
import re
import warnings
from collections.abc import Sequence

from lsp_server.edits.python_source import is_python

MAX_LINES = 400  # of a block, before the cursor and behind it; what is longer takes milliseconds

_STATEMENT = re.compile(r"\s*[^\s#)\]}'\"]")
_CONTINUES = re.compile(r"(else|elif|except|finally|case)\b")
_FUNCTION = re.compile(r"\s*(async\s+def|def)\b")
_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_QUOTES = re.compile(r"(\"\"\"|'''|\"|')")
# What may stand nearly anywhere: a statement, nothing, an expression, the end of a string.
_FILLINGS = ("pass", "", "_", "'", '"')
_INCOMPLETE = "incomplete input"
_OPEN_TEMPLATE = "unterminated f-string"  # of other strings Python says that they are incomplete
_INCOMPLETE_FLAGS = ast.PyCF_ONLY_AST | codeop.PyCF_ALLOW_INCOMPLETE_INPUT  # type: ignore[attr-defined]


def breaks_syntax(
    before: Sequence[str], text: str, behind: Sequence[str], *, is_whole: bool = True
) -> bool:
    """Whether `text` is an error between the lines before it and those behind.

    The last line before and the first one behind are the cursor's own, up to it and from it on. Of a
    text that is not whole more would come: what stands behind may be right with that.
    """
    start = _start(before)
    end = _end(behind, _indentation(before[start]) if before else 0)
    head, tail = "".join(before[start:]), "".join(behind[:end])
    opening = "if 1:\n" if head.startswith((" ", "\t")) else ""
    inserted = f"{opening}{head}{text}"
    rest_of_line = behind[0].strip() if behind else ""
    may_go_on = _may_go_on if is_whole else _may_go_on_in_line
    if not rest_of_line and not may_go_on(inserted):
        # Where nothing could stand the text is not what is wrong.
        return any(may_go_on(f"{opening}{head}{it}") for it in _FILLINGS)
    is_cut = not is_whole and not rest_of_line
    if is_cut or not tail.strip() or _is_valid(f"{inserted}{tail}"):
        return False
    if any(_is_valid(f"{inserted}{more}{tail}") for more in _ends(text, head)):
        return False
    return any(_is_valid(f"{opening}{head}{it}{tail}") for it in _FILLINGS)


def completed_block(
    before: Sequence[str], text: str, behind: Sequence[str], *, begins_line: bool
) -> tuple[str, int] | None:
    """Source in Python that `text` stands in, and where in it `text` begins.

    That is its line, where the statement begins with that, else the block; with what typing on would
    add. None where neither can be parsed with the text.
    """
    # What stands behind belongs to it where the line goes on.
    rest = behind[0].strip() if behind else ""
    sources = [("".join(before[-1:]), rest)] if begins_line else []
    first = _start(before)
    if not begins_line or first < len(before) - 1:
        sources.append(
            (
                "".join(before[first:]),
                rest and "".join(behind[: _end(behind, _indentation(before[first]))]),
            )
        )
    for head, tail in sources:
        opening = "if 1:\n" if head.startswith((" ", "\t")) else ""
        for more in ("", *_ends(text, head)):
            source = f"{opening}{head}{text}{more}{tail}"
            if is_python(source):
                return source, len(opening) + len(head)
    return None


def _start(before: Sequence[str]) -> int:
    """The line that the cursor's block begins with."""
    last = len(before) - 1
    depth = _indentation(before[last]) if before else 0
    for number in range(last, max(-1, last - MAX_LINES), -1):
        line = before[number]
        if not line.strip() or not _STATEMENT.match(line) or _CONTINUES.match(line):
            continue
        indentation = _indentation(line)
        is_around = number < last and indentation < depth
        if not indentation or (is_around and _FUNCTION.match(line)):
            return number
        depth = min(depth, indentation)
    return 0 if last < MAX_LINES else last


def _end(behind: Sequence[str], depth: int) -> int:
    """How many of the lines behind belong to the block, which begins in that column."""
    for number, line in enumerate(behind[1 : MAX_LINES + 1], 1):
        is_outside = _STATEMENT.match(line) and _indentation(line) <= depth
        if is_outside and not _CONTINUES.match(line):
            return number
    return len(behind)


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _ends(text: str, head: str) -> list[str]:
    """What typing on would end the text with."""
    closed = _closers(text)
    line = (head + text).rpartition("\n")[2]
    body = f"\n{line[: _indentation(line)]}    pass"
    if (line + closed).rstrip().endswith(":"):
        return [f"{closed}{body}", f"{closed} pass"]
    return [closed, f"{closed}:{body}"]


def _closers(text: str) -> str:
    """The brackets that close those which the text leaves open; strings are passed over."""
    opened: list[str] = []
    parts = _QUOTES.split(text)
    within = ""
    for number, part in enumerate(parts):
        if number % 2:  # a quote
            within = "" if within == part else within or part
        elif not within:
            for character in part.partition("#")[0]:
                if character in _CLOSERS:
                    opened.append(_CLOSERS[character])
                elif opened and character == opened[-1]:
                    opened.pop()
    return "".join(reversed(opened))


def _is_valid(source: str) -> bool:
    return _parse(source, ast.PyCF_ONLY_AST) == ""


def _may_go_on(source: str) -> bool:
    return _INCOMPLETE in (_parse(source + "\n", _INCOMPLETE_FLAGS) or _INCOMPLETE)


def _may_go_on_in_line(source: str) -> bool:
    """The same where the line is not at its end: a line that is continued has none."""
    said = _parse(f"{source} \\\n", _INCOMPLETE_FLAGS)
    return not said or _INCOMPLETE in said or _OPEN_TEMPLATE in said


def _parse(source: str, flags: int) -> str:
    """What Python says against a text, or nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(source, "", "exec", flags, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return str(error) or type(error).__name__
    return ""
