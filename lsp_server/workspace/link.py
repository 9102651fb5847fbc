"""Says, after a round of reading, which files the imports of files mean.

Only what may have changed is resolved anew: an import names the file that it means, or a folder
that the file is in. So a file that came or went, or a package's `__init__.py` that changed, concerns
the files whose imports have one of these names in them; a changed settings file concerns all.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path, PurePosixPath

from lsp_server.workspace.build import Summary
from lsp_server.workspace.disk import read_bytes
from lsp_server.workspace.imports import SETTINGS_NAMES, ImportResolver
from lsp_server.workspace.outline import Import
from lsp_server.workspace.outline_codec import unpack_imports
from lsp_server.workspace.snapshot import ResolvedImport
from lsp_server.workspace.store import Store
from lsp_server.workspace.store_file import StoreDamaged
from lsp_server.workspace.store_reader import Link

_BATCH_FILES = 500
_MAX_NAMES = 200  # with more all files are looked at
_KNOWN_PACKAGES = 4096


class Links:
    """Of one folder, whose paths are held as long as they stay the same."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder = folder
        self._store = store
        self._resolver: ImportResolver | None = None
        self._imports_of = lru_cache(_KNOWN_PACKAGES)(self._read_imports)

    def update(self, summary: Summary) -> None:
        """Brings the store's links up to date after a round. Raises `StoreDamaged`."""
        moved = [*summary.added, *summary.removed]
        changed_settings = any(_name(path) in SETTINGS_NAMES for path in summary.changed)
        if moved or changed_settings:
            self._resolver = None
        packages = [path for path in summary.changed if _name(path).startswith("__init__.py")]
        if packages:
            self._imports_of.cache_clear()
        names = {step for path in (*moved, *packages) for step in _steps(path)}
        if changed_settings or "" in names or len(names) > _MAX_NAMES:
            self._store.unlink()
        elif names:
            self._store.unlink(names)
        while batch := self._store.unlinked(_BATCH_FILES):
            self._store.link({path: self._links(path, head) for path, head in batch})

    def resolve(self, path: str, language: str, imports: list[Import]) -> list[ResolvedImport]:
        """What imports in a file bind to files of the folder, each name once."""
        resolver = self._resolver
        if resolver is None:
            resolver = self._resolver = self._make_resolver()
        found = (it for import_ in imports for it in resolver.resolve(path, language, import_))
        return list(dict.fromkeys(found))

    def _links(self, path: str, head: bytes) -> list[Link]:
        try:
            language, imports = unpack_imports(head)
        except ValueError as error:
            raise StoreDamaged(str(error)) from error
        if not imports:
            return []
        return [(it.alias, it.name, it.target) for it in self.resolve(path, language, [*imports])]

    def _make_resolver(self) -> ImportResolver:
        paths = self._store.paths()
        settings = {}
        for path in paths:
            if _name(path) in SETTINGS_NAMES:
                try:
                    settings[path] = read_bytes(self._folder / path).decode("utf-8", "replace")
                except OSError:  # gone meanwhile: the next round will tell
                    continue
        return ImportResolver(paths, settings, self._imports_of)

    def _read_imports(self, path: str) -> tuple[Import, ...]:
        head = self._store.head(path)
        return unpack_imports(head)[1] if head is not None else ()


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _steps(path: str) -> tuple[str, ...]:
    """The file's name without endings, and its folders; empty for one that no import names."""
    folders = PurePosixPath(path).parent.parts
    stem = _name(path).partition(".")[0]
    if stem in ("__init__", "index", "mod", "lib", "main") and not folders:
        return ("",)
    return (stem, *folders) if stem else folders
