"""Which refactors of Python may be offered at a place, from its lines alone. Pure, and cheap.

It is asked at each move of the cursor: nothing is parsed but the selection and a line or two. So an
offer may turn out to be refused; what can be told from the text is told here, as a reason.
"""

from __future__ import annotations

import ast
import keyword
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lsp_server.refactor.job import Place, Task

MAX_SELECTED_LINES = 500
_MAX_HEAD_LINES = 60  # of a function that has its parameters below each other
_NAME = re.compile(r"[^\W\d]\w*")
_HEAD = re.compile(r"(\s*)(?:async\s+def|def|class)\s+([^\W\d]\w*)")
_ASSIGNED = re.compile(r"\s*([^\W\d]\w*)\s*(?::[^=]*)?=(?!=)")


@dataclass(frozen=True, slots=True)
class Offer:
    """`disabled` says why it cannot be done here; empty where it may be."""

    task: Task
    title: str
    kind: str
    argument: str = ""
    disabled: str = ""
    name: str = ""  # files that have it in them may be concerned; empty for one file alone


def find_offers(lines: Sequence[str], start: Place, end: Place) -> list[Offer]:
    """For a selection, or for a cursor where both ends are one; lines as a document has them.

    A selection within a name is a cursor as well: in some editors a cursor is never less than that.
    """
    offers: list[Offer] = []
    if start != end:
        offers += _of_selection(lines, start, end)
    if start == end or _is_within_name(lines, start, end):
        offers += _of_cursor(lines, start)
    return offers


def name_at(line: str, column: int) -> tuple[int, int] | None:
    """The columns of the name that a cursor is in or right behind; None for a keyword, or none."""
    for found in _NAME.finditer(line):
        if found.start() <= column <= found.end() and not keyword.iskeyword(found[0]):
            return found.span()
    return None


def _is_within_name(lines: Sequence[str], start: Place, end: Place) -> bool:
    span = name_at(lines[start[0]], start[1])
    return span is not None and start[0] == end[0] and start[1] < span[1] and end[1] <= span[1]


def assigned_name(line: str) -> str:
    """The variable that a line assigns, or nothing."""
    found = _ASSIGNED.match(line)
    return found[1] if found is not None else ""


def _of_selection(lines: Sequence[str], start: Place, end: Place) -> Iterator[Offer]:
    last = end[0] if end[1] or end[0] == start[0] else end[0] - 1
    if last - start[0] >= MAX_SELECTED_LINES:
        yield _extract_function(f"more than {MAX_SELECTED_LINES} lines are selected")
        return
    text = text_between(lines, start, end)
    if not text.strip():
        return
    if _parses(text.strip(), "eval"):
        yield Offer("extract_variable", "Extract variable", "refactor.extract.variable")
        yield _extract_function()
        return
    before = lines[start[0]][: start[1]]
    whole = (before if not before.strip() else "") + text
    stands_behind_code = bool(before.strip()) and not before.rstrip().endswith((";", ":"))
    if stands_behind_code or not _parses(textwrap.dedent(whole), "exec"):
        yield _extract_function("the selection is neither complete statements nor an expression")
    else:
        yield _extract_function()


def _extract_function(disabled: str = "") -> Offer:
    return Offer(
        "extract_function", "Extract function", "refactor.extract.function", disabled=disabled
    )


def text_between(lines: Sequence[str], start: Place, end: Place) -> str:
    """What is selected of a text."""
    if start[0] == end[0]:
        return lines[start[0]][start[1] : end[1]]
    between = lines[start[0] + 1 : end[0]]
    rest = lines[end[0]][: end[1]] if end[0] < len(lines) else ""
    return "".join([lines[start[0]][start[1] :], *between, rest])


