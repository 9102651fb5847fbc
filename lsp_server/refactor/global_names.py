"""Finds all places of a name that a module binds at its top: in its own file, and where it is imported.

By tree-sitter and imports as they are written: some milliseconds for a file, where rope takes a
hundred. A file that takes the name from a module and has it at its own top passes it on: who imports it
from there has the same thing. Methods and attributes are rope's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import tree_sitter

from lsp_server.edits.whole_word import whole_word
from lsp_server.refactor.module_imports import Modules, folder_of, import_lines, imports_all
from lsp_server.refactor.name_nodes import (
    binds,
    function_around,
    functions_around,
    import_around,
    is_attribute,
    is_in_class_body,
    is_inside,
    is_keyword,
    word_places,
)
from lsp_server.workspace.languages import load_grammar

_TEXTS = ("string", "string_content", "string_start", "string_end", "comment", "escape_sequence")
_WORD = re.compile(r"\w+")
_DOTS = re.compile(r"from\s*(\.+)\s*import")
_IMPORTS = re.compile(
    r"[ \t]*(?:import[ \t]+(?P<plain>[^\n;#]+)"
    r"|from[ \t]+(?P<module>[\w.]+)[ \t]+import[ \t]*(?:\((?P<many>[^)]*)\)?|(?P<names>[^\n;#]+)))"
)


@dataclass(slots=True)
class Places:
    """Byte offsets in the UTF-8 text of one file."""

    certain: list[int] = field(default_factory=list)
    in_text: list[int] = field(default_factory=list)  # in strings and comments


@dataclass(slots=True)
class _File:
    path: str
    source: bytes
    root: tree_sitter.Node
    nodes: list[tree_sitter.Node]  # where the name stands as a name
    in_text: list[int]
    modules: dict[str, str]  # what may be one, by what it is called here
    star_imports: list[str]  # modules of which all is imported


def is_global(text: str, name: str, line: int) -> bool:
    """Whether the name on a line (from 0) is bound at the top of this very file."""
    file = _read("", text, name)
    return any(it.start_point[0] == line for it in file.nodes) and _defines(file)


def is_global_at(path: str, text: str, name: str, offset: int) -> bool:
    """Whether a file binds a name at its top, by more than an import, and means that at a place."""
    file = _read(path, text, name)
    places = Places()
    _collect(file, name, Modules([path], path), places, is_own=True)
    return len(text[:offset].encode("utf-8", "replace")) in places.certain and _defines(file)


def _defines(file: _File) -> bool:
    return any(
        it.parent is not None and it.parent.type not in ("dotted_name", "aliased_import")
        for it in file.nodes
        if binds(it) and not is_inside(it)
    )


def find_places(texts: Mapping[str, str], path: str, name: str) -> dict[str, Places]:
    """All places of a name that the file at `path` binds, by file."""
    word = whole_word(name)
    # One that imports all of a module passes the name on without having its word.
    waiting = {
        at: _imported_words(at, text)
        for at, text in texts.items()
        if at != path and (word.search(text) or imports_all(text))
    }
    exporters = Modules(texts, path)
    files = {path: _read(path, texts[path], name)}
    found = {path: Places()}
    _collect(files[path], name, exporters, found[path], is_own=True)
    new = {path}
    known = {path}
    while new:
        # Only what imports one that is new may have more in it than was found before.
        stems, new = set(map(_stem, new)), set()
        for at, words in waiting.items():
            if words.isdisjoint(stems):
                continue
            if at not in files:
                files[at] = _read(at, texts[at], name)
            found[at] = places = Places()
            if _collect(files[at], name, exporters, places, is_own=False) and at not in known:
                exporters.add(at)
                known.add(at)
                new.add(at)
    for at, places in found.items():
        if places.certain:
            places.in_text = files[at].in_text
    return {at: places for at, places in found.items() if places.certain}


def _imported_words(path: str, text: str) -> set[str]:
    """What stands in imports, and the names of packages that dots mean there."""
    words: set[str] = set()
    for line in import_lines(text):
        words.update(_WORD.findall(line))
        if dots := _DOTS.search(line):
            words.add(folder_of(path, len(dots[1])).name)
    return words


def _stem(path: str) -> str:
    it = PurePosixPath(path)
    return it.parent.name if it.stem == "__init__" else it.stem


def _read(path: str, text: str, name: str) -> _File:
    source = text.encode("utf-8", "replace")
    tree = tree_sitter.Parser(load_grammar("python").language).parse(source)
    nodes: list[tree_sitter.Node] = []
    in_text: list[int] = []
    for start, end in word_places(source, name.encode()):
        node = tree.root_node.descendant_for_byte_range(start, end)
        if node is None:
            continue
        if node.type == "identifier" and node.byte_range == (start, end):
            nodes.append(node)
        elif node.type in _TEXTS:
            in_text.append(start)
    return _File(path, source, tree.root_node, nodes, in_text, *_read_imports(text))


def _read_imports(text: str) -> tuple[dict[str, str], list[str]]:
    modules = {}
    star_imports = []
    for line in import_lines(text):
        match = _IMPORTS.match(line)
        if match is None:
            continue
        module = match["module"] or ""
        names = re.sub(r"#[^\n]*", "", match["plain"] or match["many"] or match["names"] or "")
        if module and names.strip() == "*":
            star_imports.append(module)
        for part in names.split(","):
            name, _, alias = " ".join(part.split()).partition(" as ")
            if name:
                dot = "" if not module or module.endswith(".") else "."
                modules[alias or name] = f"{module}{dot}{name}"
    return modules, star_imports


def _collect(file: _File, name: str, exporters: Modules, places: Places, *, is_own: bool) -> bool:
    """Whether the file has the name at its top: by a definition of its own, or by an import."""
    imported = [it for it in file.nodes if _is_imported_from(it, file, exporters)]
    bound = [it for it in imported if not _is_renamed(it)]
    has_it = (
        is_own
        or any(not is_inside(it) for it in bound)
        or any(exporters.has(it, file.path) for it in file.star_imports)
    )
    shadows = {
        scope.id
        for it in file.nodes
        if binds(it) and it not in bound and (scope := function_around(it)) is not None
        if not _is_declared_global(scope, name)
    }
    inside = {scope.id for it in bound if (scope := function_around(it)) is not None}
    places.certain = [it.start_byte for it in imported]
    taken = set(places.certain)
    for node in file.nodes:
        if node.start_byte in taken or is_keyword(node):
            continue
        if is_attribute(node):
            if _is_of_module(node, file, exporters):
                places.certain.append(node.start_byte)
            continue
        parent = node.parent
        if parent is not None and import_around(node) is not None:
            continue
        scopes = [it.id for it in functions_around(node)]
        nearest = next((it for it in scopes if it in shadows or it in inside), None)
        if nearest in inside or (nearest is None and has_it and not is_in_class_body(node)):
            places.certain.append(node.start_byte)
    places.certain += [
        it for it in file.in_text if has_it and _is_in_all(file, it) and it not in taken
    ]
    return has_it


def _is_of_module(node: tree_sitter.Node, file: _File, exporters: Modules) -> bool:
    assert node.parent is not None
    receiver = node.parent.child_by_field_name("object")
    if receiver is None or receiver.type not in ("identifier", "attribute"):
        return False
    dotted = file.source[receiver.start_byte : receiver.end_byte].decode("utf-8", "replace")
    module = file.modules.get(dotted)
    return module is not None and exporters.has(module, file.path)


def _is_imported_from(node: tree_sitter.Node, file: _File, exporters: Modules) -> bool:
    statement = import_around(node)
    if statement is None or statement.type != "import_from_statement":
        return False
    module = statement.child_by_field_name("module_name")
    if module is None or module.start_byte <= node.start_byte < module.end_byte:
        return False
    parent = node.parent
    if parent is None or parent.type == "aliased_import":
        return False  # it is what something else is called here
    written = file.source[module.start_byte : module.end_byte].decode("utf-8", "replace")
    return exporters.has(written, file.path)


def _is_renamed(node: tree_sitter.Node) -> bool:
    """`name` in `from module import name as other`."""
    above = node.parent.parent if node.parent is not None else None
    return above is not None and above.type == "aliased_import"


def _is_declared_global(scope: tree_sitter.Node, name: str) -> bool:
    text = scope.text or b""
    return (
        re.search(rb"^\s*global\b[^\n]*\b" + re.escape(name.encode()) + rb"\b", text, re.MULTILINE)
        is not None
    )


def _is_in_all(file: _File, at: int) -> bool:
    """Whether a string is one of the names that `__all__` lists."""
    node = file.root.descendant_for_byte_range(at, at + 1)
    while node is not None and node.type not in ("assignment", "augmented_assignment"):
        node = node.parent
    left = node.child_by_field_name("left") if node is not None else None
    return left is not None and left.text == b"__all__"
