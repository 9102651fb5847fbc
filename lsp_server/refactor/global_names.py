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

from lsp_server.edits.whole_word import whole_word
from lsp_server.refactor.module_imports import Modules, folder_of, import_lines, imports_all
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
        if _binds(it) and not _is_inside(it)
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
    for start, end in _word_places(source, name.encode()):
        node = tree.root_node.descendant_for_byte_range(start, end)
        if node is None:
            continue
        if node.type == "identifier" and node.byte_range == (start, end):
            nodes.append(node)
        elif node.type in _TEXTS:
            in_text.append(start)
    return _File(path, source, tree.root_node, nodes, in_text, *_read_imports(text))


def _word_places(source: bytes, name: bytes) -> Iterator[tuple[int, int]]:
    quoted = re.escape(name)
    for match in re.finditer(rb"%b(?<!\w%b)(?!\w)" % (quoted, quoted), source):
        yield match.span()


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
        or any(not _is_inside(it) for it in bound)
        or any(exporters.has(it, file.path) for it in file.star_imports)
    )
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


def _is_of_module(node: tree_sitter.Node, file: _File, exporters: Modules) -> bool:
    assert node.parent is not None
    receiver = node.parent.child_by_field_name("object")
    if receiver is None or receiver.type not in ("identifier", "attribute"):
        return False
    dotted = file.source[receiver.start_byte : receiver.end_byte].decode("utf-8", "replace")
    module = file.modules.get(dotted)
    return module is not None and exporters.has(module, file.path)


def _import_around(node: tree_sitter.Node) -> tree_sitter.Node | None:
    above = node.parent
    for _ in range(3):
        if above is None or above.type in ("import_from_statement", "import_statement"):
            return above
        above = above.parent
    return None


def _is_imported_from(node: tree_sitter.Node, file: _File, exporters: Modules) -> bool:
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
    return exporters.has(written, file.path)


def _is_renamed(node: tree_sitter.Node) -> bool:
    """`name` in `from module import name as other`."""
    above = node.parent.parent if node.parent is not None else None
    return above is not None and above.type == "aliased_import"


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
