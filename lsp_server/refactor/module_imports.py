"""What the imports of a Python file mean, and how another file of the workspace is imported from it.

Where source files are looked for is not known: a module's name as it is written means each file that
ends so, `pkg.a` both `pkg/a.py` and `src/pkg/a.py`. Pure.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import PurePosixPath

LINE_LENGTH = 88
_ALL = re.compile(r"import\s*\(?\s*\*")
_IMPORT = re.compile(r"import\b(?<!\wimport)")


@dataclass(frozen=True, slots=True, order=True)
class Imported:
    """`import module` where `name` is empty, else `from module import name`; with its alias, or none."""

    module: str
    name: str = ""
    alias: str = ""

    @property
    def bound(self) -> str:
        return self.alias or self.name or self.module.partition(".")[0]

    @property
    def meant_module(self) -> str:
        """The module that it is, if it is one."""
        if not self.name:
            return self.module
        return f"{self.module}{'' if self.module.endswith('.') else '.'}{self.name}"


def imported_by(statement: ast.Import | ast.ImportFrom) -> list[tuple[Imported, ast.alias]]:
    if isinstance(statement, ast.Import):
        return [(Imported(it.name, alias=it.asname or ""), it) for it in statement.names]
    module = "." * statement.level + (statement.module or "")
    return [(Imported(module, it.name, it.asname or ""), it) for it in statement.names]


def is_for_types(statement: ast.stmt) -> bool:
    """Whether it is `if TYPE_CHECKING:`, whose body does not run."""
    return isinstance(statement, ast.If) and ast.unparse(statement.test) in (
        "TYPE_CHECKING",
        "typing.TYPE_CHECKING",
    )


def loaded_by(tree: ast.Module) -> Iterator[Imported]:
    """What is imported when the module is, not when a function of it runs."""
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (it for it, _ in imported_by(node))
        elif isinstance(node, ast.If) and is_for_types(node):
            waiting += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


class Modules:
    """Files, by what imports call them.

    Of `texts`, all files that there are, the paths alone count: by them it is known which folders are
    packages. `import json` never means a module `json` of the package that it stands in.
    """

    def __init__(self, texts: Iterable[str], *paths: str) -> None:
        self._packages = _packages_of(texts)
        self._places: set[str] = set()
        self._suffixes: set[str] = set()
        for path in paths:
            self.add(path)

    def add(self, path: str) -> None:
        place = _place_of(path)
        parts = place.split("/")
        self._places.add(place)
        self._suffixes.update(
            "/".join(parts[at:])
            for at in range(len(parts))
            if "/".join(parts[:at]) not in self._packages
        )

    def has(self, module: str, importer: str) -> bool:
        """Whether a module, as it is written in the file `importer`, may be one of them."""
        place = module.lstrip(".").replace(".", "/")
        dots = len(module) - len(module.lstrip("."))
        if not dots:
            return place in self._suffixes
        folder = folder_of(importer, dots)
        return (str(folder / place) if place else str(folder)) in self._places


def folder_of(importer: str, dots: int) -> PurePosixPath:
    """The package that so many dots mean in a file."""
    folder = PurePosixPath(importer).parent
    for _ in range(dots - 1):
        folder = folder.parent
    return folder


def _packages_of(paths: Iterable[str]) -> set[str]:
    return {str(PurePosixPath(it).parent) for it in paths if it.endswith("/__init__.py")}


def _place_of(path: str) -> str:
    it = PurePosixPath(path).with_suffix("")
    return str(it.parent) if it.name == "__init__" else str(it)


@dataclass(frozen=True, slots=True)
class Spelling:
    """How modules are called here. `packages` are folders; `root` is where they are looked for.

    Without a root each module is called by the packages that it is in.
    """

    packages: Collection[str]
    root: str | None = None

    def module(self, file: str, importer: str, written: str = "") -> str:
        """The name by which `importer` imports a file; like another that it has `written`."""
        own = PurePosixPath(importer).parent.parts
        parts = PurePosixPath(_place_of(file)).parts
        common = 0
        while common < min(len(own), len(parts)) and own[common] == parts[common]:
            common += 1
        if written.startswith(".") and "/".join(own[:common]) in self.packages:
            return "." * (len(own) - common + 1) + ".".join(parts[common:])
        return self._absolute(file)

    def _absolute(self, file: str) -> str:
        place = PurePosixPath(_place_of(file))
        if self.root is not None and place.is_relative_to(self.root):
            return ".".join(place.relative_to(self.root).parts)
        first = len(place.parts) - 1
        while first and "/".join(place.parts[:first]) in self.packages:
            first -= 1
        return ".".join(place.parts[first:])


def find_spelling(
    paths: Iterable[str], written: Iterable[str], file: str, own: str = ""
) -> Spelling:
    """From the paths that are there, and all ways in which a file is written in imports.

    One file's `own` way counts before those of all.
    """
    packages = _packages_of(paths)
    counted = Counter(it for it in written if not it.startswith("."))
    absolute = [own] if own and not own.startswith(".") else [it for it, _ in counted.most_common()]
    if not absolute:
        return Spelling(packages)
    parts = PurePosixPath(_place_of(file)).parts
    return Spelling(packages, "/".join(parts[: len(parts) - absolute[0].count(".") - 1]))


def written_imports(imports: Collection[Imported]) -> str:
    """Them as lines, in groups, as a sorter of imports has them."""
    groups: dict[int, list[str]] = {}
    names: dict[str, list[Imported]] = {}
    for it in imports:
        names.setdefault(it.module if it.name else "", []).append(it)
    for it in sorted(names.pop("", []), key=lambda it: it.module.lower()):
        groups.setdefault(group_of(it.module), []).append(statement(it))
    for module in sorted(names, key=str.lower):
        groups.setdefault(group_of(module), []).append(_from(module, names[module]))
    return "\n".join("".join(f"{it}\n" for it in groups[key]) for key in sorted(groups))


def statement(imported: Imported) -> str:
    alias = f" as {imported.alias}" if imported.alias else ""
    if imported.name:
        return f"from {imported.module} import {imported.name}{alias}"
    return f"import {imported.module}{alias}"


def _from(module: str, imports: Iterable[Imported]) -> str:
    names = [
        f"{it.name} as {it.alias}" if it.alias else it.name
        for it in sorted(set(imports), key=lambda it: (_rank(it.name), it.name.lower()))
    ]
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= LINE_LENGTH:
        return line
    return "\n".join([f"from {module} import (", *(f"    {it}," for it in names), ")"])


def _rank(name: str) -> int:
    """Constants, then classes, then others."""
    if name.isupper() and len(name) > 1:
        return 0
    return 1 if name[:1].isupper() else 2


def group_of(module: str) -> int:
    """In which group of imports it stands: of the language, of Python, other ones, relative ones."""
    top = module.partition(".")[0]
    if top == "__future__":
        return 0
    if top in sys.stdlib_module_names:
        return 1
    return 2 if top else 3


def imports_all(text: str) -> bool:
    """Whether a text may import all that a module has; cheap."""
    return _ALL.search(text) is not None


def import_lines(text: str) -> Iterator[str]:
    """The lines of a text that import something, in brackets more than one; cheap.

    Also what only looks so, in a string for example.
    """
    done = 0
    for found in _IMPORT.finditer(text):
        if found.start() < done:
            continue
        start = text.rfind("\n", 0, found.start()) + 1
        while text.endswith("\\\n", done, start):
            start = text.rfind("\n", done, start - 1) + 1
        rest = text[found.end() : found.end() + 20].lstrip(" \t")
        end = text.find(")" if rest.startswith("(") else "\n", found.end())
        while end > 0 and text[end] == "\n" and text[end - 1] == "\\":
            end = text.find("\n", end + 1)
        done = end if end >= 0 else len(text)
        yield text[start:done]


def module_names(tree: ast.AST) -> Mapping[str, str]:
    """Modules, or what may be one, by what they are called in a file: `a` and `a.b` by `import a.b`."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for imported, _ in imported_by(node):
                if imported.alias or imported.name:
                    found[imported.bound] = imported.meant_module
                else:
                    parts = imported.module.split(".")
                    found |= {it: it for it in accumulate(parts, "{}.{}".format)}
    return found
