"""Repairs of names: another variable, attribute or expression, swapped arguments, a call too many. Pure."""

from __future__ import annotations

import ast
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

from lsp_server.agent.repairs.region import Edit, Proposal, Region

_MAX_ATTRIBUTES = 20
_SELF = frozenset({"self", "cls"})
_MAX_EXPRESSIONS = 16
_MAX_CHARACTERS = 40  # of such an expression
_MAX_NAMES_OF_EACH = 6
# What does nearly the same, or the opposite.
_ALIKE = (
    ("any", "all"),
    ("min", "max"),
    ("int", "float", "round"),
    ("sorted", "reversed"),
    ("list", "set", "tuple", "sorted"),
    ("append", "extend", "add", "insert"),
    ("append", "appendleft"),
    ("add", "discard", "remove"),
    ("pop", "popleft"),
    ("keys", "values", "items"),
    ("lower", "upper", "swapcase", "capitalize", "title"),
    ("islower", "isupper", "isalpha", "isdigit", "isalnum"),
    ("strip", "lstrip", "rstrip"),
    ("startswith", "endswith"),
    ("find", "rfind", "index"),
    ("split", "rsplit", "splitlines"),
    ("sum", "len", "max"),
    ("floor", "ceil"),
    ("union", "intersection", "difference"),
    ("issubset", "issuperset"),
    ("heappush", "heappop", "heappushpop", "heapreplace"),
)
_WRAPPERS = ("abs", "len", "int", "str", "set", "list", "sorted", "sum", "float", "max", "min")


def names(region: Region) -> Iterator[Proposal]:
    counts = Counter(it.id for it in region.expressions() if isinstance(it, ast.Name))
    attributes, own_attributes = _attributes(region), _own_attributes(region)
    pieces = _pieces(region)
    for node in region.expressions():
        if isinstance(node, ast.Name):
            yield from _other_name(region, node, counts)
            yield from _part_of(region, node)
        elif isinstance(node, ast.Attribute):
            is_own = isinstance(node.value, ast.Name) and node.value.id in _SELF
            known = (*own_attributes, *attributes) if is_own else attributes
            yield from _other_attribute(region, node, known)
        if isinstance(node, ast.Call):
            yield from _calls(region, node)
        if isinstance(node, ast.Call | ast.Subscript | ast.Attribute):
            yield from _other_piece(region, node, pieces)
        if isinstance(node, ast.Tuple | ast.List) and len(node.elts) > 1:
            yield from _swapped(region, node.elts, "items swapped", 0.5)
        yield from _wrapped(region, node)
        yield from _with_operand(region, node)


def _other_name(region: Region, node: ast.Name, counts: Counter[str]) -> Iterator[Proposal]:
    parent = region.parents[node]
    if isinstance(parent, ast.Call) and parent.func is node:
        for new in _alike(node.id):
            yield region.replace(node, new, "similar function", 0.6, is_atom=True)
        return
    if node.id not in region.names:
        return
    own = region.kind(node.id)
    is_stored = isinstance(node.ctx, ast.Store)
    for name in region.names:
        if name == node.id:
            continue
        kind = region.kind(name)
        prior = 0.15 if is_stored else 0.4
        if isinstance(parent, ast.For | ast.comprehension) and parent.iter is node:
            prior += 0.15
        if own and kind:
            prior += 0.1 if own == kind else -0.15
        if counts[name] <= 1:
            prior += 0.15  # it is hardly used, so that something lacks it
        yield region.replace(node, name, "other variable", prior, is_atom=True)


def _alike(name: str) -> list[str]:
    return [new for group in _ALIKE if name in group for new in group if new != name]


