"""The words of code: identifiers, and the parts that they are made of. Pure.

`HTTPServer.get_name2` has the words `httpserver`, `http`, `server`, `get_name2`, `get`, `name2`.
Text is searched by these words, so that `server name` finds it, and so does the name itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_WORD_CHARACTERS = 64  # what is longer is data, not a name
_RUN = re.compile(r"[\w$]+")
_PART = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*")
_MAX_KNOWN = 200_000
# What of ASCII stands between words. To put blanks there and split takes half as long as `_RUN` does.
_BLANKS = {code: " " for code in range(128) if not _RUN.fullmatch(chr(code))}


def words(text: str) -> Iterator[str]:
    """Each identifier and, where it has several, its parts, in lower case and as they come."""
    for identifier in _RUN.findall(text):
        yield from _split(identifier)


class Words:
    """The same for much text, in which most identifiers stand many times. Memory is bounded."""

    def __init__(self) -> None:
        self._known: dict[str, str] = _Known()

    def joined(self, text: str) -> str:
        """The words of a text, separated by spaces."""
        if len(self._known) > _MAX_KNOWN:
            self._known.clear()
        runs = text.translate(_BLANKS).split() if text.isascii() else _RUN.findall(text)
        return " ".join(map(self._known.__getitem__, runs))


class _Known(dict[str, str]):
    def __missing__(self, identifier: str) -> str:
        joined = self[identifier] = " ".join(_split(identifier))
        return joined


def _split(identifier: str) -> Iterator[str]:
    identifier = identifier.lstrip("$")
    if not identifier or len(identifier) > MAX_WORD_CHARACTERS or identifier[0].isdigit():
        return  # data, or a number
    yield identifier.lower()
    # What is a capital letter beyond ASCII no pattern can say.
    parts = _PART.findall(identifier) if identifier.isascii() else identifier.split("_")
    if len(parts) > 1:
        for part in parts:
            if len(part) > 1:
                yield part.lower()
