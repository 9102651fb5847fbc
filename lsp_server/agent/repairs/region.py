"""A function of a Python file as repair templates see it: its tree, its text, and what is in scope.

Edits are of the text, by offsets in code points, so that a repair changes what it says and nothing
else. Pure.
"""

from __future__ import annotations

import ast
import functools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lsp_server.edits.python_source import parse_python
from lsp_server.workspace.documents import split_lines

Function = ast.FunctionDef | ast.AsyncFunctionDef
_MAX_NAMES = 14  # of a scope, those that occur most
_ATOMS = (
    *(ast.Name, ast.Constant, ast.Call, ast.Subscript, ast.Attribute, ast.List, ast.Set),
    *(ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp, ast.JoinedStr),
)


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Text in place of what stands between two offsets of the file."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A repair. `prior` says from 0 to 1 how often such a one is right where its line is wrong."""

    edits: tuple[Edit, ...]
    template: str
    prior: float
    line: int  # from 0, that it is about


@dataclass(slots=True)
class Region:
    """The outermost function around a place. Make it with `regions`."""

    text: str
    node: Function
    module: ast.Module
    starts: list[int]  # the offset of each line
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)
    _lines: list[str] = field(init=False, repr=False)
    _expressions: list[ast.expr] = field(init=False, repr=False)
    _names: list[str] = field(init=False, repr=False)
    _kinds: dict[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for parent in ast.walk(self.node):
            for child in ast.iter_child_nodes(parent):
                self.parents[child] = parent
        self._lines = split_lines(self.text)
        self._expressions = [it for it in ast.walk(self.node) if isinstance(it, ast.expr)]
        self._names = _names_in(self.node)
        self._kinds = _kinds_in(self.node)

    # Where things stand.

    def offset(self, line: int, column: int) -> int:
        """Of a line from 1 and a column in UTF-8 bytes, as Python's tree has them."""
        text = self._lines[line - 1] if line <= len(self._lines) else ""
        if text.isascii():
            return self.starts[line - 1] + column
        return self.starts[line - 1] + len(text.encode()[:column].decode("utf-8", "replace"))

    def start(self, node: ast.AST) -> int:
        return self.offset(node.lineno, node.col_offset)  # type: ignore[attr-defined]

    def end(self, node: ast.AST) -> int:
        return self.offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def source(self, node: ast.AST) -> str:
        return self.text[self.start(node) : self.end(node)]

    def line_start(self, node: ast.stmt) -> int:
        return self.starts[_first_line(node) - 1]

    def behind(self, node: ast.stmt) -> int:
        """The offset of the line behind a statement."""
        last = node.end_lineno or node.lineno
        return self.starts[last] if last < len(self.starts) else len(self.text)

    def indentation(self, node: ast.stmt) -> str:
        line = self._lines[_first_line(node) - 1]
        return line[: len(line) - len(line.lstrip())]

    @property
    def first_line(self) -> int:
        return _first_line(self.node) - 1

    @property
    def last_line(self) -> int:
        return (self.node.end_lineno or self.node.lineno) - 1

    # What is there.

    def expressions(self) -> list[ast.expr]:
        """All that stand in the function's body and defaults, but not its annotations."""
        return [it for it in self._expressions if not self._is_annotation(it)]

    def _is_annotation(self, node: ast.expr) -> bool:
        at: ast.AST = node
        while at in self.parents:
            parent = self.parents[at]
            if isinstance(parent, ast.arg):
                return True
            if isinstance(parent, ast.AnnAssign) and at is parent.annotation:
                return True
            if isinstance(parent, Function) and at is parent.returns:
                return True
            if isinstance(at, ast.stmt):
                return False
            at = parent
        return False

    def statements(self) -> Iterator[ast.stmt]:
        """All but the function itself and its docstring."""
        for node in ast.walk(self.node):
            if isinstance(node, ast.stmt) and node is not self.node and not self.is_docstring(node):
                yield node

    def blocks(self) -> Iterator[list[ast.stmt]]:
        for node in ast.walk(self.node):
            for name in ("body", "orelse", "finalbody"):
                block = getattr(node, name, None)
                if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                    yield [it for it in block if not self.is_docstring(it)]

    def is_docstring(self, node: ast.stmt) -> bool:
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                return True
        return False

    def statement(self, node: ast.AST) -> ast.stmt:
        """The statement that a node is a part of."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    @property
    def names(self) -> list[str]:
        """Parameters and local variables, those that occur most first; neither `self` nor `cls`."""
        return self._names

    def kind(self, name: str) -> str:
        """`list`, `set`, `dict`, `int`, `str`, `bool` where an assignment or a use says so."""
        return self._kinds.get(name, "")

    def named(self, *kinds: str) -> list[str]:
        return [name for name in self.names if self.kind(name) in kinds]

    # What becomes of it.

    def replace(
        self, node: ast.expr, text: str, template: str, prior: float, *, is_atom: bool = False
    ) -> Proposal:
        """Other text in place of an expression, in parentheses where it needs them."""
        parent = self.parents.get(node)
        binds = isinstance(
            parent, ast.BinOp | ast.UnaryOp | ast.Compare | ast.BoolOp | ast.Await | ast.Starred
        ) or (isinstance(parent, ast.Attribute | ast.Subscript) and parent.value is node)
        if binds and not is_atom:
            text = f"({text})"
        edit = Edit(self.start(node), self.end(node), text)
        return Proposal((edit,), template, prior, node.lineno - 1)

    def operand(self, node: ast.expr) -> str:
        """An expression's text as it may stand beside an operator."""
        text = self.source(node)
        return text if isinstance(node, _ATOMS) else f"({text})"


def regions(text: str, lines: Iterable[int]) -> list[Region]:
    """The outermost functions that have any of those lines (from 0), in order; none of a broken file."""
    tree = parse_python(text)
    if isinstance(tree, SyntaxError):
        return []
    starts = _line_starts(text)
    wanted = sorted(set(lines))
    found: list[Region] = []
    for node in _outermost(tree):
        first, last = _first_line(node) - 1, (node.end_lineno or node.lineno) - 1
        if any(first <= line <= last for line in wanted):
            found.append(Region(text, node, tree, starts))
    return found


@functools.lru_cache(4)
def _line_starts(text: str) -> list[int]:
    starts, at = [], 0
    for line in split_lines(text):
        starts.append(at)
        at += len(line)
    return starts or [0]


def _outermost(tree: ast.AST) -> Iterator[Function]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield node
        else:
            yield from _outermost(node)


def _first_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", ())
    return min((it.lineno for it in decorators), default=node.lineno)


def _names_in(function: Function) -> list[str]:
    counts: Counter[str] = Counter()
    bound: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            bound.add(node.arg)
            counts[node.arg] += 1
        elif isinstance(node, ast.Name):
            counts[node.id] += 1
            if isinstance(node.ctx, ast.Store):
                bound.add(node.id)
    known = bound - {"self", "cls", "_", function.name}
    return sorted(known, key=lambda it: (-counts[it], it))[:_MAX_NAMES]


def _kinds_in(function: Function) -> dict[str, str]:
    """What names hold, by what is assigned to them, and by what is done with them."""
    kinds: dict[str, str] = {}
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                kinds.setdefault(name, _kind_of(value))
            case ast.AugAssign(target=ast.Name(id=name), value=ast.Constant(value=int())):
                kinds[name] = "int"
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)):
                if method in {"append", "extend", "insert", "popleft", "appendleft"}:
                    kinds[name] = "list"
                elif method in {"add", "discard"}:
                    kinds[name] = "set"
            case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"))):
                kinds.setdefault(name, "int")
            case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=name)]):
                kinds.setdefault(name, "sequence")
    return {name: kind for name, kind in kinds.items() if kind}


_OF_NODES: tuple[tuple[type[ast.expr], str], ...] = (
    (ast.List, "list"),
    (ast.ListComp, "list"),
    (ast.Set, "set"),
    (ast.SetComp, "set"),
    (ast.Dict, "dict"),
    (ast.DictComp, "dict"),
    (ast.JoinedStr, "str"),
)
_OF_CALLS = {
    **{name: name for name in ("list", "set", "dict", "int", "str", "bool")},
    **dict.fromkeys(("len", "sum", "abs", "round"), "int"),
    **dict.fromkeys(("sorted", "deque"), "list"),
}


def _kind_of(value: ast.expr) -> str:
    for kind, name in _OF_NODES:
        if isinstance(value, kind):
            return name
    match value:
        case ast.Constant(value=bool() | int() | str() as constant):
            return type(constant).__name__
        case ast.Call(func=ast.Name(id=name)):
            return _OF_CALLS.get(name, "")
        case ast.BinOp(left=left, right=right):
            return _kind_of(left) or _kind_of(right)
    return ""
