"""Small repositories in memory, given as texts by path, and cursors in them.

In the text of a file `|` is where the cursor stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lsp_server.bench.context_code import Code
from lsp_server.bench.context_snapshot import MemorySnapshot, Repository
from lsp_server.context.retrieval import Assembly, assemble
from lsp_server.workspace.documents import Position, split_lines
from lsp_server.workspace.languages import detect_language
from lsp_server.workspace.outline import TEXT, Outline
from lsp_server.workspace.parse import outline

_NOTHING = Outline(TEXT, (), (), (), has_errors=False)


def repository(files: Mapping[str, str]) -> Repository:
    return Repository({path: _read(path, text) for path, text in files.items()})


def _read(path: str, text: str) -> Code:
    language = detect_language(path)
    found = outline(text.encode(), language) if language else _NOTHING
    return Code(path, tuple(split_lines(text)), found, (), frozenset(), (), frozenset())


@dataclass(frozen=True)
class At:
    """A file with a cursor in it, and a repository, which knows that file as it is."""

    snapshot: MemorySnapshot
    path: str
    lines: list[str]
    cursor: Position

    @classmethod
    def of(cls, files: Mapping[str, str], path: str, text: str) -> At:
        before, _, after = text.partition("|")
        lines = split_lines(before)
        whole = split_lines(before + after)
        known = repository({**files, path: before + after})
        snapshot = MemorySnapshot(known, path, whole)
        return cls(snapshot, path, whole, Position(len(lines) - 1, len(lines[-1])))

    def assemble(self, budget: int = 1_000, **more: Any) -> Assembly:
        return assemble(
            self.snapshot, self.path, self.lines, self.cursor, budget, count_tokens, **more
        )

    def shown(self, budget: int = 1_000, **more: Any) -> dict[str, str]:
        """Texts by path."""
        return {it.path: it.text for it in self.assemble(budget, **more).excerpts}


def count_tokens(text: str) -> int:
    """As many as a model might count: one for four characters."""
    return -(-len(text) // 4)
