"""Looks things up in the index of one workspace folder: symbols, references, text.

The same for every feature: what is open in an editor is laid over it in `view.py`.
"""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Iterable, Sequence

from lsp_server.workspace.outline import named_before
from lsp_server.workspace.outline_codec import SymbolRow, find_references, unpack_symbol
from lsp_server.workspace.snapshot import ReferenceAt, SymbolAt, TextMatch
from lsp_server.workspace.store_file import StoreDamaged
from lsp_server.workspace.store_reader import StoreReader
from lsp_server.workspace.words import words

MAX_QUERY_WORDS = 32
_MAX_NAMES = 200  # that are alike
_MANY_SYMBOLS = 1_000  # of one name
_PARTS = re.compile(r"\.|::|#")  # `Class.name`, `Class::name`, `Class#name`


class Search:
    """What it raises is `StoreDamaged`, where the store makes no sense."""

    def __init__(self, store: StoreReader) -> None:
        self._store = store

    def symbols(self, name: str, limit: int, *, prefix: bool = False) -> list[SymbolAt]:
        """Definitions of that name, or of names that start with it whatever their letters' case.

        Those in the very case go first, then shorter names, then paths in order.
        """
        if not name:
            return []
        if prefix:
            return _symbols_at(self._store.definitions_from(name, limit))
        return _symbols_at(self._store.definitions(name, limit))

    def named(self, text: str, limit: int) -> list[SymbolAt]:
        """Definitions of what people write: `name`, `Class.name` or `Class::name`, or a name's words."""
        *owners, name = _PARTS.split(text.strip())
        if not owners:
            return self.symbols(name, limit) or self._of_words(text, limit)
        found = self.symbols(name, _MANY_SYMBOLS)
        return [it for it in found if self._belongs_to(it, owners[-1])][:limit]

    def _belongs_to(self, found: SymbolAt, owner: str) -> bool:
        """Whether it stands in what is called so, or is a method of that from outside."""
        symbol = found.symbol
        if symbol.parent is None:
            return owner in named_before(symbol)
        rows = self._store.symbols(found.path)
        return bool(rows[symbol.parent][0] == owner)

    def _of_words(self, text: str, limit: int) -> list[SymbolAt]:
        wanted = text.lower().split()
        if len(wanted) < 2:  # noqa: PLR2004 - a name of one word is that word
            return []
        names = [it for it in self._store.symbol_names() if list(words(it))[1:] == wanted]
        found = [symbol for name in names for symbol in self.symbols(name, limit)]
        return found[:limit]

    def similar_symbols(self, pattern: str, limit: int) -> list[SymbolAt]:
        """Definitions whose names have the pattern's letters in that order, the likest first."""
        names = rank_names(pattern, self._store.symbol_names())[:_MAX_NAMES]
        found: list[SymbolAt] = []
        for name in names:
            found += self.symbols(name, limit - len(found))
            if len(found) >= limit:
                break
        return found

    def references(
        self, name: str, limit: int, *, max_files: int | None = None
    ) -> list[ReferenceAt]:
        """Uses of that name, in the order of paths and lines; of too many just some.

        No more than `max_files` that have the name, or have it in another, are looked at.
        """
        found: list[ReferenceAt] = []
        naming = self._store.naming(name) if name else iter(())
        try:
            for path, names, packed in itertools.islice(naming, max_files):
                found += (ReferenceAt(path, it) for it in find_references(name, names, packed))
                if len(found) >= limit:
                    break
        except sqlite3.OperationalError:
            raise
        except (ValueError, sqlite3.DatabaseError) as error:
            raise StoreDamaged(str(error)) from error
        found.sort(key=lambda it: (it.path, it.reference.line, it.reference.column))
        return found[:limit]

    def text(self, query: str, limit: int) -> list[TextMatch]:
        """The lines that have most of the query's words, best first."""
        return self._store.search(list(words(query))[:MAX_QUERY_WORDS], limit)


def rank_names(pattern: str, names: Iterable[str]) -> list[str]:
    """The names that have the pattern's letters in that order, the likest first. Pure.

    Letters that start a part of a name (`PJ` of `ParseJson`, `pj` of `parse_json`) count for most,
    then those that follow the one before; a capital of the pattern has to be one.
    """
    if not pattern:
        return []
    gaps = re.compile(
        ".*?".join(re.escape(it) if it.isupper() else _either_case(it) for it in pattern)
    )
    ranked = sorted(
        (-_likeness(pattern, name), len(name), name) for name in names if gaps.search(name)
    )
    return [name for _, _, name in ranked]


def _either_case(character: str) -> str:
    return f"[{re.escape(character)}{re.escape(character.upper())}]"


def _likeness(pattern: str, name: str) -> float:
    """The best of the ways to find the pattern's letters in the name, by what they count for."""
    # best[i]: of what was matched so far, with its last letter at i.
    impossible = float("-inf")
    best = [0.0] * (len(name) + 1)
    for number, letter in enumerate(pattern):
        found = [impossible] * (len(name) + 1)
        before = 0.0 if number == 0 else impossible
        for index, character in enumerate(name):
            follows = best[index] if number else impossible
            if number:
                before = max(before, follows)
            if character == letter or (character.lower() == letter and not letter.isupper()):
                worth = 3.0 if _starts_part(name, index) else 1.0
                found[index + 1] = worth + max(before, follows + 2.0)
        best = found
    return max(best) - (0.0 if name.startswith(pattern[:1]) else 1.0)


def _starts_part(name: str, index: int) -> bool:
    character = name[index]
    before = name[index - 1] if index else "_"
    return (character.isalnum() and not before.isalnum()) or (
        character.isupper() and not before.isupper()
    )


def best_line(lines: Sequence[str], match: TextMatch, query: str) -> int:
    """The number of the line, of those that match, that has most of the query's words."""
    wanted = set(words(query))
    return max(
        range(match.start_line, min(match.end_line, len(lines))),
        key=lambda number: len(wanted.intersection(words(lines[number]))),
        default=match.start_line,
    )


def _symbols_at(rows: Iterable[tuple[str, SymbolRow]]) -> list[SymbolAt]:
    try:
        return [SymbolAt(path, unpack_symbol(row)) for path, row in rows]
    except ValueError as error:
        raise StoreDamaged(str(error)) from error
