"""Whether a module would come to import itself, by way of others, as it is loaded. Pure.

Packages that a module is in are loaded before it, whatever it imports: no way leads through them.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from lsp_server.refactor.module_imports import Imported, folder_of, loaded_by

MAX_FILES = 300  # are looked into, the nearest first

Read = Callable[[str], str | None]


def find_circle(read: Read, path: str) -> list[str]:
    """The files on the shortest way from a module back to itself, both ends left out; or nothing.

    `read` gives the text of a file of the workspace, or None where there is none. A module that
    imports itself at once has no files between.
    """
    came_from: dict[str, str] = {}
    waiting = deque([path])
    while waiting and len(came_from) < MAX_FILES:
        file = waiting.popleft()
        for imported in _files_loaded_by(read, file):
            if imported == path and file != path:
                way = [file]
                while came_from[way[-1]] != path:
                    way.append(came_from[way[-1]])
                return way[::-1]
            if imported != path and imported not in came_from:
                came_from[imported] = file
                waiting.append(imported)
    return []


def _files_loaded_by(read: Read, path: str) -> Iterator[str]:
    try:
        tree = ast.parse(read(path) or "")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    own = {str(it / "__init__.py") for it in PurePosixPath(path).parents}
    for imported in loaded_by(tree):
        for file in _files_of(read, imported, path):
            if file not in own:
                yield file


def _files_of(read: Read, imported: Imported, importer: str) -> Iterator[str]:
    """The file of a module, of one in it that is imported by its name, and of the packages around."""
    module = imported.module.lstrip(".")
    dots = len(imported.module) - len(module)
    parts = [*filter(None, module.split(".")), *([imported.name] if imported.name else [])]
    roots = [folder_of(importer, dots)] if dots else PurePosixPath(importer).parents
    for root in roots:
        found = [
            file
            for end in range(1, len(parts) + 1)
            for file in (
                str(root.joinpath(*parts[:end], "__init__.py")),
                f"{root.joinpath(*parts[:end])}.py",
            )
            if read(file) is not None
        ]
        if found:
            yield from found
            return
