"""Which names of a Python source are bound nowhere that the place of their use can see.

Whether a name is bound before it is used is not asked: only whether it is bound at all. Builtins are
those of the Python that Sparrow runs on. Pure.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from lsp_server.edits.python_scopes import Comprehension, FunctionNode, bound_by, parameters_of
from lsp_server.edits.python_source import (
    changed_lines,
    first_line,
    parse_python,
    statements_at,
)
from lsp_server.workspace.documents import split_lines

_ALWAYS_THERE = frozenset(dir(builtins)) | {
    *("__file__", "__path__", "__annotations__", "__builtins__", "__class__", "__module__"),
    *("__qualname__", "WindowsError", "reveal_type", "reveal_locals"),
}
# Where these do not stand, trees need not be walked for what they say.
_STAR = re.compile(r"import[\s\\(]*\*")
_GLOBAL = re.compile(r"\bglobal\b")
_Span = tuple[int, int]  # the first line, from 0, and the one behind the last


@dataclass(frozen=True, slots=True, order=True)
class Use:
    """A name where it is used: line from 0, column in code points from 0."""

    line: int
    column: int
    name: str


@dataclass(slots=True)
class _Scope:
    parent: _Scope | None
    is_class: bool = False
    names: set[str] = field(default_factory=set)

    def sees(self, name: str) -> bool:
        scope: _Scope | None = self
        while scope is not None:
            # What a class binds its methods do not see; what is nested in another way does.
            if name in scope.names and (not scope.is_class or scope is self):
                return True
            scope = scope.parent
        return name in _ALWAYS_THERE


def find_undefined(source: str) -> list[Use] | None:
    """The uses of names that nothing binds, in order; also what `__all__` names in vain.

    None where that cannot be told: the source cannot be parsed, or imports all that a module has.
    """
    tree = parse_python(source)
    if isinstance(tree, SyntaxError) or _imports_all(source, tree):
        return None
    return _undefined(source, tree, (0, source.count("\n")))


def find_undefined_by(before: str, after: str) -> list[Use] | None:
    """As `find_undefined` for the text after a change, at the least those that were not so before.

    What the change did not touch is not gone through where the module binds all that it bound.
    """
    tree = parse_python(after)
    if isinstance(tree, SyntaxError) or _imports_all(after, tree):
        return None
    return _undefined(after, tree, _concerned(before, after, tree))


def _undefined(source: str, tree: ast.Module, span: _Span) -> list[Use] | None:
    """Those of some of a module's lines, at the least."""
    finder = _Finder(names_bound_by(tree.body) | _globals_in(source, tree), span)
    try:
        finder.visit_module(tree)
    except RecursionError:
        return None
    lines = source.encode().split(b"\n")
    return sorted({_place(name, node, lines) for name, node in finder.undefined})


def _concerned(before: str, after: str, tree: ast.Module) -> _Span:
    """The lines after a change in which names may be undefined that were not."""
    old, new = split_lines(before), split_lines(after)
    first, last = span = changed_lines(old, new)
    changed = statements_at(tree, first, last)
    if _is_within(changed, first, old[first : last + len(old) - len(new)]):
        return span
    if changed:
        first = min(first, first_line(changed[0]) - 1)
        last = max(last, *(it.end_lineno or 0 for it in changed))
    # Statements begin and end around it in both texts: so this is what the change touched before.
    touched = "".join(old[first : last + len(old) - len(new)])
    was = parse_python(touched)
    everything = 0, len(new)
    if isinstance(was, SyntaxError) or _imports_all(touched, was):
        return everything
    lost = names_bound_by(was.body) | _globals_in(touched, was)
    lost -= names_bound_by(tree.body)
    return span if not lost or lost <= _globals_in(after, tree) else everything


def _is_within(changed: list[ast.stmt], first: int, lines: Sequence[str]) -> bool:
    """Whether lines that are gone stood in the body of one function or class, and bound no global."""
    return (
        len(changed) == 1
        and isinstance(changed[0], FunctionNode | ast.ClassDef)
        and changed[0].lineno <= first
        and not any(it[:1].strip() or _GLOBAL.search(it) or _STAR.search(it) for it in lines)
    )


def _imports_all(source: str, tree: ast.Module) -> bool:
    return _STAR.search(source) is not None and any(
        isinstance(it, ast.ImportFrom) and it.names[0].name == "*" for it in ast.walk(tree)
    )


def _globals_in(source: str, tree: ast.Module) -> set[str]:
    """The names that functions declare to be global."""
    if _GLOBAL.search(source) is None:
        return set()
    return {name for it in ast.walk(tree) if isinstance(it, ast.Global) for name in it.names}


def _place(name: str, node: ast.expr, lines: list[bytes]) -> Use:
    line = node.lineno - 1
    before = lines[line][: node.col_offset] if line < len(lines) else b""
    return Use(line, len(before.decode("utf-8", "replace")), name)


