"""The text of a method as a function's: dedented, without its first parameter; and what stays. Pure."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from lsp_server.edits.python_scopes import FunctionNode, own_nodes_of
from lsp_server.edits.python_source import first_line
from lsp_server.refactor.method_uses import MethodKind, first_parameter
from lsp_server.refactor.source import Source, TextEdit, apply_edits, lines_inside_strings

_COMMA = re.compile(r"\s*,\s*")


@dataclass(frozen=True, slots=True)
class Extent:
    """Lines, from 1, the last one included."""

    first: int
    last: int


def extent_of(source: Source, method: FunctionNode) -> Extent:
    """The method with its decorators, and the comments right above it."""
    first = first_line(method)
    indent = source.indent_of(first)
    while first > 1:
        above = source.lines[first - 2]
        if not above.startswith(f"{indent}#"):
            break
        first -= 1
    assert method.end_lineno is not None
    return Extent(first, method.end_lineno)


def function_text(source: Source, method: FunctionNode, indent: str, edits: list[TextEdit]) -> str:
    """The lines of a method with edits made, indented as a function that stands at `indent`."""
    extent = extent_of(source, method)
    start, end = source.line_start(extent.first), source.line_start(extent.last + 1)
    inner = [
        TextEdit(it.start - start, it.end - start, it.new)
        for it in edits
        if start <= it.start and it.end <= end
    ]
    text = apply_edits(source.text[start:end].rstrip("\n"), inner)
    old_indent = source.indent_of(method.lineno)
    kept = lines_inside_strings(f"if 1:\n{text}\n") - _docstring_lines(f"if 1:\n{text}\n")
    lines = [
        line if number in kept else _reindent(line, old_indent, indent)
        for number, line in enumerate(text.split("\n"), start=2)
    ]
    return "\n".join(lines) + "\n"


def _docstring_lines(text: str) -> set[int]:
    (top,) = ast.parse(text).body
    assert isinstance(top, ast.If)
    function = top.body[0]
    assert isinstance(function, FunctionNode)
    docstring = docstring_of(function)
    if docstring is None or docstring.end_lineno is None:
        return set()
    return set(range(docstring.lineno + 1, docstring.end_lineno + 1))


def docstring_of(function: FunctionNode) -> ast.Expr | None:
    first = function.body[0]
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        return first
    return None


def _reindent(line: str, old: str, new: str) -> str:
    if not line.strip():
        return ""
    if line.startswith(old):
        return new + line[len(old) :]
    return new + line.lstrip()


def without_first_parameter(source: Source, method: FunctionNode) -> list[TextEdit]:
    """What takes the first parameter out of a head, with its comma and a `/` that is left alone."""
    first = first_parameter(method)
    if first is None:
        return []
    start = source.start(first)
    end = _behind_comma(source.text, source.end(first))
    if method.args.posonlyargs and len(method.args.posonlyargs) == 1:
        slash = source.text.find("/", source.end(first))
        end = _behind_comma(source.text, slash + 1)
    return [TextEdit(start, end, "")]


def _behind_comma(text: str, at: int) -> int:
    found = _COMMA.match(text, at)
    return found.end() if found else at


def removal(source: Source, method: FunctionNode, owner: ast.ClassDef) -> TextEdit:
    """Takes the method out of its class, with the blank lines on one side of it."""
    extent = extent_of(source, method)
    first, last = extent.first, extent.last
    if len(owner.body) == 1:
        indent = source.indent_of(method.lineno)
        return TextEdit(source.line_start(first), source.line_start(last + 1), f"{indent}pass\n")
    if owner.body[0] is method:
        while last < len(source.lines) and source.is_blank(last + 1):
            last += 1
    else:
        while source.is_blank(first - 1):
            first -= 1
    return TextEdit(source.line_start(first), source.line_start(last + 1), "")


def delegate(
    source: Source, method: FunctionNode, kind: MethodKind, *, keeps_first: bool
) -> TextEdit:
    """Puts in the method's place one that calls the function, with the same head."""
    extent = extent_of(source, method)
    indent = source.indent_of(method.lineno)
    decorators = "".join(
        f"{indent}@{it.id}\n"
        for it in method.decorator_list
        if isinstance(it, ast.Name) and it.id in ("staticmethod", "classmethod", "override")
    )
    is_generator = any(isinstance(it, ast.Yield | ast.YieldFrom) for it in own_nodes_of(method))
    is_async = isinstance(method, ast.AsyncFunctionDef) and not is_generator
    body_start = source.start(method.body[0])
    head = source.text[source.start(method) : body_start]
    head = head[: _end_of_head(source, method) - source.start(method)]
    if isinstance(method, ast.AsyncFunctionDef) and not is_async:
        head = head.removeprefix("async").lstrip()
    call = f"{method.name}({_arguments(method, kind, keeps_first=keeps_first)})"
    deeper = source.indent_of(method.body[0].lineno)
    if method.body[0].lineno == method.lineno:
        deeper = f"{indent}    "
    text = f"{decorators}{indent}{head}\n{deeper}return {'await ' if is_async else ''}{call}\n"
    return TextEdit(source.line_start(extent.first), source.line_start(extent.last + 1), text)


def _end_of_head(source: Source, method: FunctionNode) -> int:
    """Behind the colon that ends a function's head."""
    last: int = max(
        [
            source.start(method),
            *(source.end(it) for it in ast.walk(method.args) if isinstance(it, ast.arg | ast.expr)),
            *([source.end(method.returns)] if method.returns is not None else []),
        ]
    )
    return source.text.index(":", last) + 1


def _arguments(method: FunctionNode, kind: MethodKind, *, keeps_first: bool) -> str:
    arguments = method.args
    positional = [it.arg for it in (*arguments.posonlyargs, *arguments.args)]
    if kind is not MethodKind.STATIC and not keeps_first:
        positional = positional[1:]
    return ", ".join(
        [
            *positional,
            *([f"*{arguments.vararg.arg}"] if arguments.vararg else []),
            *(f"{it.arg}={it.arg}" for it in arguments.kwonlyargs),
            *([f"**{arguments.kwarg.arg}"] if arguments.kwarg else []),
        ]
    )


def behind_class(source: Source, owner: ast.ClassDef) -> int:
    """The line, from 1, before which what follows a class goes; comments in it are of the class."""
    assert owner.end_lineno is not None
    last = owner.end_lineno
    indent = source.indent_of(owner.lineno)
    at = last + 1
    while at <= len(source.lines):
        line = source.lines[at - 1]
        if line.strip():
            if not (
                line.lstrip().startswith("#") and line.startswith((f"{indent} ", f"{indent}\t"))
            ):
                break
            last = at
        at += 1
    return last + 1
