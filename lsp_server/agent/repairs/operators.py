"""Repairs of operators: another one, other operands, one of them alone, a condition turned round. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from lsp_server.agent.repairs.region import Edit, Proposal, Region

_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}
_BOUNDARY = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
_OPPOSITE = {"==": "!=", "!=": "==", "is": "is not", "is not": "is", "in": "not in", "not in": "in"}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_ORDERING = ("<", "<=", ">", ">=", "==", "!=")
_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
}
_ARITHMETIC = ("+", "-", "*", "//", "/", "%", "**")
_BITS = ("&", "|", "^")
_NEAR = {frozenset("+-"), frozenset(("/", "//")), frozenset(("<<", ">>")), frozenset(("*", "**"))}


def operators(region: Region) -> Iterator[Proposal]:
    for node in region.expressions():
        if isinstance(node, ast.Compare):
            yield from _comparisons(region, node)
        elif isinstance(node, ast.BinOp):
            yield from _binary(region, node)
        elif isinstance(node, ast.BoolOp):
            yield from _boolean(region, node)
        elif isinstance(node, ast.UnaryOp):
            text = region.source(node.operand)
            yield region.replace(node, text, "operator dropped", 0.6, is_atom=True)
    for statement in region.statements():
        if isinstance(statement, ast.AugAssign):
            yield from _augmented(region, statement)
        elif isinstance(statement, ast.If | ast.While):
            yield from _turned_round(region, statement.test)


def _operator(  # noqa: PLR0917 - left to right
    region: Region, left: ast.expr, right: ast.expr, old: str, new: str, how: tuple[str, float]
) -> Proposal | None:
    """Another operator between two operands, which parentheses may stand around."""
    begin, end = region.end(left), region.start(right)
    words = r"\s+".join(map(re.escape, old.split()))
    found = re.search(words, region.text[begin:end])
    if found is None:
        return None
    edit = Edit(begin + found.start(), begin + found.end(), new)
    return Proposal((edit,), *how, left.lineno - 1)


def _comparisons(region: Region, node: ast.Compare) -> Iterator[Proposal]:
    operands = [node.left, *node.comparators]
    for left, right, operator in zip(operands, node.comparators, node.ops, strict=False):
        old = _COMPARE[type(operator)]
        ways: dict[str, tuple[str, float]] = {}
        if old in _OPPOSITE:
            ways[_OPPOSITE[old]] = ("condition turned round", 0.6)
        if old in _ORDERING:
            for new in _ORDERING:
                ways.setdefault(new, ("other comparison", 0.3))
        if old in _BOUNDARY:
            ways[_TURNED[old]] = ("comparison turned", 0.7)
            ways[_BOUNDARY[old]] = ("boundary", 0.9)
        ways.pop(old, None)
        for new, how in ways.items():
            changed = _operator(region, left, right, old, new, how)
            if changed is not None:
                yield changed
                yield from _with_next_constant(region, changed, right, new)


def _with_next_constant(
    region: Region, changed: Proposal, right: ast.expr, operator: str
) -> Iterator[Proposal]:
    """A boundary that is wrong in both its halves: `== 0` for `<= 1`."""
    match right:
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            if operator in _BOUNDARY:
                for new in (value + 1, value - 1):
                    edit = Edit(region.start(right), region.end(right), str(new))
                    yield Proposal((*changed.edits, edit), "boundary and limit", 0.3, changed.line)


def _binary(region: Region, node: ast.BinOp) -> Iterator[Proposal]:
    old = _BINARY.get(type(node.op), "")
    for new in _others(old):
        prior = 0.7 if frozenset((old, new)) in _NEAR or old in _BITS else 0.35
        changed = _operator(region, node.left, node.right, old, new, ("other operator", prior))
        if changed is not None:
            yield changed
    left, right = region.operand(node.left), region.operand(node.right)
    swapped = f"{right} {old} {left}"
    yield region.replace(node, swapped, "operands swapped", 0.5)
    for kept in (node.left, node.right):
        text = region.source(kept)
        yield region.replace(node, text, "operand dropped", 0.4, is_atom=not _is_compound(kept))


def _is_compound(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp | ast.BoolOp | ast.Compare | ast.IfExp | ast.Lambda)


def _others(old: str) -> tuple[str, ...]:
    if old in _ARITHMETIC:
        return tuple(it for it in _ARITHMETIC if it != old)
    if old in _BITS:
        return tuple(it for it in _BITS if it != old)
    return {"<<": (">>",), ">>": ("<<",)}.get(old, ())


def _augmented(region: Region, node: ast.AugAssign) -> Iterator[Proposal]:
    old = _BINARY.get(type(node.op), "")
    if not old:
        return
    for new in _others(old):
        prior = 0.7 if frozenset((old, new)) in _NEAR or old in _BITS else 0.35
        how = ("other operator", prior)
        changed = _operator(region, node.target, node.value, f"{old}=", f"{new}=", how)
        if changed is not None:
            yield changed
    how = ("assignment for an update", 0.3)
    changed = _operator(region, node.target, node.value, f"{old}=", "=", how)
    if changed is not None:
        yield changed


def _boolean(region: Region, node: ast.BoolOp) -> Iterator[Proposal]:
    old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    for left, right in zip(node.values, node.values[1:], strict=False):
        changed = _operator(region, left, right, old, new, ("and for or", 0.7))
        if changed is not None:
            yield changed
    for dropped in node.values:
        kept = [region.source(it) for it in node.values if it is not dropped]
        text = f" {old} ".join(kept)
        yield region.replace(node, text, "condition dropped", 0.35, is_atom=len(kept) == 1)
    for value in node.values:
        if not isinstance(value, ast.Compare):
            yield region.replace(value, f"not {region.operand(value)}", "condition negated", 0.35)


def _turned_round(region: Region, test: ast.expr) -> Iterator[Proposal]:
    if isinstance(test, ast.UnaryOp) or (isinstance(test, ast.Constant) and test.value is True):
        return
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and type(test.ops[0]) in _COMPARE:
        old = _COMPARE[type(test.ops[0])]
        if old in _OPPOSITE:
            return  # said by another operator
    yield region.replace(test, f"not {region.operand(test)}", "condition negated", 0.55)
