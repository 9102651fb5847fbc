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


def _read_go(node: Node, text: _Text) -> Iterator[Statement]:
    module = text.unquoted(node.child_by_field_name("path"))
    alias = text.field(node, "name")
    if alias == "_":
        yield module, ()
    elif alias == ".":
        yield module, (_named("*"),)
    else:
        yield module, (ImportedName("", alias or module.rpartition("/")[2]),)


def _read_rust(node: Node, text: _Text) -> Iterator[Statement]:
    if node.type == "mod_item":
        name = text.field(node, "name")
        yield f"self::{name}", (ImportedName("", name),)
    elif node.type == "extern_crate_declaration":
        name = text.field(node, "name")
        yield name, (ImportedName("", text.field(node, "alias") or name),)
    else:
        argument = node.child_by_field_name("argument")
        if argument is not None:
            names: dict[str, list[ImportedName]] = {}
            for module, used in _read_use(argument, "", text):
                names.setdefault(module, []).append(used)
            yield from ((module, tuple(bound)) for module, bound in names.items())


def _read_use(node: Node, prefix: str, text: _Text) -> Iterator[tuple[str, ImportedName]]:
    """The leaves of a tree of uses. Without recursion, since nothing bounds its depth."""
    pending = [(node, prefix)]
    while pending:
        node, prefix = pending.pop()
        match node.type:
            case "use_list":
                pending += [(child, prefix) for child in reversed(node.named_children)]
            case "scoped_use_list":
                around = _join_path(prefix, text.compact(node.child_by_field_name("path")))
                inner = node.child_by_field_name("list")
                pending += [(inner, around)] if inner is not None else []
            case "use_wildcard":
                path = text.compact(node).removesuffix("*").removesuffix("::")
                yield _join_path(prefix, path), _named("*")
            case "use_as_clause":
                path = _join_path(prefix, text.compact(node.child_by_field_name("path")))
                yield _split_path(path, text.field(node, "alias"))
            case "self":
                yield _split_path(prefix, "")
            case "identifier" | "scoped_identifier" | "crate" | "super":
                yield _split_path(_join_path(prefix, text.compact(node)), "")


def _join_path(prefix: str, path: str) -> str:
    return f"{prefix}::{path}" if prefix and path else prefix or path


def _split_path(path: str, alias: str) -> tuple[str, ImportedName]:
    module, _, name = path.removesuffix("::self").rpartition("::")
    return (module, _named(name, alias)) if module else (name, ImportedName("", alias or name))


def _read_java(node: Node, text: _Text) -> Iterator[Statement]:
    path = next(
        (it for it in node.named_children if it.type in {"scoped_identifier", "identifier"}), None
    )
    if any(child.type == "asterisk" for child in node.named_children):
        yield text.compact(path), (_named("*"),)
    else:
        module, _, name = text.compact(path).rpartition(".")
        yield module, (_named(name),)


def _read_include(node: Node, text: _Text) -> Iterator[Statement]:
    path = node.child_by_field_name("path")
    if path is not None and path.type in {"string_literal", "system_lib_string"}:
        yield text(path).strip('"'), (_named("*"),)


def _read_csharp(node: Node, text: _Text) -> Iterator[Statement]:
    alias = text.field(node, "name")
    if node.named_children:
        name = ImportedName("", alias) if alias else _named("*")
        yield text.compact(node.named_children[-1]), (name,)


def _read_ruby(node: Node, text: _Text) -> Iterator[Statement]:
    arguments = node.child_by_field_name("arguments")
    module = text.unquoted(arguments.named_child(0)) if arguments is not None else ""
    if text.field(node, "method") == "require_relative" and not module.startswith("."):
        module = f"./{module}"
    if "#{" not in module:
        yield module, (_named("*"),)


def _read_php(node: Node, text: _Text) -> Iterator[Statement]:
    if node.type != "namespace_use_declaration":
        yield _read_php_path(node, text), (_named("*"),)
        return
    prefix = ""
    clauses: list[Node] = []
    for child in node.named_children:
        if child.type == "namespace_name":
            prefix = text.compact(child)
        elif child.type == "namespace_use_group":
            clauses.extend(child.named_children)
        elif child.type == "namespace_use_clause":
            clauses.append(child)
    for clause in clauses:
        if clause.type == "namespace_use_clause" and clause.named_children:
            path = f"{prefix}\\{text.compact(clause.named_children[0])}".strip("\\")
            module, _, name = path.rpartition("\\")
            yield module or name, (_named(name, text.field(clause, "alias")),)


def _read_php_path(node: Node, text: _Text) -> str:
    """`'a.php'`, or `__DIR__ . '/a.php'`; nothing for what is computed in another way."""
    argument = node
    while argument is node or argument.type == "parenthesized_expression":
        inside = argument.named_children
        if not inside:
            return ""
        argument = inside[0]
    written = text(argument)
    here = written.removeprefix("__DIR__").lstrip().removeprefix(".").lstrip()
    if written.startswith("__DIR__") and here[:2] in {"'/", '"/'} and here[-1] == here[0]:
        return f".{here[1:-1]}"
    is_plain = argument.type in {"string", "encapsed_string"}
    return written.strip("\"'") if is_plain and "$" not in written else ""


def _read_source(node: Node, text: _Text) -> Iterator[Statement]:
    """`source ./a.sh`. The folder in `source "$HERE/a.sh"` is taken for the script's own."""
    module = text.unquoted(node.child_by_field_name("argument")).replace('"', "")
    if module.startswith(("$", "`")):
        variable, slash, rest = module.rpartition("}/") if "}/" in module else ("", "", "")
        if not slash:
            variable, slash, rest = module.rpartition(")/")
        if not slash:
            variable, slash, rest = module.partition("/")
        module = f"./{rest}" if variable and "$" not in rest else ""
    if "$" not in module:
        yield module, (_named("*"),)


_READERS: dict[str, Callable[[Node, _Text], Iterator[Statement]]] = {
    "python": _read_python,
    "javascript": _read_ecmascript,
    "javascriptreact": _read_ecmascript,
    "typescript": _read_ecmascript,
    "typescriptreact": _read_ecmascript,
    "go": _read_go,
    "rust": _read_rust,
    "java": _read_java,
    "c": _read_include,
    "cpp": _read_include,
    "csharp": _read_csharp,
    "ruby": _read_ruby,
    "php": _read_php,
    "shellscript": _read_source,
}
