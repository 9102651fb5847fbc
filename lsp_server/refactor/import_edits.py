"""Puts imports into a text, takes them out, and has code import a moved name from another module. Pure."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lsp_server.edits.python_names import names_bound_by
from lsp_server.edits.python_scopes import Scope
from lsp_server.edits.python_source import first_line
from lsp_server.quick_fixes.import_place import write_python_import
from lsp_server.quick_fixes.unused import remove_python_import
from lsp_server.refactor.method_uses import rebinds
from lsp_server.refactor.module_imports import (
    Imported,
    Modules,
    group_of,
    imported_by,
    is_for_types,
    module_names,
    statement,
    written_imports,
)
from lsp_server.refactor.names import unused
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.source import Source, TextEdit, apply_edits, strings_and_comments
from lsp_server.workspace.documents import Edit, Position, split_lines


def with_import(text: str, imported: Imported) -> str:
    """With blank lines around it where it is the first one."""
    if imported.module == "__future__" and statement(imported) not in text:
        return _with_future(Source(text), imported)
    lines = split_lines(text)
    edit = write_python_import(lines, imported.module, imported.name, imported.alias)
    if "\n" in edit.text:
        before = lines[edit.start.line - 1] if edit.start.line else ""
        behind = lines[edit.start.line] if edit.start.line < len(lines) else ""
        other = re.match(r"(?:import|from)\s+([\w.]+)", before)
        is_apart = group_of(other[1]) != group_of(imported.module) if other else before.strip()
        lead = "\n" if is_apart and not before.startswith((" ", ")")) else ""
        blank = "\n\n" if re.match(r"async def|def|class|@", behind) else "\n"
        follows = behind.strip() and not re.match(r"import\b|from\b", behind)
        edit = Edit(edit.start, edit.end, lead + edit.text + (blank if follows else ""))
    return _edited(lines, edit)


def _with_future(source: Source, imported: Imported) -> str:
    """What has to stand before all but a docstring and comments."""
    first = next(
        (
            it
            for it in source.tree.body
            if not (isinstance(it, ast.Expr) and isinstance(it.value, ast.Constant))
        ),
        None,
    )
    at = source.line_start(first_line(first)) if first is not None else len(source.text)
    is_import = isinstance(first, ast.Import | ast.ImportFrom)
    is_same = isinstance(first, ast.ImportFrom) and first.module == "__future__"
    between = "\n" if is_same else "\n\n" if is_import else "\n\n\n"
    return source.text[:at] + statement(imported) + between + source.text[at:]


def without_import(text: str, imported: Imported) -> str:
    """The text without an import at its top, or below an `if` there that then goes as well."""
    tree = ast.parse(text)
    for it in tree.body:
        inner = it.body if isinstance(it, ast.If) else [it]
        for node in inner:
            if isinstance(node, ast.Import | ast.ImportFrom) and imported in (
                found for found, _ in imported_by(node)
            ):
                if len(node.names) == 1 and len(inner) == 1:
                    return _without_statement(Source(text), it)
                for edit in remove_python_import(
                    split_lines(text), imported.bound, Position(node.lineno - 1, 0)
                ):
                    return _edited(split_lines(text), edit)
    return text


def _without_statement(source: Source, statement: ast.stmt) -> str:
    """With as many blank lines in its place as stood on either side of it."""
    assert statement.end_lineno is not None
    before = source.text[: source.line_start(statement.lineno)]
    behind = source.text[source.line_start(statement.end_lineno + 1) :]
    above, below = before.rstrip("\n"), behind.lstrip("\n")
    if not above or not below:
        return f"{above}\n" if above else below
    between = max(len(before) - len(above), len(behind) - len(below) + 1)
    return above + "\n" * between + below


def _edited(lines: list[str], edit: Edit) -> str:
    before = "".join(lines[: edit.start.line]) + lines[edit.start.line][: edit.start.column]
    behind = lines[edit.end.line][edit.end.column :] + "".join(lines[edit.end.line + 1 :])
    return f"{before}{edit.text}{behind}"


@dataclass(slots=True)
class Uses:
    """How a file uses a name of a module: what it imports of it, and by which name it calls it."""

    names: list[tuple[ast.ImportFrom, Imported, ast.alias]] = field(default_factory=list)
    everything: list[ast.ImportFrom] = field(default_factory=list)
    modules: list[tuple[ast.Import | ast.ImportFrom, Imported, ast.alias]] = field(
        default_factory=list
    )
    attributes: list[ast.Attribute] = field(default_factory=list)

    @property
    def written(self) -> list[str]:
        """The module's name, as it is written."""
        return [
            *(it.module for _, it, _ in self.names),
            *(it.meant_module for _, it, _ in self.modules),
        ]