def _part_of(region: Region, node: ast.Name) -> Iterator[Proposal]:
    """A collection of which a part was meant: without its first items, or its last."""
    parent = region.parents[node]
    in_place = isinstance(parent, ast.Call) and node in parent.args
    in_place |= isinstance(parent, ast.For | ast.comprehension) and parent.iter is node
    in_place |= isinstance(parent, ast.Return | ast.BinOp)
    in_place &= isinstance(node.ctx, ast.Load)
    if (
        not in_place
        or node.id not in region.names
        or region.kind(node.id) in {"int", "bool", "set"}
    ):
        return
    for text in ("[1:]", "[:-1]", "[0]", "[-1]", "[::-1]"):
        yield region.replace(node, node.id + text, "part of a collection", 0.3, is_atom=True)
    if isinstance(parent, ast.BinOp | ast.Return):
        return
    for name in region.named("int", "")[:_MAX_NAMES_OF_EACH]:
        if name != node.id:
            for text in (f"{node.id}[{name}:]", f"{node.id}[:{name}]", f"{node.id}[{name}]"):
                yield region.replace(node, text, "part of a collection", 0.15, is_atom=True)


def _attributes(region: Region) -> list[str]:
    """Attributes that the file uses, the commonest first."""
    counts = Counter(it.attr for it in ast.walk(region.module) if isinstance(it, ast.Attribute))
    for node in ast.walk(region.module):
        match node:
            case ast.ClassDef(body=body):
                counts.update(
                    it.target.id
                    for it in body
                    if isinstance(it, ast.AnnAssign) and isinstance(it.target, ast.Name)
                )
    return [name for name, _ in counts.most_common(_MAX_ATTRIBUTES)]


def _own_attributes(region: Region) -> list[str]:
    """What the class around the function has of attributes and properties, in order."""
    around = next(
        (
            it
            for it in ast.walk(region.module)
            if isinstance(it, ast.ClassDef) and region.node in it.body
        ),
        None,
    )
    found: dict[str, None] = {}
    for node in ast.walk(around) if around is not None else ():
        match node:
            case ast.FunctionDef(name=name, decorator_list=[_, *_] as decorators):
                if any(ast.unparse(it).endswith("property") for it in decorators):
                    found[name] = None
            case ast.Attribute(value=ast.Name(id=name), attr=attr, ctx=ast.Store()) if (
                name in _SELF
            ):
                found[attr] = None
    return list(found)


def _other_attribute(
    region: Region, node: ast.Attribute, attributes: Sequence[str]
) -> Iterator[Proposal]:
    edit_end = region.end(node)
    start = edit_end - len(node.attr)
    called = isinstance(region.parents[node], ast.Call)
    own = set(node.attr.split("_"))
    for name in dict.fromkeys((*_alike(node.attr), *attributes)):
        if name == node.attr:
            continue
        prior = 0.15
        if name in _alike(node.attr):
            prior = 0.5
        elif own.intersection(name.split("_")) or _begins_alike(name, node.attr):
            prior = 0.45
        elif called:
            continue
        edit = Edit(start, edit_end, name)
        yield Proposal((edit,), "other attribute", prior, node.lineno - 1)


def _begins_alike(one: str, other: str) -> bool:
    """`index` and `index0`."""
    return one.startswith(other) or other.startswith(one)


def _calls(region: Region, node: ast.Call) -> Iterator[Proposal]:
    yield from _swapped(region, node.args, "arguments swapped", 0.65)
    if len(node.args) == 1 and not node.keywords and not isinstance(node.args[0], ast.Starred):
        source = region.source(node.args[0])
        # A generator alone in a call has no parentheses of its own.
        if isinstance(node.args[0], ast.GeneratorExp):
            source = f"[{source.strip('()')}]"
        is_atom = isinstance(node.args[0], ast.Name | ast.Call | ast.Subscript | ast.Attribute)
        yield region.replace(node, source, "call dropped", 0.35, is_atom=is_atom)
    if len(node.args) > 1:
        for dropped in range(len(node.args)):
            kept = [region.source(it) for at, it in enumerate(node.args) if at != dropped]
            edit = Edit(region.start(node.args[0]), region.end(node.args[-1]), ", ".join(kept))
            yield Proposal((edit,), "argument dropped", 0.15, node.lineno - 1)
    if isinstance(node.func, ast.Attribute) and not node.args:
        source = region.source(node.func.value)
        yield region.replace(node, source, "call dropped", 0.25, is_atom=True)