class _Finder:
    def __init__(self, globals_: set[str], span: _Span) -> None:
        self.undefined: list[tuple[str, ast.expr]] = []
        self._span = span
        self._globals = _Scope(None, names=globals_)

    def visit_module(self, tree: ast.Module) -> None:
        self._visit_all(statements_at(tree, *self._span), self._globals)
        for name, node in _exported(tree):
            self._use(name, node, self._globals)

    def _use(self, name: str, node: ast.expr, scope: _Scope) -> None:
        if not scope.sees(name):
            self.undefined.append((name, node))

    def _visit_all(self, nodes: Iterable[ast.AST | None], scope: _Scope) -> None:
        for node in nodes:
            if node is not None:
                self._visit(node, scope)

    def _visit(self, node: ast.AST, scope: _Scope) -> None:
        if isinstance(node, FunctionNode):
            self._visit_function(node, scope)
        elif isinstance(node, ast.Lambda):
            self._visit_all((*node.args.defaults, *node.args.kw_defaults), scope)
            inner = _Scope(scope, names=_parameter_names(node) | names_bound_by([node.body]))
            self._visit(node.body, inner)
        elif isinstance(node, ast.ClassDef):
            self._visit_class(node, scope)
        elif isinstance(node, Comprehension):
            # Its first source sees a class's names and the rest does not: taken together.
            inner = _within(scope, names_bound_by([it.target for it in node.generators]))
            self._visit_all(ast.iter_child_nodes(node), inner)
        elif isinstance(node, ast.AnnAssign):
            self._visit_all((node.target, node.value), scope)
            self._visit_annotation(node.annotation, scope)
        elif type(node).__name__ == "TypeAlias":  # of Python 3.12
            inner = _with_type_parameters(node, scope)
            self._visit(node.value, inner)  # type: ignore[attr-defined]
        elif isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                self._use(node.id, node, scope)
        else:
            self._visit_all(ast.iter_child_nodes(node), scope)

    def _visit_function(self, node: FunctionNode, scope: _Scope) -> None:
        arguments = node.args
        self._visit_all((*node.decorator_list, *arguments.defaults, *arguments.kw_defaults), scope)
        typed = _with_type_parameters(node, scope)
        for argument in parameters_of(node):
            self._visit_annotation(argument.annotation, typed)
        self._visit_annotation(node.returns, typed)
        if self._is_untouched(node, typed):
            return
        names = _parameter_names(node) | names_bound_by(node.body)
        self._visit_all(node.body, _Scope(typed, names=names))

    def _is_untouched(self, node: FunctionNode, scope: _Scope) -> bool:
        """Whether it is a method outside of the span: it sees nothing but itself and the module."""
        first, last = self._span
        if scope is self._globals or (node.lineno - 1 <= last and (node.end_lineno or 0) >= first):
            return False
        around: _Scope | None = scope
        while around is not None and around.is_class:
            around = around.parent
        return around is self._globals

    def _visit_class(self, node: ast.ClassDef, scope: _Scope) -> None:
        self._visit_all(node.decorator_list, scope)
        typed = _with_type_parameters(node, scope)
        self._visit_all((*node.bases, *node.keywords), typed)
        self._visit_all(node.body, _Scope(typed, is_class=True, names=names_bound_by(node.body)))

    def _visit_annotation(self, node: ast.expr | None, scope: _Scope) -> None:
        """An annotation, and those in quotes in it. What is quoted otherwise is mere text."""
        if node is None:
            return
        self._visit(node, scope)
        for part in _outside_literals(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                try:
                    quoted = ast.parse(part.value.strip(), mode="eval").body
                except (SyntaxError, ValueError, RecursionError):
                    continue
                for inner in ast.walk(quoted):
                    if isinstance(inner, ast.Name):
                        self._use(inner.id, part, scope)


def _outside_literals(annotation: ast.expr) -> Iterator[ast.AST]:
    """The parts of an annotation but for what `Literal` and `Annotated` say in strings."""
    pending: list[ast.AST] = [annotation]
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, ast.Subscript):
            named = node.value.attr if isinstance(node.value, ast.Attribute) else ""
            named = node.value.id if isinstance(node.value, ast.Name) else named
            if named in {"Literal", "Annotated"}:
                continue
        pending += ast.iter_child_nodes(node)


def _with_type_parameters(node: ast.AST, scope: _Scope) -> _Scope:
    """The scope of the type parameters of Python 3.12, where there are any."""
    parameters = getattr(node, "type_params", ())
    return _within(scope, {it.name for it in parameters}) if parameters else scope


def _within(scope: _Scope, names: set[str]) -> _Scope:
    """A scope that, other than a function's, also sees what a class around it binds."""
    return _Scope(scope, names=names | scope.names if scope.is_class else names)


def _parameter_names(function: FunctionNode | ast.Lambda) -> set[str]:
    return {it.arg for it in parameters_of(function)}


def names_bound_by(nodes: Iterable[ast.AST]) -> set[str]:
    """What statements bind in their own scope: what functions and classes in them do is theirs."""
    names: set[str] = set()
    pending = list(nodes)
    while pending:
        node = pending.pop()
        if isinstance(node, FunctionNode | ast.ClassDef):
            names.add(node.name)
            pending += node.decorator_list
            continue
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, Comprehension):
            # Its own targets stay in it; what `:=` binds does not.
            pending += (it for it in ast.walk(node) if isinstance(it, ast.NamedExpr))
            continue
        names.update(node.names if isinstance(node, ast.Global | ast.Nonlocal) else bound_by(node))
        pending += ast.iter_child_nodes(node)
    return names


def _exported(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """What `__all__` names, where it is a plain list, and no function makes what is missing."""
    if any(isinstance(it, ast.FunctionDef) and it.name == "__getattr__" for it in tree.body):
        return
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List() | ast.Tuple()):
                for item in node.value.elts:  # type: ignore[attr-defined]
                    if isinstance(item, ast.Constant) and isinstance(item.value, str):
                        yield item.value, item
