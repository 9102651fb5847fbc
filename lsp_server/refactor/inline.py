"""Puts the value of a local variable in its places. Pure.

Parentheses are added where the value would be taken apart otherwise. What is evaluated more often, or
later than it was, is doubtful.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from lsp_server.edits.python_scopes import FunctionNode, own_nodes_of
from lsp_server.refactor.job import Doubt, Rewritten
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.source import Source, TextEdit, apply_edits

_ATOMS = (
    ast.Name
    | ast.Constant
    | ast.Attribute
    | ast.Call
    | ast.Subscript
    | ast.List
    | ast.Dict
    | ast.Set
    | ast.ListComp
    | ast.SetComp
    | ast.DictComp
    | ast.JoinedStr
)
_WHOLE = ast.Return | ast.Assign | ast.AnnAssign | ast.Expr | ast.Call | ast.keyword | ast.List
_EVALUATED_AGAIN = "the value is computed again, or later than it was"


def inline_variable(source: Source, line: int, name: str) -> Rewritten:
    """The variable that is assigned on a line, from 0. Raises `RefactorRefused`."""
    function, statement = _find(source, line + 1, name)
    value = _value_of(statement)
    stores = [
        it
        for it in ast.walk(function)
        if isinstance(it, ast.Name) and it.id == name and not isinstance(it.ctx, ast.Load)
    ]
    if len(stores) > 1:
        raise RefactorRefused(f"{name} is assigned more than once in {function.name}")
    if any(
        isinstance(it, ast.Yield | ast.YieldFrom | ast.NamedExpr | ast.Await)
        for it in ast.walk(value)
    ):
        raise RefactorRefused(f"the value of {name} does something that is to be done once")
    if any(isinstance(it, ast.arg) and it.arg == name for it in ast.walk(function)):
        raise RefactorRefused(f"{name} is a parameter too")
    uses = list(_uses(function, name))
    if not uses:
        raise RefactorRefused(f"{name} is not used: delete it")
    text = source.text_of(value)
    edits = [
        TextEdit(source.start(it), source.end(it), _bracketed(text, value, parent))
        for it, parent in uses
    ]
    first, last = statement.lineno, statement.end_lineno or statement.lineno
    alone = (
        source.lines[first - 1][: len(source.indent_of(first))]
        == source.lines[first - 1][: statement.col_offset]
        and not source.text[source.end(statement) : source.line_start(last + 1)].strip()
    )
    if not alone:
        raise RefactorRefused(f"other code stands on the line that assigns {name}")
    if _is_alone_in_block(function, statement):
        raise RefactorRefused(f"its block has nothing but the assignment of {name}")
    is_apart = last < len(source.lines) and source.is_blank(first - 1) and source.is_blank(last + 1)
    behind = source.line_start(last + (2 if is_apart else 1))  # no two blank lines in place of one
    edits.append(TextEdit(source.line_start(first), behind, ""))
    doubts: tuple[Doubt, ...] = ()
    if _is_doubtful(function, statement, uses):
        lines = [first - 1, *(it.lineno - 1 for it, _ in uses)]  # all of it or nothing
        doubts = tuple(Doubt(it, _EVALUATED_AGAIN) for it in lines)
    return Rewritten(source.path, source.text, apply_edits(source.text, edits), doubts)


def _find(source: Source, line: int, name: str) -> tuple[FunctionNode, ast.Assign | ast.AnnAssign]:
    for function in ast.walk(source.tree):
        if not isinstance(function, FunctionNode):
            continue
        for it in own_nodes_of(function):
            if isinstance(it, ast.Assign | ast.AnnAssign) and it.lineno == line and it.value:
                targets = it.targets if isinstance(it, ast.Assign) else [it.target]
                (target, *others) = targets
                if isinstance(target, ast.Name) and target.id == name and not others:
                    return function, it
    raise RefactorRefused("a variable is inlined where a function assigns it: put the cursor there")


def _value_of(statement: ast.Assign | ast.AnnAssign) -> ast.expr:
    assert statement.value is not None  # as `_find` finds them
    return statement.value


def _uses(function: FunctionNode, name: str) -> Iterator[tuple[ast.Name, ast.AST]]:
    for parent in ast.walk(function):
        for child in ast.iter_child_nodes(parent):
            if isinstance(child, ast.Name) and child.id == name and isinstance(child.ctx, ast.Load):
                if isinstance(parent, ast.FormattedValue):
                    raise RefactorRefused(f"{name} stands in an f-string on line {child.lineno}")
                yield child, parent


def _bracketed(text: str, value: ast.expr, parent: ast.AST) -> str:
    is_whole = isinstance(parent, _WHOLE) and not isinstance(value, ast.GeneratorExp | ast.Tuple)
    is_number = isinstance(value, ast.Constant) and isinstance(value.value, int | float | complex)
    if isinstance(parent, ast.Call) and isinstance(value, ast.Lambda | ast.Starred):
        is_whole = False
    if isinstance(value, _ATOMS) and not is_number and "\n" not in text:
        return text
    return text if is_whole and "\n" not in text else f"({text})"


def _is_doubtful(
    function: FunctionNode,
    statement: ast.Assign | ast.AnnAssign,
    uses: list[tuple[ast.Name, ast.AST]],
) -> bool:
    value = _value_of(statement)
    names = {it.id for it in ast.walk(value) if isinstance(it, ast.Name)}
    changed = any(
        isinstance(it, ast.Name) and it.id in names and not isinstance(it.ctx, ast.Load)
        for it in ast.walk(function)
        if getattr(it, "lineno", 0) > statement.lineno
    )
    calls = any(isinstance(it, ast.Call) for it in ast.walk(value))
    reads = any(isinstance(it, ast.Attribute | ast.Subscript) for it in ast.walk(value))
    end = statement.end_lineno or statement.lineno
    last = max(it.lineno for it, _ in uses)
    is_next = last <= end + 1
    return (
        changed
        or (calls and (len(uses) > 1 or not is_next))
        or (reads and not is_next and _may_set(function, range(end + 1, last + 1)))
    )


def _may_set(function: FunctionNode, lines: range) -> bool:
    """Whether something on these lines may set what an attribute or an item holds."""
    return any(
        isinstance(it, ast.Call | ast.Await | ast.Yield)
        or (isinstance(it, ast.Attribute | ast.Subscript) and not isinstance(it.ctx, ast.Load))
        for it in ast.walk(function)
        if getattr(it, "lineno", 0) in lines
    )


def _is_alone_in_block(function: FunctionNode, statement: ast.stmt) -> bool:
    return any(
        getattr(it, field, None) == [statement]
        for it in ast.walk(function)
        for field in ("body", "orelse", "finalbody")
    )
