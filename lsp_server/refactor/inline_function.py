"""Where a function may be put in the place of its calls by rope, which asks little. Pure.

rope removes the function, whatever else means it, and puts its lines in as text, without parentheses.
"""

from __future__ import annotations

import ast
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping

from lsp_server.edits.python_scopes import FunctionNode, bound_by, own_nodes, parameters_of
from lsp_server.refactor import name_flow
from lsp_server.refactor.evaluation import evaluation_of
from lsp_server.refactor.global_names import find_places
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.source import lines_inside_strings, parse

_PLAIN = ast.Constant | ast.Name | ast.Attribute | ast.UnaryOp | ast.unaryop | ast.expr_context
_WHOLE = ast.Return | ast.Assign | ast.AnnAssign | ast.Expr | ast.Call | ast.keyword | ast.List


def check_inlining(texts: Mapping[str, str], path: str, function: FunctionNode) -> None:
    """Before it is done. Raises `RefactorRefused`."""
    _check_function(texts[path], function)
    name = function.name
    for other, text in texts.items():
        if name in text:
            tree = parse(text, other)
            for it in ast.walk(tree):
                _check_node(other, it, function)
            _check_statements(other, tree, function)
            if len(function.body) > 1:
                _check_places(other, tree, function)
            for around in ast.walk(tree):
                if isinstance(around, FunctionNode | ast.Module):
                    _check_names(other, around, function)


def check_left(texts: Mapping[str, str], name: str) -> None:
    """After it was done, where rope did not know what is called. Raises `RefactorRefused`."""
    for path, text in texts.items():
        if name in text:
            for it in ast.walk(parse(text, path)):
                if isinstance(it, ast.Attribute) and it.attr == name:
                    raise RefactorRefused(f"{path} has {ast.unparse(it)}, which may mean it, too")


def check_imports(
    before: Mapping[str, str], after: Mapping[str, str], home: str, name: str
) -> None:
    """After it was done, where a file has or passes on what its home has no more. Raises the same."""
    texts = {**after, home: before[home]}
    for path in find_places(texts, home, name):
        if path != home:
            raise RefactorRefused(
                f"{path} imports {name} too, and passes it on or uses it in a way that is not understood"
            )


def _check_function(text: str, function: FunctionNode) -> None:
    name = function.name
    assert function.end_lineno is not None
    if function.decorator_list:
        raise RefactorRefused(f"{name} is decorated, and its calls would do without that")
    if isinstance(function, ast.AsyncFunctionDef):
        raise RefactorRefused(f"{name} is async, and its calls are no more than that yet")
    for it in own_nodes(function.body):
        if isinstance(it, ast.Yield | ast.YieldFrom):
            raise RefactorRefused(f"{name} yields, and its callers would do so then")
        if isinstance(it, ast.Global | ast.Nonlocal):
            raise RefactorRefused(f"{name} sets a variable from around it")
    _check_returns(function)
    _check_parameters(function)
    lines = range(function.lineno, function.end_lineno + 1)
    if not lines_inside_strings(text).isdisjoint(lines):
        raise RefactorRefused(f"{name} has a string of several lines, which would be changed")


def _check_returns(function: FunctionNode) -> None:
    name = function.name
    for it in own_nodes(function.body):
        if isinstance(it, ast.Return) and it is not function.body[-1]:
            raise RefactorRefused(f"{name} returns before its end in some cases: line {it.lineno}")
        if isinstance(it, FunctionNode) and any(isinstance(n, ast.Return) for n in ast.walk(it)):
            raise RefactorRefused(f"{name} has a function within that returns: {it.name}")


def _check_parameters(function: FunctionNode) -> None:
    """That arguments can stand where the parameters do."""
    name = function.name
    parameters = {it.arg for it in parameters_of(function)}
    defaults = (*function.args.defaults, *function.args.kw_defaults)
    for default in defaults:
        if default is not None and not all(isinstance(it, _PLAIN) for it in ast.walk(default)):
            raise RefactorRefused(
                f"{name} computes the default of a parameter once, and its calls would do so each time"
            )
    bound = name_flow.bound(function.body)
    for part in function.body:
        for node in ast.walk(part):
            for it in bound_by(node):
                if it in parameters:
                    raise RefactorRefused(
                        f"{name} sets its parameter {it}"
                        if it in bound
                        else f"{name} has another {it} than its parameter on line {node.lineno}"  # type: ignore[attr-defined]
                    )
            if isinstance(node, ast.JoinedStr) and _shows_code(node):
                raise RefactorRefused(f"{name} has an f-string that shows the code of its value")


