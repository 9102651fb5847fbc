"""Whether modules would come to import themselves, by way of others, as they are loaded. Pure.

Packages that a module is in are loaded before it, whatever it imports: a way leads through them only where
something is taken from them.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath

from lsp_server.edits.python_names import names_bound_by
from lsp_server.refactor.module_imports import Imported, folder_of, loaded_by

MAX_FILES = 300  # are looked into for one way, the nearest first

Read = Callable[[str], str | None]


def find_new_circle(before: Read, after: Read, changed: Iterable[str]) -> list[str]:
    """The files of a circle that an import begins which a changed file has not had before; or nothing.

    One between modules that led to each other already is none: they live with that. The files stand in
    the order in which they import each other. `before` and `after` give the text of a file of the
    workspace, or None where there is none.
    """
    old, new = _Imports(before), _Imports(after)
    for file in changed:
        for imported in new.of(file):
            is_new = imported != file and imported not in old.of(file)
            if is_new and (way := new.way(imported, file)) and not old.way(file, imported):
                return [file, *way]
    return []


class _Imports:
    def __init__(self, read: Read) -> None:
        self._read = read
        self._known: dict[str, list[str]] = {}

    def of(self, path: str) -> list[str]:
        """The files that a module imports as it is loaded, each once."""
        if path not in self._known:
            self._known[path] = list(dict.fromkeys(_files_loaded_by(self._read, path)))
        return self._known[path]

    def way(self, start: str, end: str) -> list[str]:
        """The shortest from one module to another, with the first and without the last; or nothing."""
        came_from = {start: ""}
        waiting = deque([start])
        while waiting and len(came_from) < MAX_FILES:
            file = waiting.popleft()
            for imported in self.of(file):
                if imported == end:
                    way = [file]
                    while came_from[way[-1]]:
                        way.append(came_from[way[-1]])
                    return way[::-1]
                if imported not in came_from:
                    came_from[imported] = file
                    waiting.append(imported)
        return []


def _files_loaded_by(read: Read, path: str) -> Iterator[str]:
    tree = _tree(read, path)
    around = {str(it / "__init__.py") for it in PurePosixPath(path).parents}
    for imported in loaded_by(tree):
        *passed, last = [*_files_of(read, imported, path)] or [""]
        yield from (it for it in passed if it not in around)
        if last and (last not in around or imported.name in _bound(read, last)):
            yield last


def _tree(read: Read, path: str) -> ast.Module:
    """Empty for what is no Python."""
    try:
        return ast.parse(read(path) or "")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _bound(read: Read, path: str) -> set[str]:
    return names_bound_by(_tree(read, path).body)


def _files_of(read: Read, imported: Imported, importer: str) -> Iterator[str]:
    """The packages around a module, its file, and that of one in it that is imported by its name."""
    module = imported.module.lstrip(".")
    dots = len(imported.module) - len(module)
    parts = [*filter(None, module.split(".")), *([imported.name] if imported.name else [])]
    roots = [folder_of(importer, dots)] if dots else PurePosixPath(importer).parents
    for root in roots:
        found = [
            file
            for end in range(0 if dots else 1, len(parts) + 1)
            for file in _named(root.joinpath(*parts[:end]))
            if read(file) is not None
        ]
        if found:
            yield from found
            return


def _named(place: PurePosixPath) -> list[str]:
    """The files that a module may be."""
    files = [str(place / "__init__.py")]
    return [*files, f"{place}.py"] if place.name else files
