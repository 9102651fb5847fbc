"""Which files of a repository belong before another one: those it imports, then its neighbours.

As the server chooses them for a prompt, but from names and words alone. Pure.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from inference.wren.corpus import SourceFile

_PYTHON_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]+\(?([^\n#)]*)|import[ \t]+([.\w]+))",
    re.MULTILINE,
)
_SCRIPT_IMPORT = re.compile(r"""(?:from|require\(|import)\s*['"](\.[^'"]+)['"]""")
_ENDINGS = ("", ".ts", ".tsx", ".js", ".jsx", "/index.ts", "/index.js")

_MODULE_PARTS = 3  # so many of a module's last names tell it from the others


class Repository:
    """The files of one repository, by what imports call them."""

    def __init__(self, files: Sequence[SourceFile]) -> None:
        self._by_path = {file.path: file for file in files}
        self._by_module: dict[str, SourceFile] = {}
        self._by_folder: defaultdict[str, list[SourceFile]] = defaultdict(list)
        for file in files:
            parts = list(PurePosixPath(file.path).with_suffix("").parts)
            if parts[-1] == "__init__":
                parts.pop()
            for start in range(max(0, len(parts) - _MODULE_PARTS), len(parts)):
                self._by_module.setdefault(".".join(parts[start:]), file)
            self._by_folder[_folder(file.path)].append(file)

    def imported(self, file: SourceFile) -> list[SourceFile]:
        """The files of the repository that it imports, each once, in the order of the imports."""
        if file.language == "python":
            found = [
                self._python(file, module)
                for match in _PYTHON_IMPORT.finditer(file.text)
                for module in _modules(*match.groups())
            ]
        else:
            found = [self._script(file, match[1]) for match in _SCRIPT_IMPORT.finditer(file.text)]
        return list({it.path: it for it in found if it is not None and it is not file}.values())

    def neighbours(self, file: SourceFile) -> list[SourceFile]:
        """The other files of its folder in the same language."""
        beside = self._by_folder[_folder(file.path)]
        return [it for it in beside if it is not file and it.language == file.language]

    def _python(self, file: SourceFile, module: str) -> SourceFile | None:
        name = module.lstrip(".")
        if dots := len(module) - len(name):
            parts = PurePosixPath(file.path).parts[:-dots]
            name = ".".join([*parts, *([name] if name else [])])
        ends = name.split(".")[-_MODULE_PARTS:]
        whole = (".".join(ends[start:]) for start in range(len(ends) - 1))
        return next(filter(None, map(self._by_module.get, whole)), None) or (
            self._by_module.get(name) if len(ends) == 1 else None
        )

    def _script(self, file: SourceFile, reference: str) -> SourceFile | None:
        parts = list(PurePosixPath(file.path).parts[:-1])
        for part in reference.split("/"):
            if part == ".." and parts:
                parts.pop()
            elif part not in (".", ".."):
                parts.append(part)
        base = "/".join(parts)
        found = (self._by_path.get(base + ending) for ending in _ENDINGS)
        return next(filter(None, found), None)


def _modules(origin: str | None, names: str, module: str | None) -> list[str]:
    """What a statement may import: each name may be a module of the origin, or stand in it."""
    if origin is None:
        return [module] if module else []
    dot = "" if origin.endswith(".") else "."
    listed = (name.split()[0] for name in names.split(",") if name.strip())
    return [*(f"{origin}{dot}{name}" for name in listed), origin]


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
