"""Looks things up in the index of one workspace folder: symbols, references, text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lsp_server.workspace.outline import Outline
from lsp_server.workspace.outline_codec import unpack_outline
from lsp_server.workspace.snapshot import ReferenceAt, SymbolAt, TextMatch
from lsp_server.workspace.store import Store, StoreDamaged
from lsp_server.workspace.words import words

# The full text knows windows of lines, which may hold the name in another way than asked for.
_WINDOWS_PER_RESULT = 4
MAX_QUERY_WORDS = 32


class Search:
    """What it raises is `StoreDamaged`, where the store makes no sense."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def symbols(self, name: str, limit: int, *, prefix: bool = False) -> list[SymbolAt]:
        """Definitions of that name, or of names that start with it whatever their letters' case.

        Shorter names go first, then paths in order.
        """
        windows = self._store.defining(name.lower(), limit * _WINDOWS_PER_RESULT, prefix=prefix)
        found = [
            SymbolAt(path, symbol)
            for path, outline in self._outlines(windows)
            for symbol in outline.symbols
            if symbol.name == name or (prefix and symbol.name.lower().startswith(name.lower()))
        ]
        found.sort(key=lambda it: (len(it.symbol.name), it.path, it.symbol.start_line))
        return found[:limit]

    def references(self, name: str, limit: int) -> list[ReferenceAt]:
        """Uses of that name, in the order of paths and lines."""
        windows = self._store.naming(name.lower(), limit * _WINDOWS_PER_RESULT)
        found = [
            ReferenceAt(path, reference)
            for path, outline in self._outlines(windows)
            for reference in outline.references
            if reference.name == name
        ]
        found.sort(key=lambda it: (it.path, it.reference.line, it.reference.column))
        return found[:limit]

    def text(self, query: str, limit: int) -> list[TextMatch]:
        """The lines that have most of the query's words, best first."""
        return self._store.search(list(words(query))[:MAX_QUERY_WORDS], limit)

    def _outlines(self, windows: Iterable[TextMatch]) -> Iterator[tuple[str, Outline]]:
        for path in dict.fromkeys(window.path for window in windows):
            packed = self._store.outline(path)
            if packed is not None:
                try:
                    yield path, unpack_outline(packed)
                except ValueError as error:
                    raise StoreDamaged(str(error)) from error


def best_line(lines: Sequence[str], match: TextMatch, query: str) -> int:
    """The number of the line, of those that match, that has most of the query's words."""
    wanted = set(words(query))
    return max(
        range(match.start_line, min(match.end_line, len(lines))),
        key=lambda number: len(wanted.intersection(words(lines[number]))),
        default=match.start_line,
    )
