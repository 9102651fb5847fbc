"""Where a text is cut for filling in its middle: at a cursor, as one stands in an editor. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

# What is to be filled in, by how often: an editor asks mostly for the rest of a line.
_REST_OF_LINE = 0.5
_FEW_LINES = 0.25  # the rest: any stretch of characters
_MOST_LINES = 6
_MOST_CHARACTERS = 400
# A middle that ends behind its newline is what benchmarks ask for, where editors stop before it.
_WITH_NEWLINE = 0.25
_AT_INDENTATION = 0.5


@dataclass(frozen=True, slots=True)
class Infilling:
    prefix: str
    middle: str
    suffix: str


def infilling(text: str, random: Random) -> Infilling:
    """The text in three parts, of which the middle is not blank; a blank text is all prefix."""
    drawn = random.random()
    for _ in range(4):
        if drawn < _REST_OF_LINE + _FEW_LINES:
            few = drawn >= _REST_OF_LINE
            start, end = _lines(text, random, random.randint(2, _MOST_LINES) if few else 1)
        else:
            start = random.randrange(len(text)) if text else 0
            end = min(len(text), start + 1 + int(random.random() ** 2 * _MOST_CHARACTERS))
        if text[start:end].strip():
            return Infilling(text[:start], text[start:end], text[end:])
    return Infilling(text, "", "")


def _lines(text: str, random: Random, count: int) -> tuple[int, int]:
    """From somewhere in a line to its end, or to the end of a line below."""
    if not text:
        return 0, 0
    at = random.randrange(len(text))
    line_start = text.rfind("\n", 0, at) + 1
    line_end = _line_end(text, line_start)
    indented = line_start + len(text[line_start:line_end]) - len(text[line_start:line_end].lstrip())
    start = at
    if random.random() < _AT_INDENTATION:
        start = random.choice((line_start, indented))
    end = line_end
    for _ in range(count - 1):
        if end < len(text):
            end = _line_end(text, end + 1)
    if end < len(text) and random.random() < _WITH_NEWLINE:
        end += 1
    return start, max(start, end)


def _line_end(text: str, start: int) -> int:
    found = text.find("\n", start)
    return found if found >= 0 else len(text)
