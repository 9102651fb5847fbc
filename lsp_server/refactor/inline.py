"""Puts the value of a local variable in its places. Pure.

Parentheses are added where the value would be taken apart otherwise. What is evaluated more often, later
or in another order than it was is doubtful.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lsp_server.edits.python_scopes import (
    Comprehension,
    FunctionNode,
    Scope,
    bound_by,
    own_nodes_of,
)
from lsp_server.refactor import blocks, name_flow
from lsp_server.refactor.evaluation import ACTS, acts_before, evaluation_of
from lsp_server.refactor.job import Doubt, Rewritten
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.selected import path_to
from lsp_server.refactor.source import Source, TextEdit, apply_edits, strings_and_comments

_ATOMS = (
    ast.Name
    | ast.Constant
    | ast.Attribute
    | ast.Call
    | ast.Subscript
    | ast.List
    | ast.Dict
    | ast.Set
    | Comprehension
    | ast.JoinedStr
)
_WHOLE = ast.Return | ast.Assign | ast.AnnAssign | ast.Expr | ast.Call | ast.keyword | ast.List
_NEW_OBJECT = ast.List | ast.Dict | ast.Set | Comprehension
_SURE = (
    ast.Name
    | ast.Constant
    | ast.List
    | ast.Dict
    | ast.Set
    | ast.Tuple
    | ast.Lambda
    | ast.expr_context
)
_EVALUATED_AGAIN = "the value is computed again, or later than it was"


@dataclass(frozen=True, slots=True)
class _Use:
    """A place of the variable, with the way to it from the function's body down."""

    path: tuple[ast.AST, ...]

    @property
    def node(self) -> ast.Name:
        node = self.path[-1]
        assert isinstance(node, ast.Name)
        return node

    @property
    def parent(self) -> ast.AST:
        return self.path[-2]


@dataclass(frozen=True, slots=True)
class _Variable:
    source: Source
    function: FunctionNode
    statement: ast.Assign | ast.AnnAssign
    name: str

    @property
    def value(self) -> ast.expr:
        assert self.statement.value is not None  # as `_find` finds them
        return self.statement.value

    def nodes(self) -> Iterator[ast.AST]:
        """Those of the function's body."""
        for it in self.function.body:
            yield from ast.walk(it)


def inline_variable(source: Source, line: int, name: str) -> Rewritten:
    """The variable that is assigned on a line, from 0. Raises `RefactorRefused`."""
    variable = _find(source, line + 1, name)
    statement, value = variable.statement, variable.value
    _check(variable)
    uses = [it for part in variable.function.body for it in _uses(part, name, ())]
    if not uses:
        raise RefactorRefused(f"{name} is not used: delete it")
    _check_uses(variable, uses)
    text = _text_of_value(variable)
    edits = [
        TextEdit(source.start(it.node), source.end(it.node), _bracketed(text, value, it))
        for it in uses
    ]
    edits.append(_removal(variable))
    doubts: tuple[Doubt, ...] = ()
    if _is_doubtful(variable, uses):
        lines = [statement.lineno - 1, *(it.node.lineno - 1 for it in uses)]  # all of it or nothing
        doubts = tuple(Doubt(it, _EVALUATED_AGAIN) for it in lines)
    return Rewritten(source.path, source.text, apply_edits(source.text, edits), doubts)


def _find(source: Source, line: int, name: str) -> _Variable:
    for function in ast.walk(source.tree):
        if not isinstance(function, FunctionNode):
            continue
        for it in own_nodes_of(function):
            if isinstance(it, ast.Assign | ast.AnnAssign) and it.lineno == line and it.value:
                targets = it.targets if isinstance(it, ast.Assign) else [it.target]
                (target, *others) = targets
                if isinstance(target, ast.Name) and target.id == name and not others:
                    return _Variable(source, function, it, name)
    raise RefactorRefused("a variable is inlined where a function assigns it: put the cursor there")


def _check(variable: _Variable) -> None:
    name, function = variable.name, variable.function
    bindings = [it for it in variable.nodes() if name in bound_by(it)]
    if len(bindings) > 1:
        raise RefactorRefused(f"{name} is assigned more than once in {function.name}")
    if any(
        isinstance(it, ast.Global | ast.Nonlocal) and name in it.names for it in variable.nodes()
    ):
        raise RefactorRefused(f"{name} is a variable of more than {function.name}")
    if any(isinstance(it, ast.arg) and it.arg == name for it in ast.walk(function)):
        raise RefactorRefused(f"{name} is a parameter too")
    if any(
        isinstance(it, ast.Yield | ast.YieldFrom | ast.NamedExpr | ast.Await)
        for it in ast.walk(variable.value)
    ):
        raise RefactorRefused(f"the value of {name} does something that is to be done once")
    if call := name_flow.reads_by_name(variable.nodes()):
        raise RefactorRefused(
            f"{ast.unparse(call.func)} on line {call.lineno} may read {name} by its name"
        )


