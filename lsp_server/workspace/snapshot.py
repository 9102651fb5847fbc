"""The workspace at one moment, as the context engine and search see it: immutable, cheap to ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lsp_server.workspace.outline import Outline, Reference, Symbol


@dataclass(frozen=True, slots=True)
class SymbolAt:
    path: str
    symbol: Symbol


@dataclass(frozen=True, slots=True)
class ReferenceAt:
    path: str
    reference: Reference


@dataclass(frozen=True, slots=True)
class ResolvedImport:
    """A name that `path` binds by an import, and the workspace's file that it comes from."""

    alias: str  # the name as bound in the importing file; empty for a plain dependency
    name: str  # its name in the target; `*` for all, empty for the module itself
    target: str  # path of the file


@dataclass(frozen=True, slots=True)
class TextMatch:
    """Lines of a file that a full-text search found; a higher score is better."""

    path: str
    start_line: int
    end_line: int
    score: float


class Snapshot(Protocol):
    """No method does more than a few milliseconds of work; unknown paths and names find nothing."""

    def paths(self) -> Sequence[str]:
        """All files, sorted."""
        ...

    def named(self, name: str) -> Sequence[str]:
        """The files of that name, wherever they are: `test_parse.py`."""
        ...

    def ranked(self) -> Sequence[str]:
        """The files that matter most (see `ranking.py`), the first ones most."""
        ...

    def lines(self, path: str) -> Sequence[str]:
        """The file's text as it is now (an open document's, or the disk's), with line endings."""
        ...

    def symbols(self, path: str) -> Sequence[Symbol]:
        """The file's symbols as in its outline, but cheaper: a file has ten times the references."""
        ...

    def outline(self, path: str) -> Outline | None: ...

    def definitions(self, name: str) -> Sequence[SymbolAt]: ...

    def references(self, name: str, limit: int = 200) -> Sequence[ReferenceAt]: ...

    def imports(self, path: str) -> Sequence[ResolvedImport]: ...

    def importers(self, path: str) -> Sequence[str]: ...

    def search_text(self, words: Sequence[str], limit: int) -> Sequence[TextMatch]:
        """Best first, by BM25 over code-aware words (see `words.py`)."""
        ...
