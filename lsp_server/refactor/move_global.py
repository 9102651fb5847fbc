"""Moves a function or a class to another module, and has what uses it import it from there. Pure.

It is imported by its name, as `from module import name`: so no variable can hide the module that it is
in. Modules that would import each other are refused.
"""

from __future__ import annotations

import ast
import keyword
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TypeGuard

from lsp_server.edits.python_names import find_undefined, names_bound_by
from lsp_server.edits.whole_word import whole_word
from lsp_server.refactor.decorators import may_keep
from lsp_server.refactor.import_circles import Read, find_new_circle
from lsp_server.refactor.import_edits import (
    dotted_mentions,
    find_uses,
    follow,
    with_import,
    with_imports_for_types,
    without_import,
    without_uses,
)
from lsp_server.refactor.job import Doubt, Rewritten
from lsp_server.refactor.module_imports import (
    Imported,
    Modules,
    find_spelling,
    imported_by,
    imports_all,
    loaded_by,
    module_names,
)
from lsp_server.refactor.moved_code import (
    Moving,
    find_moving,
    find_needs,
    has_annotations,
    new_module,
    place_in,
    put_in,
    used_names,
)
from lsp_server.refactor.names import snake
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.renaming import IN_TEXT
from lsp_server.refactor.source import Source, TextEdit, apply_edits, parse, strings_and_comments


def move_global(
    texts: Mapping[str, str], path: str, line: int, target: str, read: Read
) -> tuple[Rewritten, ...]:
    """What becomes of the files when what is defined on a line, from 0, moves to `target`.

    `texts` are all that may use it, by path; without the target's it is made. `read` has those of other
    files, for what imports lead to. Raises `RefactorRefused`.
    """
    moving = find_moving(Source(texts[path], path), line)
    files = _Move(texts, moving, target).files()
    _check_circle_by_others(files, read)
    return files


