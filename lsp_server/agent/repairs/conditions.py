"""Repairs of conditions: a guard that is missing, a check for None or for nothing. Pure."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

from lsp_server.agent.repairs.region import Edit, Proposal, Region

_MAX_NAMES = 8


def conditions(region: Region) -> Iterator[Proposal]:
    for statement in region.statements():
        if isinstance(statement, ast.If | ast.While):
            yield from _guarded(region, statement.test)
            yield from _other_keyword(region, statement)
        if isinstance(statement, ast.Return) and isinstance(statement.value, ast.expr):
            yield from _returned(region, statement.value)
    for node in region.expressions():
        if isinstance(node, ast.IfExp):
            yield from _guarded(region, node.test)
            for kept in (node.body, node.orelse):
                text = region.source(kept)
                yield region.replace(node, text, "one branch alone", 0.2)
        elif isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp):
            yield from _filtered(region, node)


def _guarded(region: Region, test: ast.expr) -> Iterator[Proposal]:
    if isinstance(test, ast.Constant):
        return
    source = region.source(test)
    if isinstance(test, ast.BoolOp | ast.IfExp | ast.NamedExpr):
        source = f"({source})"
    for owner in _owners(region, test):
        # What follows reads a part of it, so the check stands first.
        for text in (f"{owner} is None or {source}", f"{owner} is not None and {source}"):
            yield region.replace(test, text, "check for None", 0.5)
        for text in (f"not {owner} or {source}", f"{owner} and {source}"):
            yield region.replace(test, text, "check for nothing", 0.4)
    for name in region.names[:_MAX_NAMES]:
        if region.kind(name) in {"bool", "int"}:
            ways = [f"{source} or {name} == 0", f"{source} and {name} > 0"]
        else:
            ways = [f"{source} or not {name}", f"{source} and {name}"]
        for text in ways:
            yield region.replace(test, text, "missing condition", 0.25)
    yield from _more_comparisons(region, test, source)


def _owners(region: Region, test: ast.expr) -> list[str]:
    """Names of which the condition reads an attribute or an item."""
    found: dict[str, None] = {}
    for node in ast.walk(test):
        match node:
            case ast.Attribute(value=ast.Name(id=name)) | ast.Subscript(value=ast.Name(id=name)):
                if name in region.names:
                    found[name] = None
    return list(found)


def _more_comparisons(region: Region, test: ast.expr, source: str) -> Iterator[Proposal]:
    """Two names of the same kind that are to be compared as well."""
    numbers = [it for it in region.names if region.kind(it) in {"int", ""}][:5]
    for one in numbers:
        for other in numbers:
            if one == other:
                continue
            for operator in ("<", "!="):
                text = f"{source} and {one} {operator} {other}"
                yield region.replace(test, text, "missing condition", 0.06)


def _other_keyword(region: Region, statement: ast.If | ast.While) -> Iterator[Proposal]:
    start = region.start(statement)
    old = "while" if isinstance(statement, ast.While) else "if"
    if not region.text.startswith(old, start):
        return  # elif
    line = statement.lineno - 1
    if isinstance(statement, ast.If) and not statement.orelse:
        yield Proposal((Edit(start, start + 2, "while"),), "loop for a condition", 0.2, line)
        yield from _as_branch(region, statement)
    elif old == "while" and not statement.orelse:
        yield Proposal((Edit(start, start + 5, "if"),), "condition for a loop", 0.1, line)


def _as_branch(region: Region, statement: ast.If) -> Iterator[Proposal]:
    """An `if` that was to be an `elif` of the one before it."""
    for block in region.blocks():
        for before, it in itertools.pairwise(block):
            if it is statement and isinstance(before, ast.If) and not before.orelse:
                start = region.start(statement)
                edit = Edit(start, start + 2, "elif")
                yield Proposal((edit,), "branch of the condition before", 0.35, it.lineno - 1)


def _returned(region: Region, value: ast.expr) -> Iterator[Proposal]:
    """A returned condition that lacks a half, or is the wrong way round."""
    if not isinstance(value, ast.Compare | ast.BoolOp | ast.Call | ast.Name):
        return
    if isinstance(value, ast.Compare | ast.BoolOp):
        yield from _guarded(region, value)
    if isinstance(value, ast.Name) and region.kind(value.id) not in {"", "bool"}:
        return
    yield region.replace(value, f"not {region.operand(value)}", "condition negated", 0.25)


def _filtered(
    region: Region, node: ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp
) -> Iterator[Proposal]:
    """A comprehension's filter that is too much, or missing."""
    for part in node.generators:
        for test in part.ifs:
            yield from _guarded(region, test)
            start = region.text.rfind("if", region.end(part.iter), region.start(test))
            if start >= 0:
                edit = Edit(start, region.end(test), "")
                yield Proposal((edit,), "filter dropped", 0.2, test.lineno - 1)
        if not part.ifs and isinstance(part.target, ast.Name):
            at, item = region.end(part.iter), part.target.id
            for condition in (item, f"{item} is not None", f"{item} > 0", f"{item} % 2 == 0"):
                edit = Edit(at, at, f" if {condition}")
                yield Proposal((edit,), "missing filter", 0.12, part.iter.lineno - 1)
