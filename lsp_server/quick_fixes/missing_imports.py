"""Which imports could define a name: by how other files import it, and by where it is defined."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from lsp_server.quick_fixes.import_place import ECMASCRIPT
from lsp_server.workspace.outline import SymbolKind
from lsp_server.workspace.snapshot import Snapshot

MAX_CANDIDATES = 4
_MAX_MATCHES = 20  # of the full text
_KINDS = frozenset(
    {
        *(SymbolKind.CLASS, SymbolKind.INTERFACE, SymbolKind.ENUM, SymbolKind.TYPE),
        *(SymbolKind.FUNCTION, SymbolKind.VARIABLE),
    }
)
_SOURCE_ROOTS = ("src/", "lib/", "python/", "source/")
_FROM = re.compile(r"\s*from\s+([\w.]+)\s+import\s+([^#]*)")
_SCRIPT_ENDINGS = re.compile(r"(?:/index)?(?:\.d)?\.[cm]?[jt]sx?$")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An import that binds a name: `name` is empty where that is the module's own."""

    module: str
    name: str
    alias: str
    is_default: bool = False


def find_candidates(name: str, path: str, language: str, snapshot: Snapshot) -> list[Candidate]:
    """Imports that would bind a name in a file, the likeliest first."""
    if language == "python":
        found = _find_python(name, path, snapshot)
    elif language in ECMASCRIPT:
        found = _find_script(name, path, snapshot)
    else:
        return []
    return list(dict.fromkeys(found))[:MAX_CANDIDATES]


def _find_python(name: str, path: str, snapshot: Snapshot) -> Iterator[Candidate]:
    yield from _imported_elsewhere(name, path, snapshot)
    for found in snapshot.definitions(name):
        symbol = found.symbol
        is_fit = symbol.parent is None and symbol.kind in _KINDS
        if is_fit and found.path != path and found.path.endswith((".py", ".pyi")):
            yield Candidate(python_module(found.path, snapshot), name, name)
    if name in sys.stdlib_module_names:
        yield Candidate(name, "", name)
    for found_path in snapshot.named(f"{name}.py"):
        if found_path != path:
            module, _, last = python_module(found_path, snapshot).rpartition(".")
            yield Candidate(module, last, name) if module else Candidate(last, "", name)


def _imported_elsewhere(name: str, path: str, snapshot: Snapshot) -> list[Candidate]:
    """How other files of Python bind the name by an import, the most usual way first."""
    whole = re.compile(rf"\s*import\s+(?:([\w.]+)\s+as\s+)?{re.escape(name)}\s*(?:#.*)?$")
    counts: Counter[Candidate] = Counter()
    for match in snapshot.search_text([name, "import"], _MAX_MATCHES):
        if match.path == path or not match.path.endswith((".py", ".pyi")):
            continue
        for line in snapshot.lines(match.path)[match.start_line : match.end_line]:
            if name not in line:
                continue
            if found := whole.match(line):
                counts[Candidate(found[1] or name, "", name)] += 1
            elif (found := _FROM.match(line)) and not found[1].startswith("."):
                for imported in found[2].split(","):
                    own, _, alias = (it.strip(" ()\r\n") for it in imported.partition(" as "))
                    if (alias or own) == name:
                        counts[Candidate(found[1], own, name)] += 1
    return [candidate for candidate, _ in counts.most_common()]


def python_module(path: str, snapshot: Snapshot) -> str:
    """What a file of the workspace is imported as: from the folder above its packages."""
    packages = {it.rpartition("/")[0] for it in snapshot.named("__init__.py")}
    *folders, name = PurePosixPath(path).parts
    stem = name.partition(".")[0]
    parts = [] if stem == "__init__" else [stem]
    while folders and "/".join(folders) in packages:
        parts.insert(0, folders.pop())
    if len(parts) < 2 and folders:  # noqa: PLR2004 - in no package: named by its folders, if at all
        whole = "/".join([*folders, *parts])
        root = next((it for it in _SOURCE_ROOTS if whole.startswith(it)), "")
        return whole.removeprefix(root).replace("/", ".")
    return ".".join(parts)


def _find_script(name: str, path: str, snapshot: Snapshot) -> Iterator[Candidate]:
    named = re.compile(
        rf"""import\s*(?:type\s*)?\{{[^}}]*\b{re.escape(name)}\b(?!\s+as)[^}}]*\}}\s*from\s*["']([^."'][^"']*)["']"""
    )
    default = re.compile(rf"""import\s+{re.escape(name)}\s+from\s*["']([^."'][^"']*)["']""")
    for match in snapshot.search_text([name, "import", "from"], _MAX_MATCHES):
        if match.path == path or not _SCRIPT_ENDINGS.search(match.path):
            continue
        for line in snapshot.lines(match.path)[match.start_line : match.end_line]:
            if found := named.search(line):
                yield Candidate(found[1], name, name)
            elif found := default.search(line):
                yield Candidate(found[1], name, name, is_default=True)
    for at in snapshot.definitions(name):
        if at.path == path or at.symbol.parent is not None or not _SCRIPT_ENDINGS.search(at.path):
            continue
        lines = snapshot.lines(at.path)
        head = lines[at.symbol.start_line] if at.symbol.start_line < len(lines) else ""
        if head.startswith("export "):
            is_default = head.startswith("export default ")
            yield Candidate(_relative(at.path, path), name, name, is_default)


def _relative(target: str, path: str) -> str:
    """A file of scripts as another one imports it."""
    here = PurePosixPath(path).parent.parts
    there = PurePosixPath(_SCRIPT_ENDINGS.sub("", target)).parts
    shared = 0
    for one, other in zip(here, there[:-1], strict=False):
        if one != other:
            break
        shared += 1
    up = "../" * (len(here) - shared) or "./"
    return up + "/".join(there[shared:])