def _shows_code(node: ast.JoinedStr) -> bool:
    """Whether it may be of the kind `{name=}`, of which the tree has the text beside the value."""
    return any(
        isinstance(text, ast.Constant)
        and isinstance(value, ast.FormattedValue)
        and str(text.value).rstrip().endswith(f"{ast.unparse(value.value)}=")
        for text, value in itertools.pairwise(node.values)
    )


def _check_node(path: str, node: ast.AST, function: FunctionNode) -> None:
    """That calls are whole expressions with plain arguments, and that nothing else is called so."""
    name = function.name
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() if node.name == name:
            if (node.lineno, node.end_lineno) != (function.lineno, function.end_lineno):
                raise RefactorRefused(
                    f"{path} defines {name} on line {node.lineno}, too: which of them is called is not "
                    "certain"
                )
        case ast.Constant(value=str()) if node.value == name:
            raise RefactorRefused(f"{path}, line {node.lineno} has {name} in a string")
        case _:
            pass
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.Call) or _called(child) != name:
            continue
        if not _may_stand_in(node, child, function):
            raise RefactorRefused(
                f"{path}, line {child.lineno} calls {name} within an expression: extract a "
                "variable there first"
            )
        for argument in (*child.args, *(it.value for it in child.keywords)):
            if not isinstance(argument, ast.Name | ast.Constant | ast.Attribute):
                raise RefactorRefused(
                    f"{path}, line {child.lineno} gives {name} an expression: extract a "
                    "variable there first"
                )


def _may_stand_in(node: ast.AST, call: ast.Call, function: FunctionNode) -> bool:
    """Whether what the function returns may stand without brackets in the place of a call."""
    returned = function.body[-1]
    is_tuple = isinstance(returned, ast.Return) and isinstance(returned.value, ast.Tuple)
    if isinstance(node, ast.Call | ast.keyword | ast.List):
        return not is_tuple and call is not getattr(node, "func", None)
    return isinstance(node, _WHOLE)


def _check_places(
    path: str, node: ast.AST, function: FunctionNode, around: tuple[ast.AST, ...] = ()
) -> None:
    """That the lines of the function may stand before the statements that call it."""
    around = (*around, node)
    if isinstance(node, ast.Call) and _called(node) == function.name:
        at = max(n for n, it in enumerate(around) if isinstance(it, ast.stmt))
        evaluation = evaluation_of(around[at:])
        if evaluation.repeated or evaluation.skipped or _is_elif(around[at - 1], around[at]):
            raise RefactorRefused(
                f"{path}, line {node.lineno} calls {function.name} in some cases alone, or several "
                "times: its lines cannot stand before that"
            )
    for child in ast.iter_child_nodes(node):
        _check_places(path, child, function, around)


def _is_elif(around: ast.AST, statement: ast.AST) -> bool:
    return (
        isinstance(around, ast.If)
        and around.orelse == [statement]
        and isinstance(statement, ast.If)
        and statement.col_offset == around.col_offset
    )


def _check_names(path: str, around: FunctionNode | ast.Module, function: FunctionNode) -> None:
    """That the variables of the function are none of those that call it, and are set but once there."""
    calls = [
        it
        for it in own_nodes(around.body)
        if isinstance(it, ast.Call) and _called(it) == function.name
    ]
    if around is function or not calls:
        return
    own = name_flow.bound(function.body).keys()
    for it in sorted(own & set(_names(around))):
        raise RefactorRefused(f"{path} has a variable {it} where it calls {function.name}, too")
    if own and len(calls) > 1:
        raise RefactorRefused(
            f"{path}, line {calls[1].lineno} calls {function.name}, which has variables, once more where "
            "it was called before"
        )


def _check_statements(path: str, tree: ast.Module, function: FunctionNode) -> None:
    """That no statement has two calls, of which rope would make two statements."""
    innermost: dict[ast.Call, ast.stmt] = {}
    for statement in ast.walk(tree):  # the outer ones first
        if isinstance(statement, ast.stmt):
            for it in ast.walk(statement):
                if isinstance(it, ast.Call) and _called(it) == function.name:
                    innermost[it] = statement
    for statement, number in Counter(innermost.values()).items():
        if number > 1:
            raise RefactorRefused(
                f"{path}, line {statement.lineno} calls {function.name} several times in one statement: "
                "extract a variable there first"
            )


def _names(around: FunctionNode | ast.Module) -> Iterator[str]:
    if isinstance(around, FunctionNode):
        yield from (it.arg for it in parameters_of(around))
    for it in own_nodes(around.body):
        if isinstance(it, ast.Name):
            yield it.id


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""
