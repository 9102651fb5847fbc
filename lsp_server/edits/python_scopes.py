"""Scopes of Python, as its tree has them: their parameters, their own nodes, and what those bind. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
Scope = FunctionNode | ast.Lambda | ast.ClassDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def parameters_of(function: FunctionNode | ast.Lambda) -> list[ast.arg]:
    arguments = function.args
    return [
        *arguments.posonlyargs,
        *arguments.args,
        *([arguments.vararg] if arguments.vararg else []),
        *arguments.kwonlyargs,
        *([arguments.kwarg] if arguments.kwarg else []),
    ]


def own_nodes(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes and what is below them, in order, but for what is in functions and classes there."""
    waiting = [*nodes][::-1]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, Scope):
            waiting += [*ast.iter_child_nodes(node)][::-1]


def own_nodes_of(scope: Scope) -> Iterator[ast.AST]:
    """Those of a scope's body."""
    return own_nodes(scope.body if isinstance(scope.body, list) else [scope.body])


def bound_by(node: ast.AST) -> tuple[str, ...]:
    """The names that a node itself binds in the scope that it stands in, or removes from it."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return (name,)
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return (name,)
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return tuple(it.asname or it.name.partition(".")[0] for it in names)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            return (name,)
        case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            return (name,)
    return ()