def find_uses(source: Source, name: str, module: Modules) -> Uses:
    """Of a name that one module defines. Raises `RefactorRefused`."""
    uses = Uses()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for imported, alias in imported_by(node):
                _note_import(uses, source.path, node, imported, alias, name=name, module=module)
    called = {
        it for it, meant in module_names(source.tree).items() if module.has(meant, source.path)
    }
    if called:
        uses.attributes = list(_attributes(source.tree, name, called, ()))
    for it in uses.attributes:
        if not isinstance(it.ctx, ast.Load):
            raise RefactorRefused(
                f"{source.path}, line {it.lineno} sets {name} of its module anew: do without that first"
            )
    return uses


def _note_import(
    uses: Uses,
    path: str,
    node: ast.Import | ast.ImportFrom,
    imported: Imported,
    alias: ast.alias,
    *,
    name: str,
    module: Modules,
) -> None:
    if isinstance(node, ast.ImportFrom) and module.has(imported.module, path):
        if imported.name == name:
            uses.names.append((node, imported, alias))
        elif imported.name == "*":
            uses.everything.append(node)
    if module.has(imported.meant_module, path):
        uses.modules.append((node, imported, alias))


def _attributes(
    node: ast.AST, name: str, modules: set[str], scopes: tuple[Scope, ...]
) -> Iterator[ast.Attribute]:
    if isinstance(node, ast.Attribute) and node.attr == name:
        written = ast.unparse(node.value)
        root = written.partition(".")[0]
        if written in modules and not any(rebinds(it, root) for it in scopes):
            yield node
    inner = (*scopes, node) if isinstance(node, Scope) else scopes
    for child in ast.iter_child_nodes(node):
        yield from _attributes(child, name, modules, inner)


def follow(source: Source, uses: Uses, new: Imported, *, passes_on: bool) -> list[TextEdit]:
    """What has a file that uses a name of a module import it from another one, as `new` says.

    `passes_on`: that it imports all of the module brings others the name.
    """
    edits: list[TextEdit] = []
    for named, imported, alias in uses.names:
        told = statement(Imported(new.module, new.name, imported.alias))
        edits += replace_alias(source, named, alias, told)
    if uses.everything and passes_on:
        at = uses.everything[-1]
        edits += _behind(source, at, statement(new))
    if uses.attributes:
        called = _name_for(source, uses, new.name)
        told = statement(Imported(new.module, new.name, "" if called == new.name else called))
        edits += (TextEdit(source.start(it), source.end(it), called) for it in uses.attributes)
        is_there = any(imported.bound == called for _, imported, _ in uses.names)
        for node, imported, alias in uses.modules:
            is_needed = _is_used(source, imported.bound, uses)
            if is_needed and not is_there:
                edits += _behind(source, node, told)
            elif not is_needed:
                edits += replace_alias(source, node, alias, "" if is_there else told)
    return edits


def _name_for(source: Source, uses: Uses, name: str) -> str:
    """What a name that was an attribute of a module is to be called: itself where that is free."""
    for node, imported, _ in uses.names:
        if node in source.tree.body:
            return imported.bound
    taken = {
        *names_bound_by(source.tree.body),
        *(it.id for it in ast.walk(source.tree) if isinstance(it, ast.Name)),
        *(it.arg for it in ast.walk(source.tree) if isinstance(it, ast.arg)),
    }
    return unused(name, source.text) if name in taken else name


