"""A function or a class of a module that is to stand in another one, and what it needs there. Pure."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lsp_server.edits.python_names import find_undefined, names_bound_by
from lsp_server.edits.python_scopes import FunctionNode
from lsp_server.edits.python_source import first_line
from lsp_server.refactor.import_edits import block_for_types
from lsp_server.refactor.module_imports import (
    Imported,
    imported_by,
    is_for_types,
    written_imports,
)
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.source import Source

Definition = FunctionNode | ast.ClassDef
_NO_COMMENT_OF_IT = re.compile(r"#!|#.*coding[:=]|# %%")


@dataclass(frozen=True, slots=True)
class Needs:
    """What code uses of its module: imports as they are written there, and what is `own` to it."""

    imports: tuple[Imported, ...]
    for_types: tuple[Imported, ...]  # below `if TYPE_CHECKING:`
    own: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moving:
    """What moves out of `source`: the text between two offsets, without blank lines behind it."""

    source: Source
    node: Definition
    start: int
    end: int

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def text(self) -> str:
        return f"{self.source.text[self.start : self.end].rstrip()}\n"

    def rest(self) -> str:
        """The module without it."""
        before, behind = self.source.text[: self.start], self.source.text[self.end :]
        if behind.strip():
            return before + behind.lstrip("\n")
        return f"{before.rstrip()}\n" if before.strip() else ""


def find_moving(source: Source, line: int) -> Moving:
    """The function or class whose head is on a line, from 0. Raises `RefactorRefused`."""
    node = next((it for it in source.tree.body if it.lineno == line + 1), None)
    if not isinstance(node, Definition):
        raise RefactorRefused(
            "there is no function or class of the module here: put the cursor on its name"
        )
    for other in source.tree.body:
        if other is not node and node.name in names_bound_by([other]):
            raise RefactorRefused(
                f"{source.path} defines {node.name} once more on line {other.lineno}: leave one "
                "definition first"
            )
    if found := _declared_global(source.tree, {node.name}):
        raise RefactorRefused(f"a function sets {node.name} anew: line {found[0].lineno}")
    if found := [it for it in ast.walk(node) if isinstance(it, ast.Global)]:
        raise RefactorRefused(
            f"{node.name} sets {found[0].names[0]} of its module, which it cannot do from another file"
        )
    first = first_line(node)
    while first > 1 and source.lines[first - 2].startswith("#"):
        if _NO_COMMENT_OF_IT.match(source.lines[first - 2]):
            break
        first -= 1
    assert node.end_lineno is not None
    return Moving(source, node, source.line_start(first), source.line_start(node.end_lineno + 1))


def _declared_global(tree: ast.AST, names: set[str]) -> list[ast.Global]:
    return [it for it in ast.walk(tree) if isinstance(it, ast.Global) and names & {*it.names}]


def used_names(code: str) -> set[str]:
    """The names that code takes from around it, also those that Python itself defines."""
    undefined = {it.name for it in find_undefined(code) or ()}
    tree = ast.parse(code)
    read = {it.id for it in ast.walk(tree) if isinstance(it, ast.Name)}
    return undefined | {it for it in read if hasattr(builtins, it)} - names_bound_by(tree.body)


def find_needs(moving: Moving) -> Needs:
    """Raises `RefactorRefused`."""
    statements = [it for it in moving.source.tree.body if it is not moving.node]
    imports: set[Imported] = set()
    for_types: set[Imported] = set()
    own = []
    for name in sorted(used_names(moving.text)):
        binding = [it for it in statements if name in names_bound_by([it])]
        if all(isinstance(it, ast.Import | ast.ImportFrom) for it in binding):
            imports.update(_imports_of(binding, name, moving.text))
        elif all(map(is_for_types, binding)) and (
            only_types := _imports_of(
                [it for if_ in binding for it in ast.walk(if_)], name, moving.text
            )
        ):
            for_types.update(only_types)
        else:
            own.append(name)
        if not binding and not hasattr(builtins, name):
            imports.update(_imports_of(statements, "*", moving.text))
    if found := _declared_global(moving.source.tree, {*own}):
        (name, *_) = (it for it in found[0].names if it in own)
        raise RefactorRefused(
            f"{moving.name} uses {name}, which line {found[0].lineno} declares to be set by a function: "
            "another file that imports it would keep its first value"
        )
    if for_types:
        known = _imports_of(statements, "TYPE_CHECKING", moving.text)
        imports.update(known or [Imported("typing", "TYPE_CHECKING")])
    imports.update(
        it
        for it in _imports_of(statements, "annotations", moving.text)
        if it.module == "__future__"
    )
    return Needs(tuple(sorted(imports)), tuple(sorted(for_types)), tuple(own))


def _imports_of(statements: Iterable[ast.AST], name: str, code: str) -> list[Imported]:
    """The imports that bind a name; of several packages below one those that the code names."""
    found = [
        imported
        for it in statements
        if isinstance(it, ast.Import | ast.ImportFrom)
        for imported, _ in imported_by(it)
        if imported.bound == name
    ]
    named = [it for it in found if it.name or it.alias or it.module in code]
    return named or found


def has_annotations(node: ast.AST) -> bool:
    return any(
        isinstance(it, ast.AnnAssign)
        or (isinstance(it, ast.arg) and it.annotation is not None)
        or (isinstance(it, FunctionNode) and it.returns is not None)
        for it in ast.walk(node)
    )


def place_in(source: Source, code: str, names: Sequence[str]) -> int:
    """The offset in a module before which code may stand; `names` are what is called there, its own first.

    Behind all that it needs when it is defined, and before what may use it. Raises `RefactorRefused`.
    """
    place = len(source.tree.body)
    for index, statement in enumerate(source.tree.body):
        is_use = any(isinstance(it, ast.Name) and it.id in names for it in ast.walk(statement))
        is_main = isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)
        if is_use or is_main:
            place = index
            break
    late = names_bound_by(source.tree.body[place:])
    if needed := sorted(used_names(_defining(code)) & late):
        raise RefactorRefused(
            f"{source.path} uses {names[0]} before it defines {needed[0]}, which {names[0]} needs"
        )
    if place == len(source.tree.body):
        return len(source.text)
    first = first_line(source.tree.body[place])
    while first > 1 and source.lines[first - 2].startswith("#"):
        first -= 1
    return source.line_start(first)


def _defining(code: str) -> str:
    """The code without what runs only when a function is called."""

    class Emptied(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
            node.body = [ast.Pass()]
            return node

        def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
            node.body = [ast.Pass()]
            return node

    return ast.unparse(ast.fix_missing_locations(Emptied().visit(ast.parse(code))))


def new_module(imports: Sequence[Imported], for_types: Sequence[Imported], code: str) -> str:
    parts = [written_imports(imports)] if imports else []
    if for_types:
        parts.append(block_for_types(for_types))
    head = "\n".join(parts)
    return f"{head}\n\n{code}" if head else code


def put_in(text: str, at: int, code: str) -> str:
    """Code between two statements of a module, with blank lines around it."""
    before, behind = text[:at].rstrip(), text[at:].lstrip("\n")
    lead = f"{before}\n\n\n" if before else ""
    return f"{lead}{code}" + (f"\n\n{behind}" if behind else "")
