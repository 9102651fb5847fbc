"""Finds all places of a name that a module binds at its top: in its own file, and where it is imported.

By tree-sitter and imports as they are written: some milliseconds for a file, where rope takes a
hundred. A file that takes the name from a module and has it at its own top passes it on: who imports it
from there has the same thing. Methods, attributes and local names are rope's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import tree_sitter

from lsp_server.refactor.module_imports import imports_all, means
from lsp_server.workspace.languages import load_grammar

_FUNCTIONS = ("function_definition", "lambda")
_TEXTS = ("string", "string_content", "string_start", "string_end", "comment", "escape_sequence")
_BINDING = (
    "parameters",
    "lambda_parameters",
    "aliased_import",
    "as_pattern_target",
    "import_from_statement",
    "import_statement",
)
_BINDING_FIELDS = {
    "function_definition": "name",
    "class_definition": "name",
    "default_parameter": "name",
    "typed_default_parameter": "name",
    "assignment": "left",
    "augmented_assignment": "left",
    "for_statement": "left",
    "for_in_clause": "left",
    "named_expression": "name",
}
_PATTERNS = (
    "pattern_list",
    "tuple_pattern",
    "list_pattern",
    "dotted_name",
    "list_splat_pattern",
    "dictionary_splat_pattern",
    "tuple",
    "list",
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
    modules: dict[str, str] = field(default_factory=dict)  # what `import` binds, by its name here


def is_global(text: str, name: str, line: int) -> bool:
    """Whether the name on a line (from 0) is bound at the top of this very file."""
    file = _read("", text.encode("utf-8", "replace"), name)
    binds = [it for it in file.nodes if _binds(it) and not _is_inside(it)]
    return any(it.start_point[0] == line for it in file.nodes) and any(
        it.parent is not None and it.parent.type not in ("dotted_name", "aliased_import")
        for it in binds
    )


def find_places(texts: Mapping[str, str], path: str, name: str) -> dict[str, Places]:
    """All places of a name that the file at `path` binds, by file."""
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    # One that imports all of a module passes the name on without having its word.
    sources = {at: text for at, text in texts.items() if word.search(text) or imports_all(text)}
    exporters = {path}
    files: dict[str, _File] = {}
    found: dict[str, Places] = {}
    while True:
        stems = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, _stems(exporters))) + r")(?!\w)")
        before = len(exporters)
        for at, text in sources.items():
            if at not in files:
                if at not in exporters and not stems.search(text):
                    continue
                files[at] = _read(at, text.encode("utf-8", "replace"), name)
            found[at] = places = Places()
            binds_at_top = _collect(files[at], name, exporters, places, is_own=at == path)
            if binds_at_top:
                exporters.add(at)
        if len(exporters) == before:
            break
    for at, places in found.items():
        if places.certain:
            places.in_text = files[at].in_text
    return {at: places for at, places in found.items() if places.certain}


def _stems(paths: set[str]) -> Iterator[str]:
    for path in paths:
        it = PurePosixPath(path)
        stem = it.parent.name if it.stem == "__init__" else it.stem
        if stem:
            yield stem
        else:
            yield "import"


def _read(path: str, source: bytes, name: str) -> _File:
    tree = tree_sitter.Parser(load_grammar("python").language).parse(source)
    nodes: list[tree_sitter.Node] = []
    in_text: list[int] = []
    for match in re.finditer(rb"(?<!\w)" + re.escape(name.encode()) + rb"(?!\w)", source):
        node = tree.root_node.descendant_for_byte_range(match.start(), match.end())
        if node is None:
            continue
        if node.type == "identifier" and node.byte_range == match.span():
            nodes.append(node)
        elif node.type in _TEXTS:
            in_text.append(match.start())
    return _File(path, source, tree.root_node, nodes, in_text)


def _collect(file: _File, name: str, exporters: set[str], places: Places, *, is_own: bool) -> bool:
    """Whether the file has the name at its top: by a definition of its own, or by an import."""
    imported = [it for it in file.nodes if _is_imported_from(it, file, exporters)]
    bound = [it for it in imported if not _is_renamed(it)]
    has_it = is_own or any(not _is_inside(it) for it in bound) or _imports_all(file, exporters)
    shadows = {
        scope.id
        for it in file.nodes
        if _binds(it) and it not in bound and (scope := _scope(it)) is not None
        if not _is_declared_global(scope, name)
    }
    inside = {scope.id for it in bound if (scope := _scope(it)) is not None}
    places.certain = [it.start_byte for it in imported]
    taken = set(places.certain)
    for node in file.nodes:
        if node.start_byte in taken or _is_keyword(node):
            continue
        if _is_attribute(node):
            if _is_of_module(node, file, exporters):
                places.certain.append(node.start_byte)
            continue
        parent = node.parent
        if parent is not None and _import_around(node) is not None:
            continue
        scopes = [it.id for it in _scopes(node)]
        nearest = next((it for it in scopes if it in shadows or it in inside), None)
        if nearest in inside or (nearest is None and has_it and not _is_in_class_body(node)):
            places.certain.append(node.start_byte)
    places.certain += [
        it for it in file.in_text if has_it and _is_in_all(file, it) and it not in taken
    ]
    return has_it


def _is_attribute(node: tree_sitter.Node) -> bool:
    parent = node.parent
    return (
        parent is not None
        and parent.type == "attribute"
        and parent.child_by_field_name("attribute") == node
    )


def _is_keyword(node: tree_sitter.Node) -> bool:
    parent = node.parent
    return (
        parent is not None
        and parent.type == "keyword_argument"
        and parent.child_by_field_name("name") == node
    )


def _is_in_class_body(node: tree_sitter.Node) -> bool:
    """Whether it defines a member of a class: another thing of the same name."""
    if not _binds(node):
        return False
    above = node.parent
    if above is not None and above.type in ("function_definition", "class_definition"):
        above = above.parent
    while above is not None and above.type not in (*_FUNCTIONS, "class_definition", "module"):
        above = above.parent
    return above is not None and above.type == "class_definition"


def _is_of_module(node: tree_sitter.Node, file: _File, exporters: set[str]) -> bool:
    assert node.parent is not None
    receiver = node.parent.child_by_field_name("object")
    if receiver is None or receiver.type not in ("identifier", "attribute"):
        return False
    if not file.modules:
        file.modules = {**_imported_modules(file), "": ""}
    dotted = file.source[receiver.start_byte : receiver.end_byte].decode("utf-8", "replace")
    module = file.modules.get(dotted)
    return module is not None and module != "" and means(module, file.path, exporters)


_IMPORTS = re.compile(
    rb"^[ \t]*(?:import[ \t]+(?P<plain>[^\n;#]+)"
    rb"|from[ \t]+(?P<module>[\w.]+)[ \t]+import[ \t]+(?:\((?P<many>[^)]*)\)|(?P<names>[^\n;#]+)))",
    re.MULTILINE,
)


def _imported_modules(file: _File) -> dict[str, str]:
    """Modules, or what may be one, by what they are called in the file."""
    found = {}
    for match in _IMPORTS.finditer(file.source):
        module = (match["module"] or b"").decode("utf-8", "replace")
        names = match["plain"] or match["many"] or match["names"] or b""
        text = re.sub(r"#[^\n]*", "", names.decode("utf-8", "replace"))
        for part in text.split(","):
            name, _, alias = " ".join(part.split()).partition(" as ")
            if name:
                whole = (
                    name if not module else f"{module}{'' if module.endswith('.') else '.'}{name}"
                )
                found[alias or name] = whole
    return found


def _import_around(node: tree_sitter.Node) -> tree_sitter.Node | None:
    above = node.parent
    for _ in range(3):
        if above is None or above.type in ("import_from_statement", "import_statement"):
            return above
        above = above.parent
    return None


def _is_imported_from(node: tree_sitter.Node, file: _File, exporters: set[str]) -> bool:
    statement = _import_around(node)
    if statement is None or statement.type != "import_from_statement":
        return False
    module = statement.child_by_field_name("module_name")
    if module is None or module.start_byte <= node.start_byte < module.end_byte:
        return False
    parent = node.parent
    if parent is None or parent.type == "aliased_import":
        return False  # it is what something else is called here
    written = file.source[module.start_byte : module.end_byte].decode("utf-8", "replace")
    return means(written, file.path, exporters)


def _is_renamed(node: tree_sitter.Node) -> bool:
    """`name` in `from module import name as other`."""
    above = node.parent.parent if node.parent is not None else None
    return above is not None and above.type == "aliased_import"


def _imports_all(file: _File, exporters: set[str]) -> bool:
    return any(
        (match["names"] or b"").strip() == b"*"
        and means((match["module"] or b"").decode("utf-8", "replace"), file.path, exporters)
        for match in _IMPORTS.finditer(file.source)
    )


def _binds(node: tree_sitter.Node) -> bool:
    """Whether the name is bound here: assigned, defined, a parameter, a target, imported."""
    child, parent = node, node.parent
    while parent is not None:
        if parent.type in _BINDING:
            return True
        if parent.type in _BINDING_FIELDS:
            return parent.child_by_field_name(_BINDING_FIELDS[parent.type]) == child
        if parent.type == "typed_parameter":
            return parent.children[0] == child
        if parent.type not in _PATTERNS:
            return False
        child, parent = parent, parent.parent
    return False


def _scopes(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """The functions around a place, the innermost first; a head is not in its function's scope."""
    child, above = node, node.parent
    while above is not None:
        if above.type in _FUNCTIONS:
            parts = [above.child_by_field_name(it) for it in ("body", "parameters")]
            if child in parts and not _is_outside(node, above):
                yield above
        child, above = above, above.parent


def _is_outside(node: tree_sitter.Node, function: tree_sitter.Node) -> bool:
    """Whether it stands in a default value or an annotation of a function."""
    parameters = function.child_by_field_name("parameters")
    is_in_head = parameters is not None and (
        parameters.start_byte <= node.start_byte < parameters.end_byte
    )
    return is_in_head and not _binds(node)


def _scope(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """The function whose name it is, where it binds one."""
    return next(_scopes(node), None)


def _is_inside(node: tree_sitter.Node) -> bool:
    return _scope(node) is not None or _is_in_class_body(node)


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