def _uses(node: ast.AST, name: str, path: tuple[ast.AST, ...]) -> Iterator[_Use]:
    path = (*path, node)
    if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load):
        if any(isinstance(it, ast.JoinedStr) for it in path):
            raise RefactorRefused(f"{name} stands in an f-string on line {node.lineno}")
        yield _Use(path)
    for child in ast.iter_child_nodes(node):
        yield from _uses(child, name, path)


def _check_uses(variable: _Variable, uses: Sequence[_Use]) -> None:
    """That the names of the value mean the same in all its places. Raises `RefactorRefused`."""
    names = {it.name for it in name_flow.reads(variable.value)}
    for use in uses:
        for at, around in enumerate(use.path[:-1]):
            _, inner, own = name_flow.scope_parts(around)
            is_within = any(it in inner for it in use.path[at + 1 : at + 3])
            for hidden in sorted(names & own) if is_within else ():
                raise RefactorRefused(
                    f"{hidden}, which the value of {variable.name} has, is another one on line "
                    f"{use.node.lineno}"
                )


def _text_of_value(variable: _Variable) -> str:
    """With the brackets around it, where comments stand in those."""
    source, value, statement = variable.source, variable.value, variable.statement
    start, end = source.start(value), source.end(value)
    target = statement.annotation if isinstance(statement, ast.AnnAssign) else statement.targets[0]
    whole_start = source.text.index("=", source.end(target)) + 1
    whole_end = source.end(statement)
    if any(
        written.startswith("#") and (whole_start < at < start or end < at < whole_end)
        for at, written in strings_and_comments(source.text)
    ):
        return source.text[whole_start:whole_end].strip()
    return source.text[start:end]


def _bracketed(text: str, value: ast.expr, use: _Use) -> str:
    if _is_in_brackets(text):
        return text
    is_called = isinstance(use.parent, ast.Call) and use.parent.func is use.node
    is_whole = isinstance(use.parent, _WHOLE) and not is_called and not isinstance(value, ast.Tuple)
    is_number = isinstance(value, ast.Constant) and isinstance(value.value, int | float | complex)
    is_atom = isinstance(value, _ATOMS) and not is_number
    return text if (is_atom or is_whole) and "\n" not in text else f"({text})"


def _is_in_brackets(text: str) -> bool:
    """Whether one pair of round brackets is around all of an expression."""
    if not text.startswith("("):
        return False
    called = ast.parse(f"called{text}", mode="eval").body
    return isinstance(called, ast.Call) and isinstance(called.func, ast.Name)


def _removal(variable: _Variable) -> TextEdit:
    """Takes the statement away, but for a comment behind it. Raises `RefactorRefused`."""
    source, statement = variable.source, variable.statement
    first, last = statement.lineno, statement.end_lineno or statement.lineno
    start, end = source.line_start(first), source.line_start(last + 1)
    before = source.text[start : source.start(statement)]
    behind = source.text[source.end(statement) : end].strip()
    if before.strip() or (behind and not behind.startswith("#")):
        raise RefactorRefused(f"other code stands on the line that assigns {variable.name}")
    if _is_alone_in_block(variable):
        raise RefactorRefused(f"its block has nothing but the assignment of {variable.name}")
    if behind:
        return TextEdit(start, end, f"{before}{behind}\n")
    is_apart = last < len(source.lines) and source.is_blank(first - 1) and source.is_blank(last + 1)
    # No two blank lines in place of one.
    return TextEdit(start, source.line_start(last + 2) if is_apart else end, "")


def _is_alone_in_block(variable: _Variable) -> bool:
    return any(
        getattr(it, field, None) == [variable.statement]
        for it in ast.walk(variable.function)
        for field in ("body", "orelse", "finalbody")
    )


