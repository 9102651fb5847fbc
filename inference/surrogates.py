"""Halves of characters: JSON can spell a surrogate of UTF-16 alone, UTF-8, and so the wire, cannot.

Programs in JavaScript cut texts between the two halves of a character, models write one half in the
arguments of a call, and Python reads a byte that is no text of a terminal as one.
"""

from __future__ import annotations


def whole_characters(text: str) -> str:
    """The text as UTF-8 can hold it: halves that belong together joined, any other one U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class SplitCharacters:
    """Joins the halves of characters in a text that arrives in pieces."""

    def __init__(self) -> None:
        self._half = ""

    def feed(self, text: str) -> str:
        """What may be passed on now; a first half at the end waits for the second."""
        text = self._half + text
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        return whole_characters(text[: len(text) - len(self._half)])
