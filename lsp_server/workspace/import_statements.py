"""What a statement that imports says, for each language: modules, and the names they are bound to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tree_sitter import Node

from lsp_server.workspace.outline import ImportedName

Statement = tuple[str, tuple[ImportedName, ...]]


def read_import(node: Node, source: bytes, language: str) -> list[Statement]:
    """The modules that a statement imports, and from each the names. Broken ones import nothing."""
    statements = _READERS[language](node, _Text(source))
    return [(module, names) for module, names in statements if module]


class _Text:
    """The text of nodes. Theirs is not asked for: they would have it from the parser's input."""

    def __init__(self, source: bytes) -> None:
        self._source = source

    def __call__(self, node: Node | None) -> str:
        return "" if node is None else self._source[slice(*node.byte_range)].decode()

    def field(self, node: Node, name: str) -> str:
        return self(node.child_by_field_name(name))

    def compact(self, node: Node | None) -> str:
        """A dotted name without the white space that may stand in it."""
        return "".join(self(node).split())

    def unquoted(self, node: Node | None) -> str:
        return self(node).strip("\"'`<>")


def _named(name: str, alias: str = "") -> ImportedName:
    return ImportedName(name, alias or name)


def _read_python(node: Node, text: _Text) -> Iterator[Statement]:
    if node.type == "import_statement":
        for child in node.children_by_field_name("name"):
            if child.type == "aliased_import":
                module = text.compact(child.child_by_field_name("name"))
                yield module, (ImportedName("", text.field(child, "alias")),)
            else:
                module = text.compact(child)
                yield module, (ImportedName("", module),)
        return
    if node.type == "future_import_statement":
        return
    names = []
    for child in node.children_by_field_name("name"):
        if child.type == "aliased_import":
            name = text.field(child, "name")
            names.append(ImportedName(name, text.field(child, "alias")))
        else:
            names.append(_named(text(child)))
    if any(child.type == "wildcard_import" for child in node.named_children):
        names.append(_named("*"))
    yield text.compact(node.child_by_field_name("module_name")), tuple(names)


def _read_ecmascript(node: Node, text: _Text) -> Iterator[Statement]:
    if node.type == "call_expression":
        yield from _read_require(node, text)
        return
    source = node.child_by_field_name("source")
    names: list[ImportedName] = []
    for child in node.named_children:
        if child.type == "import_clause":
            names.extend(_read_clause(child, text))
        elif child.type == "import_require_clause":
            source = child.child_by_field_name("source")
            names.append(ImportedName("", text(child.named_child(0))))
        elif child.type == "export_clause":
            names.extend(_read_specifiers(child, text))
        elif child.type == "namespace_export":
            names.append(ImportedName("", text(child.named_child(0))))
    if node.type == "export_statement" and not names:
        names.append(_named("*"))
    yield text.unquoted(source), tuple(names)


def _read_clause(clause: Node, text: _Text) -> Iterator[ImportedName]:
    for child in clause.named_children:
        if child.type == "identifier":
            yield ImportedName("default", text(child))
        elif child.type == "namespace_import":
            yield ImportedName("", text(child.named_child(0)))
        elif child.type == "named_imports":
            yield from _read_specifiers(child, text)


def _read_specifiers(clause: Node, text: _Text) -> Iterator[ImportedName]:
    for child in clause.named_children:
        if child.type in {"import_specifier", "export_specifier"}:
            name = text.unquoted(child.child_by_field_name("name"))
            yield _named(name, text.unquoted(child.child_by_field_name("alias")))


def _read_require(call: Node, text: _Text) -> Iterator[Statement]:
    arguments = call.child_by_field_name("arguments")
    module = text.unquoted(arguments.named_child(0)) if arguments is not None else ""
    around = call.parent
    if around is not None and around.type == "await_expression":
        around = around.parent
    names: list[ImportedName] = []
    if around is not None and around.type == "variable_declarator":
        target = around.child_by_field_name("name")
        if target is not None and target.type == "identifier":
            names.append(ImportedName("", text(target)))
        elif target is not None and target.type == "object_pattern":
            for child in target.named_children:
                if child.type == "shorthand_property_identifier_pattern":
                    names.append(_named(text(child)))
                elif child.type == "pair_pattern":
                    key = text.field(child, "key")
                    names.append(ImportedName(key, text.field(child, "value")))
    yield module, tuple(names)


_READERS: dict[str, Callable[[Node, _Text], Iterator[Statement]]] = {
    "python": _read_python,
    "javascript": _read_ecmascript,
    "javascriptreact": _read_ecmascript,
    "typescript": _read_ecmascript,
    "typescriptreact": _read_ecmascript,
}
