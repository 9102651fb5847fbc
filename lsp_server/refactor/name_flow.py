"""Which names a piece of Python takes from what stands around it, and which it gives: by its tree. Pure.

In doubt a name counts as read, and as bound: one that is passed or returned without need is harmless.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lsp_server.edits.python_scopes import (
    Comprehension,
    FunctionNode,
    bound_by,
    own_nodes,
    parameters_of,
)

Loop = ast.For | ast.AsyncFor | ast.While

_LEAVES = ast.Return | ast.Raise | ast.Break | ast.Continue


@dataclass(frozen=True, slots=True)
class Read:
    """`is_deferred`: by a function or a lambda, which may run at any time later."""

    name: str
    node: ast.Name
    is_deferred: bool


def reads(
    node: ast.AST, hidden: frozenset[str] = frozenset(), *, is_deferred: bool = False
) -> Iterator[Read]:
    """The names that a node takes from around it, but for the `hidden`; in the order of its tree."""
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Store) and node.id not in hidden:
            yield Read(node.id, node, is_deferred)
        return
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        yield from reads(
            ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target), hidden
        )
    outer, inner, own = _parts(node)
    for child in outer:
        yield from reads(child, hidden, is_deferred=is_deferred)
    is_later = is_deferred or isinstance(node, FunctionNode | ast.Lambda)
    for child in inner:
        yield from reads(child, hidden | own, is_deferred=is_later)


def _parts(node: ast.AST) -> tuple[list[ast.AST], list[ast.AST], frozenset[str]]:
    """The children that see what the node does, those in a scope of their own, and the names of that."""
    children = list(ast.iter_child_nodes(node))
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() | ast.ClassDef():
            body = node.body if isinstance(node.body, list) else [node.body]
            own = bound(body).keys() - declared(body).keys()
            if not isinstance(node, ast.ClassDef):
                own |= {it.arg for it in parameters_of(node)}
            return [it for it in children if it not in body], list(body), frozenset(own)
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            first = node.generators[0]
            inner = [
                it
                for generator in node.generators
                for it in ast.iter_child_nodes(generator)
                if it is not first.iter
            ]
            inner += [it for it in children if not isinstance(it, ast.comprehension)]
            return [first.iter], inner, frozenset(targets(node))
        case _:
            return children, [], frozenset()


def targets(comprehension: Comprehension) -> set[str]:
    """The names that a comprehension binds for itself."""
    return {
        it.id
        for generator in comprehension.generators
        for it in ast.walk(generator.target)
        if isinstance(it, ast.Name)
    }


def bound(nodes: Iterable[ast.AST]) -> dict[str, ast.AST]:
    """The names that nodes bind in the scope that they stand in, each with the first that does."""
    found: dict[str, ast.AST] = {}
    for node in nodes:
        for name, by in _bound(node):
            found.setdefault(name, by)
    return found


def bindings(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    """The same, with all that do."""
    for node in nodes:
        yield from _bound(node)


def _bound(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if not isinstance(getattr(node, "ctx", None), ast.Del):
        for name in bound_by(node):
            yield name, node
    for child in _in_the_same_scope(node):
        yield from _bound(child)


def _in_the_same_scope(node: ast.AST) -> Iterable[ast.AST]:
    """The nodes below whose names are bound where the node stands."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return node.decorator_list
        case ast.Lambda():
            return []
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            # But for what `:=` binds its names are its own.
            return [it.target for it in ast.walk(node) if isinstance(it, ast.NamedExpr)]
        case _:
            return ast.iter_child_nodes(node)


def declared(nodes: Iterable[ast.AST]) -> dict[str, str]:
    """The names that are declared `global` or `nonlocal` in a scope, each with which of them."""
    found: dict[str, str] = {}
    for it in own_nodes(nodes):
        if isinstance(it, ast.Global | ast.Nonlocal):
            kind = "global" if isinstance(it, ast.Global) else "nonlocal"
            found |= dict.fromkeys(it.names, kind)
    return found


def surely_bound(statements: Sequence[ast.stmt]) -> set[str] | None:
    """The names that have a value where statements end; None where they never come to their end."""
    names: set[str] = set()
    for statement in statements:
        if isinstance(statement, _LEAVES):
            return None
        more = _surely_bound_by(statement)
        if more is None:
            return None
        names |= more
    return names


def _surely_bound_by(statement: ast.stmt) -> set[str] | None:
    match statement:
        case ast.If():
            names = _in_all([surely_bound(statement.body), surely_bound(statement.orelse)])
        case ast.With() | ast.AsyncWith():
            targets_ = [it.optional_vars for it in statement.items if it.optional_vars is not None]
            names = _and(surely_bound(statement.body), set(bound(targets_)))
        case ast.Try() | ast.TryStar():
            ways = [surely_bound([*statement.body, *statement.orelse])]
            ways += [surely_bound(it.body) for it in statement.handlers]
            names = _and(_in_all(ways), surely_bound(statement.finalbody))
        case ast.For() | ast.AsyncFor() | ast.While() | ast.Match() | ast.AnnAssign(value=None):
            names = set()
        case _:
            names = set(bound([statement]))
    return names


def _and(one: set[str] | None, other: set[str] | None) -> set[str] | None:
    return None if one is None or other is None else one | other


def _in_all(ways: Iterable[set[str] | None]) -> set[str] | None:
    open_ways = [it for it in ways if it is not None]
    return set.intersection(*open_ways) if open_ways else None