class _Move:
    def __init__(self, texts: Mapping[str, str], moving: Moving, target: str) -> None:
        self._texts = texts
        self._moving = moving
        self._home = moving.source.path
        self._target = target
        self._old, self._new = (Modules(texts, it) for it in (self._home, target))
        self._needs = find_needs(moving)
        # What a decorator does with it is to be done when the home is imported, as before.
        self._is_still_used = _is_used(moving.rest(), moving.name) or may_keep(moving.node)
        self._sources = dict(self._find_sources())
        self._uses = {
            path: find_uses(source, moving.name, self._old)
            for path, source in self._sources.items()
        }

    def files(self) -> tuple[Rewritten, ...]:
        home = self._home_text()
        files = [Rewritten(self._home, self._texts[self._home], home)]
        files += self._others()
        files.append(Rewritten(self._target, self._texts.get(self._target), self._target_text()))
        self._check_circles(files)
        return tuple(files)

    def _find_sources(self) -> Iterator[tuple[str, Source]]:
        """The other files that may import the module or the name."""
        stem = PurePosixPath(self._home).stem
        word = re.escape(PurePosixPath(self._home).parent.name if stem == "__init__" else stem)
        module = re.compile(rf"(?<!\w){word or 'import'}(?!\w)|from\s+\.+\s+import")
        for path, text in self._texts.items():
            may_use = self._moving.name in text or path == self._target or imports_all(text)
            if path != self._home and may_use and module.search(text):
                yield path, Source(text, path)

    def _module(self, file: str, importer: str, written: str = "") -> str:
        """What a file is called where `importer` imports it: as the importer calls the old one."""
        own = next(iter(self._uses[importer].written), "") if importer in self._uses else ""
        all_ = [it for uses in self._uses.values() for it in uses.written]
        if not written and not own:
            tree = parse(self._texts.get(importer, self._moving.source.text), importer)
            is_relative = any(isinstance(it, ast.ImportFrom) and it.level for it in tree.body)
            written = "." if is_relative else ""
        spelling = find_spelling(self._texts, all_, self._home, own)
        return spelling.module(file, importer, written or own)

    def _home_text(self) -> str:
        text = self._moving.rest()
        if not self._home.endswith("__init__.py"):
            no_longer = [*self._needs.for_types, *self._needs.imports]
            for it in sorted(no_longer, key=lambda it: it.name == "TYPE_CHECKING"):
                if not _is_wanted(text, it):
                    text = without_import(text, it)
        if not self._texts[self._home].startswith("\n"):
            text = text.lstrip("\n")
        if self._is_still_used:
            module = self._module(self._target, self._home)
            text = with_import(text, Imported(module, self._moving.name))
        return text

    def _others(self) -> Iterator[Rewritten]:
        name = self._moving.name
        for path, source in self._sources.items():
            if path == self._target:
                continue
            uses = self._uses[path]
            new = Imported(self._module(self._target, path), name)
            edits = follow(source, uses, new, passes_on=self._passes_on(source))
            doubts = []
            for start, end in dotted_mentions(source.text, name):
                written = source.text[start:end].rpartition(".")[0]
                if self._old.has(written, path):
                    module = self._module(self._target, path, written)
                    edits.append(TextEdit(start, end, f"{module}.{name}"))
                    doubts.append(Doubt(source.text.count("\n", 0, start), IN_TEXT))
            if edits:
                after = apply_edits(source.text, edits)
                yield Rewritten(path, source.text, after, tuple(doubts))

    def _passes_on(self, source: Source) -> bool:
        """Whether a file that imports all of the old module has to import the name by itself."""
        name = self._moving.name
        if self._is_still_used or name.startswith("_"):
            return False
        exporter = Modules(self._texts, source.path)
        is_read = whole_word(name).search(source.text) is not None
        return is_read or any(
            find_uses(Source(text, path), name, exporter).names
            for path, text in self._texts.items()
            if name in text and path != self._home
        )

    def _target_text(self) -> str:
        if self._target not in self._texts:
            return new_module(self._imports(), self._types(), self._code())
        source = self._sources.get(self._target) or Source(self._texts[self._target], self._target)
        self._check_names(source)
        uses = find_uses(source, self._moving.name, self._old)
        text, names = without_uses(source, uses, self._moving.name)
        source = Source(text, self._target)
        code = self._code()
        at = place_in(source, code, names)
        aliases = "".join(f"\n\n{it} = {self._moving.name}\n" for it in names[1:])
        text = put_in(text, at, code + aliases)
        is_typed = has_annotations(self._moving.node)
        for it in self._imports():
            if it.module == "__future__" and not is_typed:
                continue
            if it not in _bound_at_top(source.tree):
                text = with_import(text, it)
        return with_imports_for_types(text, self._types())

    def _imports(self) -> list[Imported]:
        own = self._module(self._home, self._target) if self._needs.own else ""
        return [
            *(self._relocated(it) for it in self._needs.imports if not self._is_target(it)),
            *(Imported(own, it) for it in self._needs.own),
        ]

    def _types(self) -> list[Imported]:
        return [self._relocated(it) for it in self._needs.for_types if not self._is_target(it)]

    def _is_target(self, imported: Imported) -> bool:
        """Whether it is of the module to which the code moves, which then has it."""
        modules = imported.module, imported.meant_module
        return any(self._new.has(it, self._home) for it in modules)

    def _relocated(self, imported: Imported) -> Imported:
        return replace(imported, module=self._from_target(imported.module))

    def _from_target(self, module: str) -> str:
        """A module as the target has to write it."""
        folder = PurePosixPath(self._home).parent
        if not module.startswith(".") or folder == PurePosixPath(self._target).parent:
            return module
        for _ in range(len(module) - len(module.lstrip(".")) - 1):
            folder = folder.parent
        file = folder.joinpath(*module.lstrip(".").split("."), "__init__.py")
        return self._module(str(file), self._target, module)

    def _code(self) -> str:
        """What moves, as it has to be there."""
        source = Source(self._moving.text)
        is_elsewhere = PurePosixPath(self._home).parent != PurePosixPath(self._target).parent
        if is_elsewhere and "__file__" in source.text:
            raise RefactorRefused(
                f"{self._moving.name} uses __file__, which would be another folder's"
            )
        edits: list[TextEdit] = []
        bound = {it.id for it in ast.walk(source.tree) if isinstance(it, ast.Name)}
        for called, meant in module_names(self._moving.source.tree).items():
            if not self._new.has(meant, self._home):
                continue
            for node in ast.walk(source.tree):
                if isinstance(node, ast.Attribute) and ast.unparse(node.value) == called:
                    if node.attr in bound:
                        raise RefactorRefused(
                            f"{self._moving.name} has a {node.attr} of its own, and would hide that of "
                            f"{self._target}"
                        )
                    edits.append(TextEdit(source.start(node), source.end(node), node.attr))
        renamed = {
            it.bound: it.name for it in self._needs.imports if it.alias and self._is_target(it)
        }
        edits += (
            TextEdit(source.start(it), source.end(it), renamed[it.id])
            for it in ast.walk(source.tree)
            if isinstance(it, ast.Name) and it.id in renamed and renamed[it.id]
        )
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                written = "." * node.level + (node.module or "")
                start = source.text.index(written, source.start(node))
                module = self._from_target(written)
                edits.append(TextEdit(start, start + len(written), module))
        return apply_edits(source.text, edits)

    def _check_names(self, target: Source) -> None:
        """That names mean in the target what they mean here. Raises `RefactorRefused`."""
        name = self._moving.name
        bound = names_bound_by(target.tree.body)
        if name in names_bound_by(it for it in target.tree.body if not _is_import(it)):
            raise RefactorRefused(
                f"{self._target} defines {name} already: rename one of them first"
            )
        same = {it.bound for it in _bound_at_top(target.tree) if self._is_same(it)}
        same |= {it.bound for it in self._needs.imports if self._is_target(it)}
        for it in sorted(used_names(self._moving.text) & bound - same):
            raise RefactorRefused(
                f"{self._target} has another {it} than {name} uses: rename one of them first"
            )

    def _is_same(self, imported: Imported) -> bool:
        """Whether an import of the target is one that the code needs."""
        if imported in (*self._imports(), *self._types()):
            return True
        is_own = imported.name in self._needs.own and not imported.alias
        return is_own and self._old.has(imported.module, self._target)

    def _check_circles(self, files: list[Rewritten]) -> None:
        """Raises `RefactorRefused` for two modules that would import each other when they are loaded."""
        texts = {it.path: it.after for it in files}
        for file in files:
            before = _import_each_other(self._texts, file.path, self._target)
            if before or file.path == self._target:
                continue
            if _import_each_other(texts, file.path, self._target):
                why = "move what both need elsewhere first"
                if file.path == self._home and self._needs.own:
                    needed = ", ".join(self._needs.own)
                    why = (
                        f"{self._moving.name} uses {needed} of {self._home}, which goes on using "
                        f"{self._moving.name}. Move {needed} to another file first"
                    )
                raise RefactorRefused(
                    f"{file.path} and {self._target} would import each other: {why}"
                )


