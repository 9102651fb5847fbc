"""Changes signatures: rope finds what is, or may be, the function, and `signature.py` changes it."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from rope.base import evaluate, pyobjects

from lsp_server.edits.python_scopes import FunctionNode
from lsp_server.refactor import global_names
from lsp_server.refactor.job import Doubt, Place, Rewritten
from lsp_server.refactor.method_uses import MethodKind, kind_of
from lsp_server.refactor.mirror import Mirror
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.renaming import OF_UNKNOWN_TYPE, finder_of
from lsp_server.refactor.signature import (
    SignatureChange,
    calls_of,
    change_call,
    change_head,
    plan,
)
from lsp_server.refactor.source import Source, TextEdit, apply_edits


def change_signature(
    mirror: Mirror, path: str, place: Place, what: str, names: tuple[str, ...]
) -> tuple[Rewritten, ...]:
    """Raises `RefactorRefused`."""
    source = Source(mirror.texts[path], path)
    function, owner = _function_at(source, place[0] + 1)
    change = plan(what, names, function, owner.name if owner is not None else "")
    offset = _name_offset(source, function)
    pymodule: Any = mirror.project.get_pymodule(mirror.resource(path))
    meant: tuple[Any, Any] = evaluate.eval_location2(pymodule, offset)
    instance, pyname = meant
    if pyname is None or not isinstance(pyname.get_object(), pyobjects.PyFunction):
        raise RefactorRefused(f"what {function.name} means here is not known")
    finders = [finder_of(mirror, function.name, pyname, instance)]
    if function.name == "__init__" and owner is not None:
        module: Any = pymodule.get_scope()
        if owner.name not in module.get_names():
            raise RefactorRefused(f"{owner.name} is not a class of the module itself")
        finders.append(finder_of(mirror, owner.name, module.get_name(owner.name), None))
    files = []
    named = _named(mirror, path, function) if function in source.tree.body else {}
    for resource in mirror.resources():
        found = _occurrences(mirror, resource, finders)
        found |= dict.fromkeys(named.get(resource.path, ()), True)
        if found:
            file = _change_file(
                Source(mirror.texts[resource.path], resource.path), found, function, owner, change
            )
            if file is not None:
                files.append(file)
    return tuple(files)


def _occurrences(
    mirror: Mirror, resource: Any, finders: Sequence[tuple[Any, set[int]]]
) -> dict[int, bool]:
    """The offsets of names in a file, and whether they are certain."""
    found: dict[int, bool] = {}
    for finder, unsure in finders:
        if finder.name not in mirror.texts[resource.path]:
            continue
        unsure.clear()
        for occurrence in finder.find_occurrences(resource):
            start, _ = occurrence.get_word_range()
            found[start] = start not in unsure
    return found


def _named(mirror: Mirror, path: str, function: FunctionNode) -> dict[str, list[int]]:
    """Where files name a function of a module, also one that a package passes on; not in imports."""
    found = {}
    for at, places in global_names.find_places(mirror.texts, path, function.name).items():
        source = Source(mirror.texts[at], at)
        data = source.text.encode("utf-8", "replace")
        certain = {len(data[:it].decode("utf-8", "replace")) for it in places.certain}
        named = (
            source.end(it) - len(function.name)
            for it in ast.walk(source.tree)
            if isinstance(it, ast.Name | ast.Attribute)
        )
        found[at] = sorted(certain.intersection(named))
    return found


def _change_file(
    source: Source,
    found: dict[int, bool],
    function: FunctionNode,
    owner: ast.ClassDef | None,
    change: SignatureChange,
) -> Rewritten | None:
    heads = {
        _name_offset(source, it): it
        for it in ast.walk(source.tree)
        if isinstance(it, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    calls = {
        source.end(name) - len(name.attr if isinstance(name, ast.Attribute) else name.id): call
        for call, name in calls_of(source.tree)
    }
    found = _without_other_classes(source, found, {**calls, **heads}, function, owner)
    imported = [
        (source.start(it), source.end(it))
        for it in ast.walk(source.tree)
        if isinstance(it, ast.ImportFrom | ast.Import)
    ]

    def changed(start: int) -> list[TextEdit]:
        if start in heads:
            return change_head(source, heads[start], change)
        if start in calls:
            is_bound = _is_bound(calls[start], function, owner)
            return change_call(source, calls[start], change, is_bound=is_bound)
        is_import = any(first <= start < last for first, last in imported)
        if function.name == "__init__" or is_import or change.what == "add" or not found[start]:
            return []
        line = source.text.count("\n", 0, start) + 1
        raise RefactorRefused(
            f"{source.path}, line {line} passes {function.name} on: what calls it there is not known"
        )

    edits: list[TextEdit] = []
    doubts = []
    for start, is_certain in sorted(found.items()):
        try:
            more = changed(start)
        except RefactorRefused:
            if is_certain:
                raise
            continue
        edits += more
        if more and not is_certain:
            doubts.append(Doubt(source.text.count("\n", 0, start), OF_UNKNOWN_TYPE))
    if not edits:
        return None
    return Rewritten(source.path, source.text, apply_edits(source.text, edits), tuple(doubts))


def _is_bound(call: ast.Call, function: FunctionNode, owner: ast.ClassDef | None) -> bool:
    if owner is None:
        return False
    if function.name == "__init__" and _last(call.func) != "__init__":
        return True  # an instance is made
    if kind_of(function) is MethodKind.CLASS:
        return True
    receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
    return receiver is not None and _last(receiver) != owner.name


def _without_other_classes(
    source: Source,
    found: dict[int, bool],
    nodes: Mapping[int, ast.AST],
    function: FunctionNode,
    owner: ast.ClassDef | None,
) -> dict[int, bool]:
    """The places that are of the function's own class, where each class has one of its own."""
    if owner is None or function.name != "__init__":
        return found
    return {
        start: is_certain
        for start, is_certain in found.items()
        if start not in nodes or not _is_of_another_class(source, nodes[start], function, owner)
    }


