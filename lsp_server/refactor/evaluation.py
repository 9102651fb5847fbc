"""When an expression is computed, by what stands around it in its statement. Pure."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import UnionType

from lsp_server.refactor.source import Source

_NOWHERE = (1 << 30, 0)  # of operators, which run nothing
ACTS = ast.Call | ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Why an expression is not computed just once; or why it may not be at all. Empty where it is."""

    repeated: str = ""
    skipped: str = ""


def evaluation_of(path: Sequence[ast.AST]) -> Evaluation:
    """That of the end of a path from its statement on, where that statement runs once."""
    skipped = ""
    for at, around in enumerate(path[:-1]):
        repeated = _repeated(around, path[at + 1 : at + 3])
        if repeated:
            return Evaluation(repeated)
        skipped = _skipped(around, path[at + 1]) or skipped
    return Evaluation(skipped=skipped)


def _repeated(around: ast.AST, inner: Sequence[ast.AST]) -> str:
    match around:
        case ast.While():
            return "the condition of a loop is computed in each round of it"
        case ast.For() | ast.AsyncFor() if around.target in inner:
            return "what a loop sets is computed in each round of it"
        case ast.Lambda() if around.body in inner:
            return "what a lambda computes it computes when it is called"
        case ast.match_case():
            return "what a case asks it asks only of what did not match before"
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            if around.generators[0].iter not in inner:  # which is computed before it
                return "a comprehension computes it for each of its items"
        case _:
            pass
    return ""


def _skipped(around: ast.AST, inner: ast.AST) -> str:
    match around:
        case ast.BoolOp() if inner is not around.values[0]:
            return "it is computed also where what stands before it decides"
        case ast.Compare() if inner in around.comparators[1:]:
            return "it is computed also where what stands before it decides"
        case ast.IfExp() if inner is not around.test:
            return "it is computed also where its condition does not hold"
        case ast.Assert() if inner is around.msg:
            return "it is computed also where the assertion holds"
        case ast.ExceptHandler() if inner is around.type:
            return "it is computed also where there is no error"
        case _:
            return ""


def bound_before(source: Source, statement: ast.stmt, path: Sequence[ast.AST]) -> set[str]:
    """The names that a statement has bound when it comes to the end of a path from it on."""
    place = source.start(_located(path[-1]))
    within: list[ast.AST] = [it for it in ast.walk(statement) if isinstance(it, ast.NamedExpr)]
    match statement:
        case ast.With() | ast.AsyncWith():
            within += [it.optional_vars for it in statement.items if it.optional_vars is not None]
        case ast.Assign() if statement.value not in path:
            within += statement.targets
        case _:
            pass
    return {
        it.id
        for node in within
        for it in ast.walk(node)
        if isinstance(it, ast.Name) and isinstance(it.ctx, ast.Store) and source.start(it) < place
    }


def acts_before(
    source: Source, statement: ast.stmt, path: Sequence[ast.AST], acts: type | UnionType = ACTS
) -> bool:
    """Whether a statement does something before it comes to the end of a path from it on."""
    place = source.start(_located(path[-1]))
    return any(
        isinstance(it, acts) and it not in path and source.start(_located(it)) < place
        for it in ast.walk(statement)
    )


def _located(node: ast.AST) -> ast.expr:
    assert isinstance(node, ast.expr)
    return node


def run_before(path: Sequence[ast.AST]) -> list[ast.AST]:
    """What a statement has computed when it comes to the end of a path from it on."""
    found: list[ast.AST] = []
    for around, inner in itertools.pairwise(path):
        match around:
            case ast.Assign(value=value) if inner is not value:
                found += [value, *_placed_before(around.targets, inner)]
            case ast.AnnAssign(value=value) if inner is not value:
                found += [value] if value is not None else []
            case ast.AugAssign(target=target) if inner is not target:  # which is read first
                found.append(ast.parse(ast.unparse(target), mode="eval").body)
            case ast.IfExp(test=test) if inner is not test:
                found.append(test)
            case ast.JoinedStr(values=values):  # which have no places of their own
                found += values[: values.index(inner)]  # type: ignore[arg-type]
            case (
                ast.Assign()
                | ast.AnnAssign()
                | ast.IfExp()
                | ast.For()
                | ast.AsyncFor()
                | ast.Lambda()
                | ast.comprehension()
                | ast.ListComp()
                | ast.SetComp()
                | ast.DictComp()
                | ast.GeneratorExp()
            ):
                pass
            case ast.Call(func=ast.Attribute(value=value) as method) if inner is not method:
                arguments = [*around.args, *around.keywords]  # what it calls is looked up, no more
                found += [value, *_placed_before(arguments, inner)]
            case ast.Call(func=function) if inner is not function:
                found += _placed_before([*around.args, *around.keywords], inner)
                found += [function] if not isinstance(function, ast.Name) else []
            case _:
                found += _placed_before(ast.iter_child_nodes(around), inner)
    return found


def _placed_before(nodes: Iterable[ast.AST], inner: ast.AST) -> list[ast.AST]:
    """Those whose text begins before that of a neighbour; no statements."""
    place = _place(inner)
    return [
        it
        for it in nodes
        if it is not inner and not isinstance(it, ast.stmt) and _place(it) < place
    ]


def _place(node: ast.AST) -> tuple[int, int]:
    """Of a node without one that of the first below it that has one."""
    if isinstance(
        node, ast.expr | ast.stmt | ast.arg | ast.keyword | ast.ExceptHandler | ast.pattern
    ):
        return node.lineno, node.col_offset
    return min(map(_place, ast.iter_child_nodes(node)), default=_NOWHERE)
