"""Which names a piece of Python takes from what stands around it, and which it gives: by its tree. Pure.

In doubt a name counts as read, and as bound: one that is passed or returned without need is harmless.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from lsp_server.edits.python_scopes import (
    Comprehension,
    FunctionNode,
    Scope,
    bound_by,
    own_nodes,
    parameters_of,
)

Loop = ast.For | ast.AsyncFor | ast.While

# By how many arguments they have where they mean the variables around them.
_GIVEN_NO_NAMES = {"locals": 0, "vars": 0, "dir": 0, "eval": 1, "exec": 1}
# What they are given they do not keep to themselves when it fails.
_LETS_ERRORS_OUT = re.compile(
    r"open|closing|nullcontext|redirect_std\w+|\w*Temporary\w+|chdir|localcontext|catch_warnings|"
    r"\w*[Ll]ock|\w*[Ss]emaphore|\w*[Cc]ondition|\w*Pool\w*|Popen|ZipFile|scandir|urlopen|timeout|"
    r"patch\w*|subTest|captured_\w+"
)
_KEEPS_ERRORS = re.compile(
    r"suppress|\w*ExitStack|raises|assertRaises\w*|move_on_\w+|\w*ignore\w*|\w*swallow\w*"
)
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
    outer, inner, own = scope_parts(node)
    for child in outer:
        yield from reads(child, hidden, is_deferred=is_deferred)
    is_later = is_deferred or isinstance(node, FunctionNode | ast.Lambda)
    for child in inner:
        yield from reads(child, hidden | own, is_deferred=is_later)


def scope_parts(node: ast.AST) -> tuple[list[ast.AST], list[ast.AST], frozenset[str]]:
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


def reads_by_name(nodes: Iterable[ast.AST]) -> ast.Call | None:
    """A call that has the variables of the scope by their names, whichever it wants."""
    for it in own_nodes(nodes):
        if isinstance(it, ast.Call) and isinstance(it.func, ast.Name):
            given = len(it.args) + len(it.keywords)
            if given == _GIVEN_NO_NAMES.get(it.func.id):
                return it
    return None


def first_reads(
    statements: Iterable[ast.stmt], given: AbstractSet[str] = frozenset()
) -> Iterator[Read]:
    """The reads of what a name had before the statements, but for the `given`, which have a new value."""
    names = set(given)
    for statement in statements:
        yield from _first_reads_of(statement, names)
        names |= surely_bound([statement], trusting=False) or set()


def _first_reads_of(statement: ast.stmt, given: AbstractSet[str]) -> Iterator[Read]:
    if isinstance(statement, ast.Try | ast.TryStar):
        yield from _first_reads_of_try(statement, given)
        return
    head: list[ast.AST]
    blocks: list[tuple[list[ast.stmt], AbstractSet[str]]]
    match statement:
        case ast.If(test=test) | ast.While(test=test):
            head, blocks = [test], [(statement.body, given), (statement.orelse, given)]
        case ast.For(target=target) | ast.AsyncFor(target=target):
            head = [statement.iter, target]
            blocks = [(statement.body, given | bound([target]).keys()), (statement.orelse, given)]
        case ast.With(items=items) | ast.AsyncWith(items=items):
            head, blocks = [*items], [(statement.body, given | bound(items).keys())]
        case ast.Match(cases=cases):
            head = [statement.subject, *(it.pattern for it in cases)]
            blocks = [
                (
                    [*([ast.Expr(it.guard)] if it.guard is not None else []), *it.body],
                    given | bound([it.pattern]).keys(),
                )
                for it in cases
            ]
        case _:
            head, blocks = [statement], []
    for node in head:
        yield from (it for it in reads(node) if it.name not in given)
    for block, names in blocks:
        yield from first_reads(block, names)


def _first_reads_of_try(
    statement: ast.Try | ast.TryStar, given: AbstractSet[str]
) -> Iterator[Read]:
    yield from first_reads(statement.body, given)
    for handler in statement.handlers:
        asked = [ast.Expr(handler.type)] if handler.type is not None else []
        yield from first_reads(asked, given)
        yield from first_reads(handler.body, given | ({handler.name} if handler.name else set()))
    yield from first_reads(
        statement.orelse, given | (surely_bound(statement.body, trusting=False) or set())
    )
    yield from first_reads(statement.finalbody, given)


def surely_read(nodes: Iterable[ast.AST]) -> set[str]:
    """The names that are read whichever way is taken through nodes, or where they begin."""
    found: set[str] = set()
    for node in nodes:
        match node:
            case ast.If(test=head) | ast.While(test=head) | ast.Match(subject=head):
                heads: list[ast.AST] = [head]
            case ast.For(iter=head) | ast.AsyncFor(iter=head):
                heads = [head]
            case ast.With() | ast.AsyncWith():
                heads = [*node.items]
                found |= surely_read(node.body)
            case ast.Try() | ast.TryStar():
                heads = []
                found |= surely_read(node.body[:1])
            case _:
                heads = [node]
        found |= {it.name for head in heads for it in reads(head) if not it.is_deferred}
    return found


def may_keep_errors(statement: ast.stmt, *, trusting: bool = False) -> bool:
    """Whether it is a `with` behind which the code may go on when its body fails.

    `trusting`: one of which nothing is known is taken for none.
    """
    if not isinstance(statement, ast.With | ast.AsyncWith):
        return False
    names = [_manager(it.context_expr) for it in statement.items]
    if trusting:
        return any(_KEEPS_ERRORS.fullmatch(it) for it in names)
    return not all(_LETS_ERRORS_OUT.fullmatch(it) for it in names)


def _manager(expression: ast.expr) -> str:
    """The last of the names by which a context manager is made, or reached."""
    while isinstance(expression, ast.Call | ast.Await):
        expression = expression.func if isinstance(expression, ast.Call) else expression.value
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else ""


def surely_bound(statements: Sequence[ast.stmt], *, trusting: bool = True) -> set[str] | None:
    """The names that have a value where statements end; None where they never come to their end.

    `trusting` as in `may_keep_errors`.
    """
    names: set[str] = set()
    for statement in statements:
        if isinstance(statement, _LEAVES):
            return None
        more = _surely_bound_by(statement, trusting=trusting)
        if more is None:
            return None
        names |= more
    return names


def _surely_bound_by(statement: ast.stmt, *, trusting: bool) -> set[str] | None:
    sure = functools.partial(surely_bound, trusting=trusting)
    match statement:
        case ast.If():
            names = _in_all([sure(statement.body), sure(statement.orelse)])
        case ast.With() | ast.AsyncWith():
            targets_ = [it.optional_vars for it in statement.items if it.optional_vars is not None]
            is_whole = not may_keep_errors(statement, trusting=trusting)
            names = _and(sure(statement.body) if is_whole else set(), set(bound(targets_)))
        case ast.Try() | ast.TryStar():
            ways = [sure([*statement.body, *statement.orelse])]
            ways += [sure(it.body) for it in statement.handlers]
            names = _and(_in_all(ways), sure(statement.finalbody))
        case ast.For() | ast.AsyncFor() | ast.While():
            names = _surely_bound_by_loop(statement, trusting=trusting)
        case ast.Match(cases=[*_, ast.match_case(pattern=ast.MatchAs(pattern=None), guard=None)]):
            names = _in_all(_and(sure(it.body), set(bound([it.pattern]))) for it in statement.cases)
        case ast.Match() | ast.AnnAssign(value=None):
            names = set()
        case _:
            names = set(bound([statement]))
    return names


def _surely_bound_by_loop(loop: Loop, *, trusting: bool) -> set[str] | None:
    if any(isinstance(it, ast.Break) for it in nodes_of_loop(loop)):
        return set()
    if isinstance(loop, ast.While) and isinstance(loop.test, ast.Constant) and loop.test.value:
        return None
    return surely_bound(loop.orelse, trusting=trusting)


def nodes_of_loop(loop: Loop) -> Iterator[ast.AST]:
    """The nodes whose `break` or `continue` is the loop's."""
    waiting: list[ast.AST] = [*loop.body]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, Loop):
            waiting += node.orelse
        elif not isinstance(node, Scope):
            waiting += ast.iter_child_nodes(node)


def _and(one: set[str] | None, other: set[str] | None) -> set[str] | None:
    return None if one is None or other is None else one | other


def _in_all(ways: Iterable[set[str] | None]) -> set[str] | None:
    open_ways = [it for it in ways if it is not None]
    return set.intersection(*open_ways) if open_ways else None
