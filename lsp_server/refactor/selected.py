"""What is selected in a Python source, as nodes of its tree, and what stands around it. Pure."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lsp_server.edits.python_scopes import Comprehension, FunctionNode, own_nodes, parameters_of
from lsp_server.edits.python_source import first_line
from lsp_server.refactor import blocks, name_flow
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.source import Source

_SCOPES = FunctionNode | ast.Lambda | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Selected:
    """Statements, or one expression, with the way to them from the module down.

    `function` is the function whose body they are in, if any.
    """

    source: Source
    path: Sequence[ast.AST]
    function: FunctionNode | None
    start: int
    end: int
    nodes: tuple[ast.stmt | ast.expr, ...]

    @property
    def statements(self) -> list[ast.stmt]:
        return [it for it in self.nodes if isinstance(it, ast.stmt)]

    @property
    def around(self) -> Sequence[ast.stmt]:
        """The body of the function, or of the module."""
        return self.function.body if self.function is not None else self.source.tree.body

    @property
    def leaves(self) -> bool:
        """Whether the function returns with what is selected, whichever way is taken."""
        own = list(own_nodes(self.statements))
        return any(isinstance(it, ast.Return) for it in own) and (
            self._surely_leaves(own) or blocks.is_end(self.path, self.statements)
        )

    def _surely_leaves(self, own: Sequence[ast.AST]) -> bool:
        # A `with` may keep an error to itself: what stands behind it then says so.
        may_go_on = any(isinstance(it, ast.With | ast.AsyncWith) for it in own)
        if may_go_on and blocks.behind(self.path, self.statements):
            return False
        return name_flow.surely_bound(self.statements) is None

    @property
    def is_of_module(self) -> bool:
        """Whether it runs when the module is imported."""
        is_main = any(
            isinstance(it, ast.If) and "__name__" in ast.unparse(it.test) for it in self.path
        )
        return self.function is None and not is_main

    @property
    def awaits(self) -> bool:
        return any(
            isinstance(it, ast.Await | ast.AsyncFor | ast.AsyncWith)
            or (isinstance(it, ast.comprehension) and bool(it.is_async))
            for it in own_nodes(self.nodes)
        )

    def bound_before(self) -> set[str]:
        """The names of the scope that may have a value where the selection begins."""
        found = (
            {it.arg for it in parameters_of(self.function)} if self.function is not None else set()
        )
        for name, node in name_flow.bindings(self.around):
            if not self._has(node) and (self._start(node) < self.start or self._shares_loop(node)):
                found.add(name)
        return found | self.bound_within_statement()

    def reads(self) -> Iterator[name_flow.Read]:
        for node in self.nodes:
            yield from name_flow.reads(node)

    def first_reads(self) -> Iterator[name_flow.Read]:
        """The reads of what the names had before."""
        if not self.statements:
            return self.reads()
        return name_flow.first_reads(self.statements)

    def reads_of_functions_before(self) -> Iterator[name_flow.Read]:
        """The reads by functions that are there when the selection begins."""
        for statement in self.around:
            for read in name_flow.reads(statement):
                if read.is_deferred and self._start(read.node) < self.start:
                    yield read

    def docstring(self) -> ast.expr | None:
        """That of the function or module, where it is selected."""
        match self.around[0]:
            case ast.Expr(value=ast.Constant(value=str()) as docstring) as statement:
                return docstring if {statement, docstring} & {*self.nodes} else None
        return None

    def read_after(self) -> set[str]:
        """The names that are read behind the selection, or may be: in a loop, by a function."""
        elsewhere = [
            read
            for statement in self.around
            for read in name_flow.reads(statement)
            if not self._has(read.node)
        ]
        if not self.statements:
            return {it.name for it in elsewhere}
        return {it.name for it in elsewhere if it.is_deferred} | blocks.live_behind(
            self.path, self.statements
        )

    def surely_bound_before(self) -> set[str]:
        """The names of the scope that have a value where the selection begins, whatever was before."""
        found = blocks.surely_bound_before(self.path, self._statements_around())
        if self.function is not None:
            found |= {it.arg for it in parameters_of(self.function)}
        return found | self.bound_within_statement()

    def bound_within_statement(self) -> set[str]:
        """The names that are of the lambdas and comprehensions around an expression."""
        found: set[str] = set()
        for around in self._inner_scopes():
            if isinstance(around, ast.Lambda):
                found |= {it.arg for it in parameters_of(around)}
            else:
                found |= name_flow.targets(around)
        return found

    def bound_behind(self) -> set[str]:
        """The names of the scope that get a value, or another one, below the selection."""
        return {
            name for name, node in name_flow.bindings(self.around) if self._start(node) >= self.end
        }

    def shared(self) -> set[str]:
        """The names that functions within the function set as their own."""
        return {
            name
            for statement in self.around
            for it in ast.walk(statement)
            if isinstance(it, ast.Nonlocal) and it not in self._own_statements()
            for name in it.names
        }

    def _statements_around(self) -> Sequence[ast.stmt]:
        """What is selected, or the statement that it is in."""
        return self.statements or [it for it in self.path if isinstance(it, ast.stmt)][-1:]

    def _own_statements(self) -> list[ast.AST]:
        return [it for it in own_nodes(self.around) if isinstance(it, ast.stmt)]

    def _inner_scopes(self) -> Iterator[ast.Lambda | Comprehension]:
        for it in self.path:
            if isinstance(it, ast.Lambda | Comprehension):
                yield it

    def _start(self, node: ast.AST) -> int:
        return self.source.start(node)  # type: ignore[arg-type]

    def _has(self, node: ast.AST) -> bool:
        return self.start <= self._start(node) < self.end

    def _shares_loop(self, node: ast.AST) -> bool:
        """Whether it stands in a loop that the selection is in."""
        return any(
            self.source.start(it) <= self._start(node) < self.source.end(it) for it in self._loops()
        )

    def _loops(self) -> Iterator[name_flow.Loop]:
        for it in self.path:
            if isinstance(it, name_flow.Loop) and it not in self.nodes:
                yield it


def path_to(source: Source, start: int, end: int) -> list[ast.AST]:
    """The nodes that a stretch of the text is in, from the module to the innermost."""
    path: list[ast.AST] = [source.tree]
    while (inner := _child_with(source, path[-1], start, end)) is not None:
        path += inner
    return path


def _child_with(source: Source, node: ast.AST, start: int, end: int) -> list[ast.AST] | None:
    """The child that has the stretch, behind what has no place of its own on the way to it."""
    for child in ast.iter_child_nodes(node):
        # Those in an f-string may all have the place of that.
        if not hasattr(child, "lineno") or isinstance(child, ast.FormattedValue):
            inner = _child_with(source, child, start, end)
            if inner is not None:
                return [child, *inner]
        elif _start_of(source, child) <= start and end <= source.end(child):  # type: ignore[arg-type]
            return [child]
    return None


def _start_of(source: Source, node: ast.AST) -> int:
    """Of a function or a class where its decorators begin."""
    if isinstance(node, ast.stmt):
        line = first_line(node)
        if line < node.lineno:
            return source.line_start(line)
    return source.start(node)  # type: ignore[arg-type]


def function_around(
    source: Source, path: Sequence[ast.AST], start: int, end: int
) -> tuple[FunctionNode | None, str]:
    """The innermost function whose body a stretch is in, and what its class is called, if it has one."""
    for at in range(len(path) - 1, -1, -1):
        node = path[at]
        if not isinstance(node, FunctionNode | ast.ClassDef):
            continue
        # Comments may stand before the body.
        if _start_of(source, node) < start and _start_of(source, node.body[0]) < end:
            if isinstance(node, ast.ClassDef):
                return None, ""
            # Between a class and its method may stand an `if`.
            around = [it for it in path[:at] if isinstance(it, _SCOPES)]
            classes = itertools.takewhile(lambda it: isinstance(it, ast.ClassDef), reversed(around))
            names = [it.name for it in classes if isinstance(it, ast.ClassDef)]
            return node, ".".join(reversed(names))
    return None, ""


def statements_of(source: Source, path: Sequence[ast.AST], start: int, end: int) -> list[ast.stmt]:
    """The neighbours that a stretch consists of; none where it is no more than a part of one."""
    for node in reversed(path):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if not isinstance(block, list):
                continue
            found = [
                it
                for it in block
                if isinstance(it, ast.stmt)
                and start <= _start_of(source, it)
                and source.end(it) <= end
            ]
            if found and source.text.startswith("elif", source.start(found[0])):
                continue  # which is a part of the `if` above it
            if found and _has_no_more(source, found, start, end):
                return found
    return []


def _has_no_more(source: Source, found: Sequence[ast.stmt], start: int, end: int) -> bool:
    """Whether a stretch has nothing but the statements and comments."""
    at = start
    for statement in found:
        if not _is_void(source.text[at : _start_of(source, statement)]):
            return False
        at = source.end(statement)
    return _is_void(source.text[at:end])


def _is_void(text: str) -> bool:
    """Whether a text between statements has no more than comments, or what parts two in a line."""
    lines = (it.strip(" \t;") for it in text.split("\n"))
    return all(not it or it.startswith("#") for it in lines)


def expression_of(source: Source, path: Sequence[ast.AST], start: int, end: int) -> ast.expr:
    """The expression that a stretch is. Raises `RefactorRefused`."""
    text = source.text[start:end]
    try:
        wanted = ast.dump(ast.parse(f"({text}\n)", mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        wanted = ""
    for node in path:
        if not isinstance(node, ast.expr) or isinstance(getattr(node, "ctx", None), ast.Store):
            continue
        is_all = source.start(node) >= start and source.end(node) <= end
        if ast.dump(node) != wanted or not (is_all or isinstance(node, ast.GeneratorExp)):
            continue
        is_called = re.match(r"[\w)\]]", source.text[start - 1 : start]) is not None
        if is_all and isinstance(node, ast.GeneratorExp) and is_called:
            raise RefactorRefused("the brackets are those of the call: select what is in them")
        return node
    inner = text[1:-1]
    if text[:1] == "(" and text[-1:] == ")" and inner.strip():  # brackets have no node
        first = start + 1 + len(inner) - len(inner.lstrip())
        last = end - 1 - (len(inner) - len(inner.rstrip()))
        return expression_of(source, path_to(source, first, last), first, last)
    raise RefactorRefused(
        "the selection is neither whole statements nor a whole expression: select all of one"
    )
