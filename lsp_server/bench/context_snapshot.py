"""A repository in memory, as the context engine sees a workspace, with one file as it is edited."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence

from lsp_server.bench.context_baselines import weigh
from lsp_server.bench.context_code import Code
from lsp_server.workspace.imports import ImportResolver
from lsp_server.workspace.languages import detect_language
from lsp_server.workspace.outline import Import, Outline, Symbol
from lsp_server.workspace.parse import outline
from lsp_server.workspace.ranking import rank
from lsp_server.workspace.snapshot import ReferenceAt, ResolvedImport, SymbolAt, TextMatch
from lsp_server.workspace.words import words

WINDOW_LINES = 40
_K1, _B = 1.2, 0.75


class Repository:
    """What is the same for all snapshots of it."""

    def __init__(self, codes: Mapping[str, Code]) -> None:
        self.lines = {path: code.lines for path, code in sorted(codes.items())}
        self.outlines = {path: code.outline for path, code in sorted(codes.items())}
        self.named: dict[str, list[str]] = {}
        for path in self.lines:
            self.named.setdefault(path.rpartition("/")[2], []).append(path)
        self.definitions: dict[str, list[SymbolAt]] = {}
        self.references: dict[str, list[ReferenceAt]] = {}
        for path, found in self.outlines.items():
            for symbol in found.symbols:
                self.definitions.setdefault(symbol.name, []).append(SymbolAt(path, symbol))
            for reference in found.references:
                self.references.setdefault(reference.name, []).append(ReferenceAt(path, reference))
        self.resolver = ImportResolver(self.lines, {}, self._imports_of)
        self.imports = {path: self.resolve(path, found) for path, found in self.outlines.items()}
        self.importers: dict[str, list[str]] = {}
        for path, imports in self.imports.items():
            for target in dict.fromkeys(resolved.target for resolved in imports):
                self.importers.setdefault(target, []).append(path)
        self.ranked = rank(
            {path: [it.target for it in imports] for path, imports in self.imports.items()}
        )
        self.windows: list[tuple[str, int, int]] = []
        self.weights = self._weigh()

    def resolve(self, path: str, found: Outline) -> list[ResolvedImport]:
        return [
            resolved
            for import_ in found.imports
            for resolved in self.resolver.resolve(path, found.language, import_)
        ]

    def _imports_of(self, path: str) -> Sequence[Import]:
        return self.outlines[path].imports

    def _weigh(self) -> dict[str, list[tuple[int, float]]]:
        bags = []
        for path, lines in self.lines.items():
            for start in range(0, len(lines), WINDOW_LINES):
                end = min(start + WINDOW_LINES, len(lines))
                self.windows.append((path, start, end))
                bags.append(Counter(words("".join(lines[start:end]))))
        return weigh(bags, _K1, _B)


class MemorySnapshot:
    """A `Snapshot`. Of the file that is edited only what the editor shows is known, to no query else.

    The text search leaves that file out.
    """

    def __init__(self, repository: Repository, path: str, lines: Sequence[str]) -> None:
        self._repository = repository
        self._path = path
        self._lines = tuple(lines)
        self._outline = outline("".join(lines).encode(), detect_language(path) or "python")
        self._imports = repository.resolve(path, self._outline)

    def paths(self) -> Sequence[str]:
        return tuple(self._repository.lines)

    def ranked(self) -> Sequence[str]:
        return self._repository.ranked

    def named(self, name: str) -> Sequence[str]:
        return self._repository.named.get(name, ())

    def lines(self, path: str) -> Sequence[str]:
        return self._lines if path == self._path else self._repository.lines.get(path, ())

    def symbols(self, path: str) -> Sequence[Symbol]:
        found = self.outline(path)
        return found.symbols if found is not None else ()

    def outline(self, path: str) -> Outline | None:
        return self._outline if path == self._path else self._repository.outlines.get(path)

    def definitions(self, name: str) -> Sequence[SymbolAt]:
        found = [it for it in self._repository.definitions.get(name, ()) if it.path != self._path]
        found += [SymbolAt(self._path, it) for it in self._outline.symbols if it.name == name]
        return sorted(found, key=_by_path)

    def references(self, name: str, limit: int = 200) -> Sequence[ReferenceAt]:
        found = [it for it in self._repository.references.get(name, ()) if it.path != self._path]
        found += [ReferenceAt(self._path, it) for it in self._outline.references if it.name == name]
        return sorted(found, key=_by_path)[:limit]

    def imports(self, path: str) -> Sequence[ResolvedImport]:
        return self._imports if path == self._path else self._repository.imports.get(path, ())

    def importers(self, path: str) -> Sequence[str]:
        return self._repository.importers.get(path, ())

    def search_text(self, words: Sequence[str], limit: int) -> Sequence[TextMatch]:
        scores: dict[int, float] = {}
        for word in sorted(set(words)):
            for number, weight in self._repository.weights.get(word, ()):
                scores[number] = scores.get(number, 0.0) + weight
        windows = self._repository.windows
        others = (item for item in scores.items() if windows[item[0]][0] != self._path)
        best = heapq.nsmallest(limit, others, key=lambda item: (-item[1], item[0]))
        return [TextMatch(*windows[number], score) for number, score in best]


def _by_path(found: SymbolAt | ReferenceAt) -> str:
    return found.path
