"""Which file a path of Rust means: a module of its crate, or another crate of the workspace. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lsp_server.workspace.file_tree import FileTree, join, parent

# Each of these files of a package is a crate by itself, whose modules lie beside it.
_CRATE_BY_ITSELF = re.compile(r"(?:(?:tests|benches|examples|src/bin)/)?[^/]+\.rs")


class RustModules:
    """`settings` are texts by path, of which those called `Cargo.toml` are looked at."""

    def __init__(self, files: FileTree, settings: Mapping[str, str]) -> None:
        self._files = files
        self._packages = {
            parent(path): text
            for path, text in settings.items()
            if path.rpartition("/")[2] == "Cargo.toml"
        }
        self._libraries = {
            name: file
            for folder, text in self._packages.items()
            for name, file in _read_library(folder, text)
            if files.is_file(file)
        }

    def find(self, path: str, steps: Sequence[str]) -> str | None:
        """The file of a module that a file names by these steps."""
        here = self._folder_of_modules(path)
        first, *rest = steps or [""]
        if first == "crate":
            return self._find_below(self._find_crate(path), rest)
        if first in {"self", "super"}:
            folder, rest = here, list(steps)
            while rest and rest[0] in {"self", "super"}:
                folder = parent(folder) if rest.pop(0) == "super" else folder
            return self._find_below(folder, rest)
        own = self._find_below(here, steps)  # a module that this one declares
        library = self._libraries.get(first)
        if own is None and library is not None and library != path:
            return self._find_below(parent(library), rest) if rest else library
        return own

    def _find_below(self, folder: str, steps: Sequence[str]) -> str | None:
        if not steps:
            return self._files.first_of(
                f"{folder}.rs",
                *(join(folder, name) for name in ("mod.rs", "lib.rs", "main.rs")),
            )
        place = join(folder, "/".join(steps))
        return self._files.first_of(f"{place}.rs", join(place, "mod.rs"))

    def _find_crate(self, path: str) -> str:
        folder = parent(path)
        if self._is_crate(path):
            return folder
        while folder and not any(
            self._files.is_file(join(folder, name)) for name in ("lib.rs", "main.rs")
        ):
            folder = parent(folder)
        return folder

    def _is_crate(self, path: str) -> bool:
        """Whether it is a test, an example or a program of a package, or what builds it."""
        folder = parent(path)
        while folder and folder not in self._packages:
            folder = parent(folder)
        below = path[len(folder) + 1 :] if folder else path
        return folder in self._packages and _CRATE_BY_ITSELF.fullmatch(below) is not None

    def _folder_of_modules(self, path: str) -> str:
        """The folder that the modules below a file's own module lie in."""
        folder, _, name = path.rpartition("/")
        stem = name.removesuffix(".rs")
        if stem in {"mod", "lib", "main"} or self._is_crate(path):
            return folder
        return join(folder, stem)


def _read_library(folder: str, text: str) -> Iterator[tuple[str, str]]:
    """The name of a package's library in code, and its file."""
    try:
        manifest = tomllib.loads(text)
    except ValueError:  # while it is edited
        return
    package, library = (_table(manifest, it) for it in ("package", "lib"))
    name = library.get("name", package.get("name"))
    if isinstance(name, str):
        yield name.replace("-", "_"), join(folder, str(library.get("path", "src/lib.rs")))


def _table(manifest: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = manifest.get(name)
    return found if isinstance(found, dict) else {}
