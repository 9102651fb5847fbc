"""What may be imported in a workspace: its own files, its environment, the standard library.

It answers whether an import finds something, for `edits.imports`. It reads the names of files in the
workspace's environment, and opens none of them; nothing is imported, and no interpreter is asked.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from lsp_server.workspace.imports import ImportResolver
from lsp_server.workspace.outline import Import
from lsp_server.workspace.snapshot import Snapshot

_ENVIRONMENTS = (".venv", "venv", "env")
_ECMASCRIPT = frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact"})
_MAX_MATCHES = 10  # of the full text


def is_importable(name: str, snapshot: Snapshot | None) -> bool:
    """Whether a file in Python could import a name: a module's, or one that other files define or use."""
    if name in sys.stdlib_module_names:
        return True
    return snapshot is not None and bool(
        snapshot.definitions(name) or snapshot.named(f"{name}.py") or snapshot.references(name, 1)
    )


class WorkspaceModules:
    """Of one folder at one moment. `path_of` gives a file's path in the folder."""

    def __init__(self, folder: Path, snapshot: Snapshot, path_of: Callable[[str], str]) -> None:
        self._folder = folder
        self._snapshot = snapshot
        self._path_of = path_of

    def offers(self, uri: str, language: str, import_: Import) -> bool | None:
        """Whether an import of one name, or of a module, finds it; None where that is not known."""
        path = self._path_of(uri)
        if language == "python":
            return self._offers_python(path, import_)
        if language in _ECMASCRIPT and import_.module.startswith("."):
            return bool(self._resolver.resolve(path, language, import_))
        return None

    @cached_property
    def _resolver(self) -> ImportResolver:
        def imports_of(path: str) -> tuple[Import, ...]:
            outline = self._snapshot.outline(path)
            return outline.imports if outline is not None else ()

        return ImportResolver(self._snapshot.paths(), {}, imports_of)

    def _offers_python(self, path: str, import_: Import) -> bool | None:
        found = self._resolver.resolve(path, "python", import_)
        if found:
            (name,) = [it.name for it in found[:1]]
            return True if name in ("", "*") else self._defines(found[0].target, name)
        top = import_.module.partition(".")[0]
        if not top:
            return False  # relative, and there is no such file
        if top in sys.stdlib_module_names:
            return True
        if self._is_own(top):
            return False
        return self._is_imported(top) or self._is_installed(top)

    def _defines(self, path: str, name: str) -> bool | None:
        """Whether a file defines a name at its level."""
        outline = self._snapshot.outline(path)
        if outline is None or outline.has_errors:
            return None
        names = {symbol.name for symbol in outline.symbols if symbol.parent is None}
        names |= {it.alias for import_ in outline.imports for it in import_.names}
        if name in names:
            return True
        # What is bound in a loop, say, or by a star is in no outline.
        is_open = not names.isdisjoint({"*", "__getattr__"})
        word = re.compile(rf"\b{re.escape(name)}\b")
        return None if is_open or any(map(word.search, self._snapshot.lines(path))) else False

    def _is_own(self, top: str) -> bool:
        """Whether the workspace has a package of that name, in which the module then is not."""
        places = (f"{top}/", f"src/{top}/")
        return any(
            it.startswith(places) and it.endswith((".py", ".pyi")) for it in self._snapshot.paths()
        )

    def _is_imported(self, top: str) -> bool:
        """Whether a file of the workspace imports it already."""
        statement = re.compile(rf"\s*(?:import|from)\s+{re.escape(top)}\b")
        for match in self._snapshot.search_text([top, "import"], _MAX_MATCHES):
            if match.path.endswith((".py", ".pyi")):
                lines = self._snapshot.lines(match.path)[match.start_line : match.end_line]
                if any(map(statement.match, lines)):
                    return True
        return False

    def _is_installed(self, top: str) -> bool | None:
        """Whether the workspace's environment has it; None where there is no environment."""
        if not top.isidentifier():
            return False
        places = [
            place
            for name in _ENVIRONMENTS
            for pattern in ("lib/python3*/site-packages", "Lib/site-packages")
            for place in (self._folder / name).glob(pattern)
        ]
        if not places:
            return None
        return any(
            (place / top).is_dir()
            or (place / f"{top}.py").is_file()
            or any(place.glob(f"{top}.*.so"))
            or any(place.glob(f"{top}.*.pyd"))
            for place in places
        )
