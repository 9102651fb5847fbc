"""The words of code: identifiers, and the parts that they are made of. Pure.

`HTTPServer.get_name2` has the words `httpserver`, `http`, `server`, `get_name2`, `get`, `name2`.
Text is searched by these words, so that `server name` finds it, and so does the name itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_WORD_CHARACTERS = 64  # what is longer is data, not a name
_IDENTIFIER = re.compile(r"(?<![\w$])[^\W\d][\w$]*")
_PART = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*")


def words(text: str) -> Iterator[str]:
    """Each identifier and, where it has several, its parts, in lower case and as they come."""
    for found in _IDENTIFIER.finditer(text):
        identifier = found[0]
        if len(identifier) > MAX_WORD_CHARACTERS:
            continue
        yield identifier.lower()
        # What is a capital letter beyond ASCII no pattern can say.
        parts = _PART.findall(identifier) if identifier.isascii() else identifier.split("_")
        if len(parts) > 1:
            for part in parts:
                if len(part) > 1:
                    yield part.lower()
