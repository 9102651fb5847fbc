"""Where a function may be put in the place of its calls by rope, which asks little. Pure.

rope removes the function, whatever else means it, and puts its lines in as text, without parentheses.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from lsp_server.edits.python_scopes import FunctionNode, own_nodes, parameters_of
from lsp_server.refactor import name_flow
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.source import lines_inside_strings, parse

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
    lines = range(function.lineno, function.end_lineno + 1)
    if not lines_inside_strings(text).isdisjoint(lines):
        raise RefactorRefused(f"{name} has a string of several lines, which would be changed")
    bound = name_flow.bound(function.body)
    for parameter in parameters_of(function):
        if parameter.arg in bound:
            raise RefactorRefused(f"{name} sets its parameter {parameter.arg}")


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
        if not isinstance(node, _WHOLE):
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


def _check_names(path: str, around: FunctionNode | ast.Module, function: FunctionNode) -> None:
    """That the variables of the function are none of those that call it."""
    if around is function or not any(
        isinstance(it, ast.Call) and _called(it) == function.name for it in own_nodes(around.body)
    ):
        return
    own = name_flow.bound(function.body).keys()
    for it in sorted(own & set(_names(around))):
        raise RefactorRefused(f"{path} has a variable {it} where it calls {function.name}, too")


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