def _is_used(source: Source, bound: str, uses: Uses) -> bool:
    """Whether anything but the attributes that are rewritten uses what an import binds."""
    rewritten = {
        id(inner) for it in uses.attributes for inner in ast.walk(it) if isinstance(inner, ast.Name)
    }
    return any(
        (isinstance(it, ast.Name) and it.id == bound and id(it) not in rewritten)
        or (isinstance(it, ast.Constant) and it.value == bound)
        for it in ast.walk(source.tree)
    )


def replace_alias(
    source: Source, node: ast.Import | ast.ImportFrom, alias: ast.alias, told: str
) -> list[TextEdit]:
    """Takes one name out of an import, and puts a statement behind it; or none, if that is empty."""
    start, end = source.start(node), source.end(node)
    if len(node.names) == 1:
        if told:
            return [TextEdit(start, end, told)]
        assert node.end_lineno is not None
        first, last = source.line_start(node.lineno), source.line_start(node.end_lineno + 1)
        is_alone = not source.text[first:start].strip() and not source.text[end:last].strip()
        if is_alone and node in source.tree.body:
            return [TextEdit(first, last, "")]
        return [TextEdit(start, end, "pass")]
    index = node.names.index(alias)
    if index + 1 < len(node.names):
        cut = TextEdit(source.start(alias), source.start(node.names[index + 1]), "")
    else:
        cut = TextEdit(source.end(node.names[index - 1]), source.end(alias), "")
    return [cut, *(_behind(source, node, told) if told else ())]


def _behind(source: Source, node: ast.stmt, told: str) -> list[TextEdit]:
    assert node.end_lineno is not None
    end = source.end(node)
    behind = source.line_start(node.end_lineno + 1)
    rest = source.text[end:behind].strip()
    before = source.text[source.line_start(node.lineno) : source.start(node)]
    if before.strip() or rest.startswith(";"):
        return [TextEdit(end, end, f"; {told}")]
    at = end + len(source.text[end:behind].rstrip("\n"))
    return [TextEdit(at, at, f"\n{before}{told}")]


def without_uses(source: Source, uses: Uses, name: str) -> tuple[str, list[str]]:
    """The text of a file that a name moves to, less its imports of it; and what it is called there."""
    names = dict.fromkeys([name, *(imported.bound for _, imported, _ in uses.names)])
    edits: list[TextEdit] = []
    for named, _, alias in uses.names:
        edits += replace_alias(source, named, alias, "")
    edits += (TextEdit(source.start(it), source.end(it), name) for it in uses.attributes)
    if uses.attributes:
        for node, imported, alias in uses.modules:
            if not _is_used(source, imported.bound, uses):
                edits += replace_alias(source, node, alias, "")
    return apply_edits(source.text, edits), list(names)


def with_imports_for_types(text: str, imports: Sequence[Imported]) -> str:
    """With those below `if TYPE_CHECKING:`, which is imported already; behind the one that is there."""
    missing = [it for it in imports if statement(it) not in text]
    if not missing:
        return text
    source = Source(text)
    for it in source.tree.body:
        if is_for_types(it) and isinstance(it, ast.If):
            at = source.line_start((it.body[-1].end_lineno or it.lineno) + 1)
            indent = source.indent_of(it.body[-1].lineno)
            told = "".join(f"{indent}{statement(it)}\n" for it in missing)
            return text[:at] + told + text[at:]
    imported = [it for it in source.tree.body if isinstance(it, ast.Import | ast.ImportFrom)]
    at = source.line_start((imported[-1].end_lineno or 0) + 1)
    return f"{text[:at]}\n{block_for_types(missing)}{text[at:]}"


def block_for_types(imports: Sequence[Imported]) -> str:
    return "if TYPE_CHECKING:\n" + textwrap.indent(written_imports(imports), "    ")


def dotted_mentions(text: str, name: str) -> Iterator[tuple[int, int]]:
    """Where a string or a comment has a name with a module before it: from where to where."""
    dotted = re.compile(rf"(?<![\w.])(?:\w+\.)+{re.escape(name)}(?!\w)")
    if f".{name}" not in text or dotted.search(text) is None:
        return
    for at, written in strings_and_comments(text):
        for found in dotted.finditer(written):
            yield at + found.start(), at + found.end()