def _is_doubtful(variable: _Variable, uses: Sequence[_Use]) -> bool:
    value = variable.value
    parts = list(ast.walk(value))
    if isinstance(value, ast.Constant):
        return False
    around = _around(variable)
    directly = all(_runs_next(variable, around, it) for it in uses)
    if any(isinstance(it, ast.Call) for it in parts):
        return len(uses) > 1 or not directly
    is_again = len(uses) > 1 or any(_is_repeated(around, it) for it in uses)
    if is_again and any(isinstance(it, _NEW_OBJECT) for it in parts):
        return True
    if len(uses) > 1 and isinstance(value, ast.BinOp) and any(_sets_within(it) for it in uses):
        return True
    reads = any(isinstance(it, ast.Attribute | ast.Subscript) for it in parts)
    reads |= _reads_what_others_set(variable)
    may_fail = not all(isinstance(it, _SURE) for it in parts)
    return (
        _is_changed(variable)
        or any(_is_of_another_round(variable, around, it) for it in uses)
        or (may_fail and any(_is_out_of_reach(around, it) for it in uses))
        or (reads and any(_is_deferred(it) for it in uses))
        or (reads and not directly and _may_set(variable, uses))
    )


def _around(variable: _Variable) -> list[ast.AST]:
    """The nodes of the function around the statement."""
    source, statement = variable.source, variable.statement
    path = path_to(source, source.start(statement), source.end(statement))
    return path[path.index(variable.function) + 1 : path.index(statement)]


def _runs_next(variable: _Variable, around: Sequence[ast.AST], use: _Use) -> bool:
    """Whether nothing is done between the statement and a use behind it."""
    following = blocks.behind([variable.function, *around], [variable.statement])[:1]
    if not following or following[0] not in use.path:
        return False
    path = use.path[use.path.index(following[0]) :]
    if any(isinstance(it, ast.stmt | ast.ExceptHandler | ast.match_case) for it in path[1:]):
        return False
    evaluation = evaluation_of(path)
    if evaluation.repeated or evaluation.skipped:
        return False
    return not acts_before(variable.source, following[0], path)


def _is_repeated(around: Sequence[ast.AST], use: _Use) -> bool:
    """Whether a use may run more often than the statement."""
    return any(
        isinstance(it, name_flow.Loop | Scope | Comprehension) and it not in around
        for it in use.path
    )


def _is_deferred(use: _Use) -> bool:
    return any(isinstance(it, FunctionNode | ast.Lambda) for it in use.path)


def _is_of_another_round(variable: _Variable, around: Sequence[ast.AST], use: _Use) -> bool:
    """Whether a use may be of a value from an earlier round of a loop than the rest there."""
    source = variable.source
    if source.start(use.node) < source.start(variable.statement):
        return True
    is_in_loop = any(isinstance(it, name_flow.Loop) for it in around)
    return is_in_loop and around[-1] not in use.path


def _is_out_of_reach(around: Sequence[ast.AST], use: _Use) -> bool:
    """Whether a use is not in a `try` or a `with` that the statement is in."""
    return any(
        isinstance(it, ast.Try | ast.TryStar | ast.With | ast.AsyncWith)
        and not any(part in it.body for part in use.path)
        for it in around
    )


def _is_changed(variable: _Variable) -> bool:
    """Whether a name of the value gets another one behind the statement."""
    source, start = variable.source, variable.source.start(variable.statement)
    names = {it.name for it in name_flow.reads(variable.value)}
    return any(
        name in names and source.start(node) > start  # type: ignore[arg-type]
        for name, node in name_flow.bindings(variable.function.body)
    ) or any(isinstance(it, ast.Nonlocal) and names & {*it.names} for it in variable.nodes())


def _reads_what_others_set(variable: _Variable) -> bool:
    names = {it.name for it in name_flow.reads(variable.value)}
    return any(
        isinstance(it, ast.Global | ast.Nonlocal) and names & {*it.names}
        for it in ast.walk(variable.source.tree)
    )


def _sets_within(use: _Use) -> bool:
    """Whether a use may change what the variable holds in place."""
    parent = use.parent
    if isinstance(parent, ast.Attribute):
        above = use.path[-3]
        return isinstance(above, ast.Call) and above.func is parent
    return isinstance(parent, ast.Subscript) and not isinstance(parent.ctx, ast.Load)


def _may_set(variable: _Variable, uses: Sequence[_Use]) -> bool:
    """Whether something up to the last use may set what an attribute or an item holds."""
    statement = variable.statement
    last = max(it.node.lineno for it in uses)
    lines = range((statement.end_lineno or statement.lineno) + 1, last + 1)
    return any(
        isinstance(it, ACTS)
        or (isinstance(it, ast.Attribute | ast.Subscript) and not isinstance(it.ctx, ast.Load))
        for it in variable.nodes()
        if getattr(it, "lineno", 0) in lines
    )