def _parses(text: str, mode: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the user's code
            ast.parse(text.replace("\r\n", "\n"), mode=mode)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _of_cursor(lines: Sequence[str], place: Place) -> Iterator[Offer]:
    line = lines[place[0]]
    head = _HEAD.match(line)
    span = name_at(line, place[1])
    if head is not None and head.start(2) <= place[1] <= head.end(2):
        yield from _of_head(lines, place[0], head)
        return
    if span is None:
        return
    name = line[slice(*span)]
    if assigned_name(line) == name and line[:1].isspace():
        yield Offer("inline", f"Inline variable '{name}'", "refactor.inline.variable")
    elif line[span[1] : span[1] + 1] == "(" and head is None:
        yield Offer("inline", f"Inline function '{name}'", "refactor.inline.function", name=name)
    yield from _of_parameter(lines, place)


def _of_head(lines: Sequence[str], number: int, head: re.Match[str]) -> Iterator[Offer]:
    name = head[2]
    is_class = "class" in head[0].split()[:1]
    if not is_class:
        is_called_by_python = name.startswith("__") and name.endswith("__")
        yield Offer(
            "inline",
            f"Inline function '{name}'",
            "refactor.inline.function",
            disabled="it is special to Python, which calls it by itself"
            if is_called_by_python
            else "",
            name=name,
        )
    if not head[1]:
        yield Offer(
            "move_to_new_file", f"Move '{name}' to a new file", "refactor.move.newFile", name=name
        )
        yield Offer(
            "move_to_file", f"Move '{name}' to another file", "refactor.move.file", name=name
        )
    elif not is_class and _class_of(lines, number, head[1]):
        is_special = name.startswith("__")
        yield Offer(
            "move_method",
            f"Move method '{name}' out of its class",
            "refactor.move.function",
            disabled="it is special to Python, or private to its class" if is_special else "",
            name=name,
        )


def _class_of(lines: Sequence[str], number: int, indent: str) -> str:
    """The name of the class whose head is the next line above that is indented less, if it is one."""
    for above in range(number - 1, -1, -1):
        line = lines[above]
        stripped = line.lstrip()
        if stripped and not stripped.startswith(("#", ")", "]", "}", '"', "'")):
            width = len(line) - len(stripped)
            if width < len(indent):
                head = _HEAD.match(line)
                return head[2] if head is not None and stripped.startswith("class") else ""
    return ""


def _of_parameter(lines: Sequence[str], place: Place) -> Iterator[Offer]:
    head = _head_around(lines, place[0])
    if head is None:
        return
    text = "".join(lines[head : place[0] + _MAX_HEAD_LINES])
    function = _read_head(text)
    if function is None:
        return
    line = lines[place[0]]
    span = name_at(line, place[1])
    name = function.name
    if name == "__init__":
        indent = lines[head][: len(lines[head]) - len(lines[head].lstrip())]
        name = _class_of(lines, head, indent)
    elif name.startswith("__") and name.endswith("__"):
        return  # who calls it gives it what it has, and stands in no file of the workspace
    parameters = [*function.args.posonlyargs, *function.args.args]
    row = place[0] - head + 1
    for index, it in enumerate(parameters):
        if it.lineno == row and span is not None and line[span[0] : span[1]] == it.arg:
            column = len(line.encode()[: it.col_offset].decode())
            if column != span[0] or (index == 0 and it.arg in ("self", "cls")):
                continue
            yield Offer(
                "remove_parameter",
                f"Remove parameter '{it.arg}'",
                "refactor.rewrite.parameter.remove",
                it.arg,
                name=name,
            )
            first = 1 if parameters[0].arg in ("self", "cls") else 0
            if index > first:
                yield _swap(parameters[index - 1].arg, it.arg, "left", name)
            if index + 1 < len(parameters):
                yield _swap(it.arg, parameters[index + 1].arg, "right", name)
            yield Offer(
                "add_parameter",
                f"Add a parameter to '{function.name}'",
                "refactor.rewrite.parameter.add",
                name=name,
            )


def _swap(first: str, second: str, way: str, name: str) -> Offer:
    moved = second if way == "left" else first
    return Offer(
        "swap_parameters",
        f"Move parameter '{moved}' to the {way}",
        f"refactor.rewrite.parameter.{way}",
        f"{first},{second}",
        name=name,
    )


def _head_around(lines: Sequence[str], number: int) -> int | None:
    """The line of the function's head that a line may be a part of."""
    for above in range(number, max(-1, number - _MAX_HEAD_LINES), -1):
        head = _HEAD.match(lines[above])
        if head is not None:
            return above if "class" not in head[0].split()[:1] else None
        if not lines[above].strip() or lines[above].rstrip().endswith((":", ";")):
            return None
    return None


def _read_head(text: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The function at the start of a text, of which a body may be missing."""
    depth = 0
    for at, character in enumerate(text):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == ":" and depth == 0:
            head = text[: at + 1]
            indent = len(head) - len(head.lstrip())
            source = f"{head[indent:]} pass"
            if indent:  # so that columns are those of the lines
                source = f"if 1:\n{head} pass"
            try:
                body = ast.parse(source).body
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return None
            node: ast.AST = body[0]
            if isinstance(node, ast.If):
                node = node.body[0]
                ast.increment_lineno(node, -1)
            return node if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else None
    return None