def _is_of_another_class(
    source: Source, node: ast.AST, function: FunctionNode, owner: ast.ClassDef
) -> bool:
    """Of an `__init__`, which has its own parameters in each class: whether it is, or calls, another one."""
    if isinstance(node, FunctionNode):
        return (node.lineno, ast.dump(node)) != (function.lineno, ast.dump(function))
    if not isinstance(node, ast.Call) or not ast.unparse(node.func).startswith("super("):
        return False
    around = [
        it for it in ast.walk(source.tree) if isinstance(it, ast.ClassDef) and node in ast.walk(it)
    ]
    return not around or owner.name not in map(_last, around[-1].bases)


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _function_at(source: Source, line: int) -> tuple[FunctionNode, ast.ClassDef | None]:
    """The function with that line in its head, and the class that it is a method of."""
    found: list[tuple[FunctionNode, ast.ClassDef | None]] = []

    def search(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                body = child.body[0]
                if child.lineno <= line and (line < body.lineno or line == child.lineno):
                    found.append((child, node if isinstance(node, ast.ClassDef) else None))
            search(child)

    search(source.tree)
    if not found:
        raise RefactorRefused("there is no function here: put the cursor on a parameter")
    return found[-1]


def _name_offset(source: Source, function: FunctionNode) -> int:
    start = source.start(function)
    return source.text.index(function.name, source.text.index("def", start) + 3)


def place_of_new(files: tuple[Rewritten, ...], path: str, name: str) -> Any:
    """Where a new parameter stands in the file that it was asked for in."""
    for file in files:
        if file.path == path:
            for number, line in enumerate(file.after.split("\n")):
                at = line.find(f"{name}=None")
                if at >= 0:
                    return number, at
    return None
