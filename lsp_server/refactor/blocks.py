"""What runs before and behind statements of a function, by the blocks that they stand in. Pure.

A path leads from the module to what is asked about, as `path_to` finds it; no more of it counts than is in
the innermost function. In doubt a name is live, and not surely bound.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lsp_server.edits.python_scopes import FunctionNode, Scope, parameters_of
from lsp_server.refactor import name_flow

_FIELDS = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass(frozen=True, slots=True)
class _Block:
    """One that holds the statements, or a block with them; with what is before and behind that in it."""

    parent: ast.AST
    field: str
    before: Sequence[ast.stmt]
    behind: Sequence[ast.stmt]


def _outwards(path: Sequence[ast.AST], statements: Sequence[ast.stmt]) -> Iterator[_Block]:
    first: ast.AST = statements[0]
    last: ast.AST = statements[-1]
    for parent in reversed(path):
        for field in _FIELDS:
            block = getattr(parent, field, None)
            if isinstance(block, list) and any(it is first for it in block):
                is_of_statements = field not in ("handlers", "cases")
                before = block[: block.index(first)] if is_of_statements else []
                behind = block[block.index(last) + 1 :] if is_of_statements else []
                yield _Block(parent, field, before, behind)
                if isinstance(parent, Scope):
                    return
                first = last = parent
                break


def live_behind(path: Sequence[ast.AST], statements: Sequence[ast.stmt]) -> set[str]:
    """The names whose values are read behind the statements, but not in functions there."""
    live: set[str] = set()
    given: set[str] = set()

    def read(more: Sequence[ast.stmt]) -> None:
        live.update(it.name for it in name_flow.first_reads(more, given))

    for block in _outwards(path, statements):
        read(block.behind)
        given |= name_flow.surely_bound(block.behind, trusting=False) or set()
        match block.parent:
            case ast.With() | ast.AsyncWith() as with_ if name_flow.may_keep_errors(with_):
                given = set()
            case ast.For() | ast.AsyncFor() | ast.While() as loop if block.field == "body":
                given = set()
                if isinstance(loop, ast.While):
                    live |= {it.name for it in name_flow.reads(loop.test)}
                else:
                    given = set(name_flow.bound([loop.target]))
                read(loop.body)
                given = set()
                read(loop.orelse)
            case ast.Try() | ast.TryStar() as tried:
                given = set()
                if block.field == "body":
                    read(tried.orelse)
                    for handler in tried.handlers:
                        read([*([ast.Expr(handler.type)] if handler.type else []), *handler.body])
                if block.field != "finalbody":
                    read(tried.finalbody)
            case _:
                pass
    return live


def surely_bound_before(path: Sequence[ast.AST], statements: Sequence[ast.stmt]) -> set[str]:
    """The names that have a value where the statements begin, but for parameters."""
    found: set[str] = set()
    for block in _outwards(path, statements):
        found |= name_flow.surely_bound(block.before) or set()
        match block.parent:
            case ast.For() | ast.AsyncFor() as loop if block.field == "body":
                found |= name_flow.bound([loop.target]).keys()
            case ast.If() | ast.While() as asked:
                found |= name_flow.bound([asked.test]).keys()
            case ast.With() | ast.AsyncWith() as with_:
                found |= name_flow.bound(with_.items).keys()
            case ast.ExceptHandler(name=str(name)):
                found.add(name)
            case ast.match_case(pattern=pattern):
                found |= name_flow.bound([pattern]).keys()
            case ast.Try() | ast.TryStar() as tried if block.field == "orelse":
                found |= name_flow.surely_bound(tried.body) or set()
            case _:
                pass
    return found


def behind(path: Sequence[ast.AST], statements: Sequence[ast.stmt]) -> Sequence[ast.stmt]:
    """What stands behind the statements in their block."""
    return next(_outwards(path, statements)).behind


def is_end(path: Sequence[ast.AST], statements: Sequence[ast.stmt]) -> bool:
    """Whether a function ends behind the statements."""
    for block in _outwards(path, statements):
        if block.behind:
            return False
        if isinstance(block.parent, FunctionNode):
            return True
        if not isinstance(block.parent, ast.If | ast.Match | ast.match_case):
            return False
    return False


def read_after_errors(
    path: Sequence[ast.AST], statements: Sequence[ast.stmt]
) -> Iterator[tuple[ast.stmt, set[str]]]:
    """The `try` or `with` around the statements, and the names read where an error in them leads to."""
    for block in _outwards(path, statements):
        tried = block.parent
        if isinstance(tried, ast.With | ast.AsyncWith) and name_flow.may_keep_errors(tried):
            read = live_behind(path, [tried])
            if not name_flow.may_keep_errors(tried, trusting=True):
                # The code behind it that reads what may be missing then says that it keeps none.
                read &= surely_bound_before(path, [tried]) | _parameters(path)
            yield tried, read
        if isinstance(tried, ast.Try | ast.TryStar) and block.field == "body":
            bodies = [*(it.body for it in tried.handlers), tried.finalbody]
            read = {it.name for body in bodies for it in name_flow.first_reads(body)}
            if any(name_flow.surely_bound(it.body) is not None for it in tried.handlers):
                read |= live_behind(path, [tried])
            yield tried, read


def _parameters(path: Sequence[ast.AST]) -> set[str]:
    functions = [it for it in path if isinstance(it, FunctionNode)]
    return {it.arg for it in parameters_of(functions[-1])} if functions else set()
