"""Repairs of constants and bounds: off by one, another constant, a slice's or a range's ends. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from lsp_server.agent.repairs.region import Edit, Proposal, Region

_SMALL = (0, 1, -1, 2)
_MAX_OTHERS = 8  # constants of the function that are tried for another


def constants(region: Region) -> Iterator[Proposal]:
    present = _present(region)
    for node in region.expressions():
        if isinstance(node, ast.Constant):
            yield from _constant(region, node, present)
        elif isinstance(node, ast.List | ast.Tuple | ast.Dict | ast.Set):
            yield from _display(region, node)
        if _is_bound(region, node):
            yield from _off_by_one(region, node)
    for part in ast.walk(region.node):
        if isinstance(part, ast.Slice):
            yield from _slice(region, part)
        elif isinstance(part, ast.Call):
            yield from _range(region, part)


def _present(region: Region) -> list[ast.Constant]:
    """Constants of the function, each once, docstrings left out."""
    found: dict[str, ast.Constant] = {}
    for node in region.expressions():
        if isinstance(node, ast.Constant) and not isinstance(region.parents[node], ast.Expr):
            found.setdefault(repr(node.value), node)
    return list(found.values())


def _constant(
    region: Region, node: ast.Constant, present: list[ast.Constant]
) -> Iterator[Proposal]:
    if isinstance(region.parents[node], ast.Expr | ast.JoinedStr | ast.FormattedValue):
        return  # a docstring; or a part of a text
    new = _other_values(node.value)
    for other in present[:_MAX_OTHERS]:
        if type(other.value) is type(node.value):
            new.setdefault(region.source(other), 0.25)
    new.pop(region.source(node), None)
    for text, prior in new.items():
        yield region.replace(node, text, "other constant", prior, is_atom=text[:1] != "-")
    yield from _name_for(region, node)


def _other_values(value: object) -> dict[str, float]:
    """What a constant may have to be, with the priors."""
    if isinstance(value, bool):
        return {str(not value): 0.6}
    if isinstance(value, int):
        near = {str(value + 1): 0.5, str(value - 1): 0.5}
        small = {str(it): 0.3 for it in (*_SMALL, -value)}
        return {**small, **near}
    if isinstance(value, float):
        return {repr(-value): 0.4, "0.0": 0.2, "1.0": 0.2}
    if isinstance(value, str):
        return {'""' if value else '" "': 0.2}
    if value is None:
        return {"[]": 0.2, "0": 0.2, "False": 0.2, '""': 0.15, "True": 0.15}
    return {}


def _name_for(region: Region, node: ast.Constant) -> Iterator[Proposal]:
    """What is always the same where it should depend on something: `return True`, `while True`."""
    place = region.parents[node]
    decides = isinstance(place, ast.Return | ast.While | ast.If)
    prior = 0.35 if decides else 0.15
    for name in region.names:
        yield region.replace(node, name, "name for a constant", prior, is_atom=True)
        if decides and isinstance(node.value, bool):
            ways = [f"not {name}"]
            if region.kind(name) in {"int", ""}:
                ways += [f"{name} == 0", f"{name} != 0", f"{name} > 0"]
            for way in ways:
                yield region.replace(node, way, "condition for a constant", 0.3)


def _display(region: Region, node: ast.expr) -> Iterator[Proposal]:
    """A container that is too empty: with a name in it, or an empty one in it."""
    source = region.source(node)
    if source == "[]":
        prior = 0.35 if isinstance(region.parents[node], ast.Return) else 0.2
        for text in ("[[]]", "[0]", "[1]", *(f"[{name}]" for name in region.names)):
            yield region.replace(node, text, "something in an empty list", prior, is_atom=True)
    elif isinstance(node, ast.List) and len(node.elts) == 1:
        yield region.replace(node, "[]", "list without its item", 0.2, is_atom=True)
    elif source == "{}":
        yield region.replace(node, "set()", "other constant", 0.15, is_atom=True)


def _is_bound(region: Region, node: ast.expr) -> bool:
    """Whether an expression counts: an index, an argument, one side of a comparison, a value."""
    if not isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.BinOp | ast.Subscript):
        return False
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return False
    parent = region.parents.get(node)
    match parent:
        case ast.Subscript(slice=part) | ast.Assign(value=part) | ast.AugAssign(value=part):
            return part is node
        case ast.Call(args=arguments):
            return node in arguments
    return isinstance(parent, ast.Slice | ast.Tuple | ast.Compare | ast.BinOp | ast.Return)


def _off_by_one(region: Region, node: ast.expr) -> Iterator[Proposal]:
    parent = region.parents[node]
    at_bound = isinstance(parent, ast.Slice | ast.Subscript) or _is_call_of(parent, "range")
    prior = 0.6 if at_bound else 0.4 if isinstance(parent, ast.Call | ast.Tuple) else 0.25
    if isinstance(node, ast.Name) and region.kind(node.id) in {
        "list",
        "set",
        "dict",
        "str",
        "bool",
    }:
        return
    source = region.source(node)
    for text in (f"{source} - 1", f"{source} + 1"):
        yield region.replace(node, text, "off by one", prior)


def _is_call_of(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _slice(region: Region, node: ast.Slice) -> Iterator[Proposal]:
    line = node.lineno - 1
    for bound in (node.lower, node.upper):
        if bound is not None:
            edit = Edit(region.start(bound), region.end(bound), "")
            yield Proposal((edit,), "bound dropped", 0.35, line)
    if node.step is None:
        at = region.end(node)
        yield Proposal((Edit(at, at, ":-1"),), "slice backwards", 0.1, line)
    source = region.source(node)
    if node.lower is None and source.startswith(":"):
        for text in ("1", *region.named("int", "")[:4]):
            at = region.start(node)
            yield Proposal((Edit(at, at, text),), "bound added", 0.2, line)
    if node.upper is None and source.endswith(":"):
        for text in ("-1", *region.named("int", "")[:4]):
            at = region.end(node)
            yield Proposal((Edit(at, at, text),), "bound added", 0.2, line)


def _range(region: Region, node: ast.Call) -> Iterator[Proposal]:
    if not _is_call_of(node, "range") or not node.args or node.keywords:
        return
    arguments = [region.source(it) for it in node.args]
    ways: list[tuple[list[str], float]] = []
    match arguments:
        case [stop]:
            ways = [(["1", stop], 0.4), (["1", f"{stop} + 1"], 0.4)]
            ways += [([f"{stop} - 1", "-1", "-1"], 0.15)]
        case [start, stop]:
            ways = [([stop], 0.3), ([start, f"{stop} + 1"], 0.5), ([start, stop, "-1"], 0.15)]
            ways += [([start, stop, "2"], 0.1), ([f"{start} + 1", stop], 0.4)]
        case [start, stop, step]:
            ways = [([start, stop], 0.3), ([start, stop, f"-{step}"], 0.2)]
    for new, prior in ways:
        edit = Edit(region.start(node.args[0]), region.end(node.args[-1]), ", ".join(new))
        yield Proposal((edit,), "range", prior, node.lineno - 1)
