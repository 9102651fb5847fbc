"""Takes away an import or a variable that nothing uses. Pure.

Of Python by its syntax tree; of JavaScript and TypeScript imports that stand on one line. What a
variable is assigned stays where it may do something.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from lsp_server.edits.python_source import parse_python
from lsp_server.workspace.documents import Edit, Position, line_length

# What computing a value can consist of without doing anything else.
_QUIET = (
    *(ast.Constant, ast.Name, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.Load, ast.Lambda),
    *(ast.arguments, ast.arg, ast.UnaryOp, ast.unaryop),
)
_SCRIPT_IMPORT = re.compile(
    r"""import\s+(?:type\s+)?(?:([\w$]+)\s*,?\s*)?(?:\{([^{}]*)\}|\*\s+as\s+([\w$]+))?\s*from\s*["'][^"']+["'];?\s*$"""
)


def remove_python_import(lines: Sequence[str], name: str, at: Position) -> tuple[Edit, ...]:
    """The edits that take a name out of the import on a line; `name` may be dotted: `typing.List`.

    None where there is no such import, or the text cannot be parsed.
    """
    tree = parse_python("".join(lines))
    if isinstance(tree, SyntaxError):
        return ()
    for parent in ast.walk(tree):
        for body in _bodies(parent):
            for node in body:
                is_import = isinstance(node, ast.Import | ast.ImportFrom)
                if not is_import or not node.lineno - 1 <= at.line < (node.end_lineno or 0):
                    continue
                unused = [it for it in node.names if _is_meant(node, it, name)]  # type: ignore[attr-defined]
                if len(unused) == 1:
                    return _remove_alias(lines, node, unused[0], body)
    return ()


def _bodies(node: ast.AST) -> list[list[ast.stmt]]:
    fields = (getattr(node, name, None) for name in ("body", "orelse", "finalbody"))
    return [it for it in fields if isinstance(it, list) and it]


def _is_meant(node: ast.stmt, alias: ast.alias, name: str) -> bool:
    bound = alias.asname or alias.name
    if isinstance(node, ast.ImportFrom):
        whole = f"{'.' * node.level}{node.module or ''}.{alias.name}"
        return name in (bound, whole, whole.lstrip("."), alias.name)
    return name in (bound, alias.name, bound.partition(".")[0])


def _remove_alias(
    lines: Sequence[str], node: ast.stmt, alias: ast.alias, body: list[ast.stmt]
) -> tuple[Edit, ...]:
    names: list[ast.alias] = node.names  # type: ignore[attr-defined]
    if len(names) == 1:
        return _remove_statement(lines, node, body)
    index = names.index(alias)
    if index + 1 < len(names):  # up to the next one
        following = names[index + 1]
        start, end = _start(lines, alias), _start(lines, following)
    else:
        start, end = _end(lines, names[index - 1]), _end(lines, alias)
    return (Edit(start, end, ""),)


def _remove_statement(
    lines: Sequence[str], node: ast.stmt, body: list[ast.stmt]
) -> tuple[Edit, ...]:
    """A statement with its lines; a body that held nothing else passes."""
    start, end = _start(lines, node), _end(lines, node)
    if len(body) == 1 and start.column:
        return (Edit(start, end, "pass"),)
    before = lines[start.line][: start.column]
    behind = lines[end.line][end.column : line_length(lines[end.line])].strip()
    if before.strip() or (behind and not behind.startswith("#")):
        return ()  # it shares its line with another
    if end.line + 1 < len(lines):
        return (Edit(Position(start.line, 0), Position(end.line + 1, 0), ""),)
    return (Edit(Position(start.line, 0), Position(end.line, line_length(lines[end.line])), ""),)


def remove_python_variable(lines: Sequence[str], name: str, at: Position) -> tuple[Edit, ...]:
    """The edits that take away what binds a variable on a line, and keep what may do something."""
    tree = parse_python("".join(lines))
    if isinstance(tree, SyntaxError):
        return ()
    for parent in ast.walk(tree):
        for body in _bodies(parent):
            for node in body:
                if node.lineno - 1 == at.line and (value := _assigned(node, name)) is not None:
                    if all(isinstance(it, _QUIET) for it in ast.walk(value)):
                        return _remove_statement(lines, node, body)
                    return (Edit(_start(lines, node), _start(lines, value), ""),)
        before = _bound_as(parent, name)
        if before is not None and (before.end_lineno or 0) - 1 == at.line:
            return _remove_as(lines, before, name)
    return ()


def _assigned(node: ast.stmt, name: str) -> ast.expr | None:
    match node:
        case (
            ast.Assign(targets=[ast.Name(id=target)], value=value)
            | ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value)
        ):
            return value if target == name else None
    return None


def _bound_as(node: ast.AST, name: str) -> ast.expr | None:
    """What stands before ` as name`."""
    match node:
        case ast.ExceptHandler(type=ast.expr() as before, name=bound):
            return before if bound == name else None
        case ast.withitem(context_expr=before, optional_vars=ast.Name(id=bound)):
            return before if bound == name else None
    return None


def _remove_as(lines: Sequence[str], before: ast.expr, name: str) -> tuple[Edit, ...]:
    """Takes ` as name` away behind an expression, which may stand in brackets."""
    start = _end(lines, before)
    match = re.compile(rf"(\s*\)*)\s+as\s+{re.escape(name)}\b").match(
        lines[start.line], start.column
    )
    if match is None:
        return ()
    return (Edit(Position(start.line, match.end(1)), Position(start.line, match.end()), ""),)


def remove_script_import(lines: Sequence[str], name: str, at: Position) -> tuple[Edit, ...]:
    """The edits that take a name out of an import on one line; all of it where `name` is empty."""
    line = lines[at.line] if at.line < len(lines) else ""
    match = _SCRIPT_IMPORT.match(line)
    if match is None:
        return ()
    named = [it.strip() for it in (match[2] or "").split(",") if it.strip()]
    bound = [re.split(r"\s+as\s+", it.removeprefix("type "))[-1] for it in named]
    own = [it for it in (match[1], match[3]) if it]
    rest = [it for it, alias in zip(named, bound, strict=True) if alias != name]
    if not name or (name in [*own, *bound] and len(own) + len(named) == 1):
        last = at.line + 1 < len(lines)
        end = Position(at.line + 1, 0) if last else Position(at.line, line_length(line))
        return (Edit(Position(at.line, 0), end, ""),)
    if name in bound and rest:
        inside = Position(at.line, match.start(2)), Position(at.line, match.end(2))
        return (Edit(inside[0], inside[1], f" {', '.join(rest)} "),)
    return ()


def _start(lines: Sequence[str], node: ast.stmt | ast.expr | ast.alias) -> Position:
    return _position(lines, node.lineno, node.col_offset)


def _end(lines: Sequence[str], node: ast.stmt | ast.expr | ast.alias) -> Position:
    return _position(lines, node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)


def _position(lines: Sequence[str], line: int, column: int) -> Position:
    """From ast's place: the line from 1, the column in bytes."""
    before = lines[line - 1].encode("utf-8", "replace")[:column]
    return Position(line - 1, len(before.decode("utf-8", "replace")))