def _swapped(
    region: Region, items: list[ast.expr], template: str, prior: float
) -> Iterator[Proposal]:
    for one, other in itertools.combinations(items, 2):
        first, second = region.source(one), region.source(other)
        if first != second and not isinstance(one, ast.Starred | ast.GeneratorExp):
            edits = (
                Edit(region.start(one), region.end(one), second),
                Edit(region.start(other), region.end(other), first),
            )
            yield Proposal(edits, template, prior, one.lineno - 1)


def _pieces(region: Region) -> list[str]:
    """Subscripts and attributes of the function, which may stand in for another such expression."""
    found: dict[str, None] = {}
    for node in region.expressions():
        if isinstance(node, ast.Subscript | ast.Attribute):
            parent = region.parents[node]
            if not (isinstance(parent, ast.Call) and parent.func is node):
                found[region.source(node)] = None
    return [it for it in found if len(it) < _MAX_CHARACTERS and "\n" not in it][:_MAX_EXPRESSIONS]


def _other_piece(region: Region, node: ast.expr, pieces: list[str]) -> Iterator[Proposal]:
    """Another expression in an expression's place, and a variable in it."""
    parent = region.parents[node]
    if isinstance(parent, ast.Expr) or (isinstance(parent, ast.Call) and parent.func is node):
        return
    if isinstance(parent, ast.Attribute):
        return
    source = region.source(node)
    is_stored = isinstance(getattr(node, "ctx", None), ast.Store)
    for text in pieces:
        if text != source:
            prior = 0.2 if is_stored or not isinstance(node, ast.Call) else 0.12
            yield region.replace(node, text, "other expression", prior, is_atom=True)
    if not is_stored:
        for name in region.names:
            yield region.replace(node, name, "variable for an expression", 0.2, is_atom=True)


def _wrapped(region: Region, node: ast.expr) -> Iterator[Proposal]:
    """A call around a value that lacks it, and the bound of what is kept by a name."""
    parent = region.parents[node]
    is_value = isinstance(parent, ast.Assign | ast.Return) and parent.value is node
    is_argument = isinstance(parent, ast.Call) and node in parent.args
    is_operand = isinstance(parent, ast.Compare | ast.BinOp | ast.For | ast.comprehension)
    if not (is_value or is_argument or is_operand) or isinstance(node, ast.Constant | ast.Starred):
        return
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return
    source = region.source(node)
    for name in _WRAPPERS:
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Name) and called.id == name:
            continue
        prior = 0.15 if is_value else 0.1
        yield region.replace(node, f"{name}({source})", "missing call", prior, is_atom=True)
    if not is_value:
        return
    bounds = ["0", "1"]
    if isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name):
        bounds.insert(0, parent.targets[0].id)
    for bound in bounds:
        if bound != source:
            for name in ("max", "min"):
                text = f"{name}({bound}, {source})"
                prior = 0.3 if not bound.isdigit() else 0.2
                yield region.replace(node, text, "missing bound", prior, is_atom=True)


def _with_operand(region: Region, node: ast.expr) -> Iterator[Proposal]:
    """A missing operand: `f(a)` for `f(a - b)`, `a` for `a * a`, `tail` for `head + tail`."""
    parent = region.parents[node]
    is_able = isinstance(node, ast.Name | ast.Subscript | ast.ListComp)
    if not is_able or not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return
    is_argument = isinstance(parent, ast.Call) and node in parent.args
    is_value = isinstance(parent, ast.Return | ast.Assign) and parent.value is node
    is_operand = isinstance(parent, ast.BinOp | ast.Compare)
    if not (is_argument or is_value or is_operand):
        return
    source = region.source(node)
    kind = region.kind(node.id) if isinstance(node, ast.Name) else ""
    for name in region.names:
        other = region.kind(name)
        if isinstance(node, ast.ListComp) or kind in {"list", "str"}:
            if other in {"", "list", "str", "sequence"}:
                for text in (f"{name} + {source}", f"{source} + {name}"):
                    yield region.replace(node, text, "missing operand", 0.15)
            continue
        if other in {"list", "set", "dict", "bool"} or kind in {"set", "dict", "bool"}:
            continue
        for operator in ("-", "+", "*"):
            if name != source or operator == "*":
                text = f"{source} {operator} {name}"
                yield region.replace(node, text, "missing operand", 0.12)
