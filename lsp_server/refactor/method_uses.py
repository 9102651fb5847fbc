"""Where a method is used in the file of its class, and by what: what a move of it has to know. Pure.

A use is known where its receiver is an instance of the class or the class itself by its place in the
code: the first parameter of a method, or the class's name. All others are unknown: they may be of the
class or not.
"""

from __future__ import annotations

import ast
import enum
import itertools
from dataclasses import dataclass, field

from lsp_server.edits.python_scopes import FunctionNode, Scope, own_nodes_of, parameters_of

_OF_CLASSES = ("__new__", "__init_subclass__", "__class_getitem__")  # without a decorator


class Receiver(enum.Enum):
    INSTANCE = "an instance"
    CLASS = "the class, or one that derives from it, as a parameter"
    NAMED = "the class by its name"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Use:
    """`receiver.method`; with the call that it is called in, and the scopes around it."""

    node: ast.Attribute
    receiver: Receiver
    call: ast.Call | None
    scopes: tuple[Scope, ...]


@dataclass(slots=True)
class Uses:
    found: list[Use] = field(default_factory=list)
    assigned: list[int] = field(default_factory=list)  # lines on which the attribute is set
    spelled: list[int] = field(default_factory=list)  # lines with its name as a string
    in_class_body: list[int] = field(default_factory=list)


def find_uses(tree: ast.Module, owner: ast.ClassDef, method: FunctionNode) -> Uses:
    uses = Uses()
    search = _Search(tree, owner, method.name, uses)
    search.visit(tree, ())
    return uses


class _Search:
    def __init__(self, tree: ast.Module, owner: ast.ClassDef, name: str, uses: Uses) -> None:
        self._owner = owner
        self._name = name
        self._uses = uses
        self._family = set(heirs(tree, owner.name)) | {owner}
        self._modules = {
            (alias.asname or alias.name).partition(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        }

    def visit(self, node: ast.AST, scopes: tuple[Scope, ...], call: ast.Call | None = None) -> None:
        if isinstance(node, ast.Attribute) and node.attr == self._name:
            self._take(node, scopes, call)
        elif isinstance(node, ast.Constant) and node.value == self._name:
            self._uses.spelled.append(node.lineno)
        elif isinstance(node, ast.Name) and node.id == self._name and scopes[-1:] == (self._owner,):
            self._uses.in_class_body.append(node.lineno)
        inner = (*scopes, node) if isinstance(node, Scope) else scopes
        for child in ast.iter_child_nodes(node):
            is_called = isinstance(node, ast.Call) and child is node.func
            self.visit(child, inner, node if is_called and isinstance(node, ast.Call) else None)

    def _take(self, node: ast.Attribute, scopes: tuple[Scope, ...], call: ast.Call | None) -> None:
        receiver = self._receiver(node.value, scopes)
        if receiver is None:
            return
        if not isinstance(node.ctx, ast.Load):
            self._uses.assigned.append(node.lineno)
            return
        self._uses.found.append(Use(node, receiver, call, scopes))

    def _receiver(self, value: ast.expr, scopes: tuple[Scope, ...]) -> Receiver | None:
        """None for an attribute of a module."""
        if not isinstance(value, ast.Name):
            root = value
            while isinstance(root, ast.Attribute):
                root = root.value
            is_of_module = isinstance(root, ast.Name) and root.id in self._modules
            return None if is_of_module else Receiver.UNKNOWN
        if value.id == self._owner.name:
            return Receiver.NAMED
        for above, scope in itertools.pairwise(scopes):
            if above not in self._family or not isinstance(scope, FunctionNode):
                continue
            kind = kind_of(scope)
            first = first_parameter(scope)
            if kind is not MethodKind.STATIC and first is not None and first.arg == value.id:
                if any(rebinds(it, value.id) for it in scopes[scopes.index(scope) + 1 :]):
                    return Receiver.UNKNOWN
                return Receiver.CLASS if kind is MethodKind.CLASS else Receiver.INSTANCE
        return None if value.id in self._modules else Receiver.UNKNOWN


class MethodKind(enum.Enum):
    INSTANCE = "method"
    CLASS = "class method"
    STATIC = "static method"


def kind_of(method: FunctionNode) -> MethodKind:
    names = {it.id for it in method.decorator_list if isinstance(it, ast.Name)}
    if "staticmethod" in names:
        return MethodKind.STATIC
    if "classmethod" in names or method.name in _OF_CLASSES:
        return MethodKind.CLASS
    return MethodKind.INSTANCE


def first_parameter(function: FunctionNode) -> ast.arg | None:
    parameters = [*function.args.posonlyargs, *function.args.args]
    return parameters[0] if parameters else None


def rebinds(scope: Scope, name: str) -> bool:
    """Whether a scope has its own thing of that name; nested ones are not looked into."""
    if isinstance(scope, ast.ClassDef):
        return False
    if any(it.arg == name for it in parameters_of(scope)):
        return True
    return any(
        isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)
        for node in own_nodes_of(scope)
    )


def heirs(tree: ast.Module, name: str) -> list[ast.ClassDef]:
    """The classes of a file that derive from one of that name, by way of others as well."""
    names = {name}
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    found: list[ast.ClassDef] = []
    while True:
        more = [
            it
            for it in classes
            if it not in found and any(last_name(base) in names for base in it.bases)
        ]
        if not more:
            return found
        found += more
        names |= {it.name for it in more}


def last_name(node: ast.expr) -> str:
    """`Base` of `Base`, `module.Base` and `Base[int]`; empty for others."""
    if isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def defines(owner: ast.ClassDef, name: str) -> int | None:
    """The line on which a class's own body binds a name."""
    for node in own_nodes_of(owner):
        if isinstance(node, FunctionNode | ast.ClassDef):
            if node.name == name:
                return node.lineno
        elif isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
            return node.lineno
    return None