def _check_circle_by_others(files: Sequence[Rewritten], read: Read) -> None:
    """Raises `RefactorRefused` where a file would import itself by way of files that stay."""
    before = {it.path: it.before for it in files}
    after = {it.path: it.after for it in files}
    circle = find_new_circle(
        lambda it: before[it] if it in before else read(it),
        lambda it: after[it] if it in after else read(it),
        after,
    )
    if circle:
        file, *way = circle
        raise RefactorRefused(
            f"{file} would import itself as it is loaded, by way of {', '.join(way)}: choose another file"
        )


def _is_used(text: str, name: str) -> bool:
    """Whether a module uses a name that it does not define; also in its `__all__`."""
    undefined = find_undefined(text)
    if undefined is None:
        return whole_word(name).search(text) is not None
    return any(it.name == name for it in undefined)


def _import_each_other(texts: Mapping[str, str], one: str, other: str) -> bool:
    return _loads(texts, one, other) and _loads(texts, other, one)


def _loads(texts: Mapping[str, str], path: str, module: str) -> bool:
    """Whether one file, as it is loaded, imports another, or something that the other binds."""
    if path not in texts or module not in texts:
        return False
    bound = names_bound_by(parse(texts[module], module).body) | {"*"}
    meant = Modules(texts, module)
    return any(
        meant.has(it.meant_module, path) or (it.name in bound and meant.has(it.module, path))
        for it in loaded_by(parse(texts[path], path))
    )


def _is_import(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Import | ast.ImportFrom)


def _bound_at_top(tree: ast.Module) -> set[Imported]:
    return {
        imported
        for it in tree.body
        if isinstance(it, ast.Import | ast.ImportFrom)
        for imported, _ in imported_by(it)
    }


def _is_wanted(text: str, imported: Imported) -> bool:
    """Whether a text may have another use of what it imports than the import itself."""
    if imported.module == "__future__" or imported.name == "*":
        return True
    if imported.alias and imported.alias == imported.name:  # which says that it is passed on
        return True
    word = whole_word(imported.bound, may_be_attribute=False)
    return word.search(_without_imports_and_prose(text)) is not None


def _without_imports_and_prose(text: str) -> str:
    """But for examples in docstrings, which may be run, and the types in comments."""
    source = Source(text)
    cut = [
        TextEdit(source.start(it), source.end(it), "")
        for it in ast.walk(source.tree)
        if isinstance(it, ast.Import | ast.ImportFrom) or _is_prose(it)
    ]
    cut += [
        TextEdit(at, at + len(written), "")
        for at, written in strings_and_comments(text)
        if written.startswith("#") and not re.match(r"#\s*type:", written)
    ]
    return apply_edits(text, cut)


def _is_prose(node: ast.AST) -> TypeGuard[ast.Expr]:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        and ">>>" not in node.value.value
    )


def place_for(texts: Mapping[str, str], path: str, name: str) -> str:
    """The path of a new module for what moves out of a file: one that hides no other module.

    Outside of packages a module of the standard library, or any that is imported by that name, would
    not be found any more.
    """
    module = snake(name)
    folder = PurePosixPath(path).parent
    is_in_package = str(folder / "__init__.py") in texts
    imported = re.compile(rf"^\s*(?:import|from)\s+{re.escape(module)}\b", re.MULTILINE)
    hides = not is_in_package and (
        module in sys.stdlib_module_names or any(imported.search(it) for it in texts.values())
    )
    if hides or keyword.iskeyword(module):
        module = f"{module}_module"
    return str(folder / f"{module}.py")
