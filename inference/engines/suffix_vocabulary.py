"""The symbols that tokens are compared by: one character for each match key.

As strings of symbols, texts are sliced, compared and hashed at the speed of `str`.

This module is pure. Invariant: no token has `SEPARATOR` or `HIGHEST` as its symbol, but for those
that come when no code point is left, which never match.
"""

from __future__ import annotations

from bisect import bisect_left

from inference.engines import suffix_lexer as lexer

SEPARATOR = "\0"
HIGHEST = chr(0x10FFFF)  # sorts behind every symbol

_LAST_SYMBOL = ord(HIGHEST) - 1
_TAIL_SYMBOLS = 0x10000  # kept for the words of one request that no chunk holds


class Vocabulary(dict[str, str]):
    """The symbol of each token; looking up a token that is new gives it one.

    It only grows: by about 200 bytes for each distinct word of all that was ever put.
    """

    def __init__(self) -> None:
        super().__init__()
        self._symbols: dict[str, str] = {}
        self._keys = [SEPARATOR]
        self._sorted: list[str] = []

    def __missing__(self, token: str) -> str:
        key = lexer.match_key(token)
        symbol = self._symbols.get(key)
        if symbol is None:
            number = len(self._keys)
            if number > _LAST_SYMBOL - _TAIL_SYMBOLS:
                return SEPARATOR
            symbol = self._symbols[key] = chr(number)
            self._keys.append(key)
        self[token] = symbol
        return symbol

    def sort(self) -> None:
        """Makes the new words known to `starting_with`; cheap where they are few."""
        self._sorted += self._keys[len(self._sorted) :]
        self._sorted.sort()

    def starting_with(self, start: str, limit: int) -> list[str] | None:
        """The symbols of the words with a start, or None where there are more than the limit."""
        first = bisect_left(self._sorted, start)
        end = bisect_left(self._sorted, start + HIGHEST, first)
        if end - first > limit:
            return None
        return [self._symbols[key] for key in self._sorted[first:end]]

    def symbol(self, key: str) -> str | None:
        """The symbol of a match key, if it has one."""
        return self._symbols.get(key)

    def key(self, symbol: str) -> str:
        """The match key that a symbol stands for."""
        return self._keys[ord(symbol)]


class TailVocabulary(dict[str, str]):
    """A vocabulary for one request, so that half-typed words do not stay in the engine's."""

    def __init__(self, base: Vocabulary) -> None:
        super().__init__()
        self._base = base
        self._symbols: dict[str, str] = {}
        self._keys: list[str] = []

    def __missing__(self, token: str) -> str:
        key = lexer.match_key(token)
        symbol = self._base.symbol(key) or self._symbols.get(key)
        if symbol is None:
            number = len(self._keys)
            if number == _TAIL_SYMBOLS:
                return SEPARATOR
            symbol = self._symbols[key] = chr(_LAST_SYMBOL - number)
            self._keys.append(key)
        self[token] = symbol
        return symbol

    def starting_with(self, start: str, limit: int) -> list[str] | None:
        """The symbols of the words with a start, or None where there are more than the limit."""
        found = self._base.starting_with(start, limit)
        if found is None:
            return None
        found += [symbol for key, symbol in self._symbols.items() if key.startswith(start)]
        return found if len(found) <= limit else None

    def key(self, symbol: str) -> str:
        """The match key that a symbol stands for."""
        number = _LAST_SYMBOL - ord(symbol)
        return self._keys[number] if number < len(self._keys) else self._base.key(symbol)
