"""Splits text into lexical tokens that hold no absolute indentation; the tokens give the text back.

A line that is not blank is an indentation token, its words and operators, each with the blanks
before it, and a line-end token that takes in the blank lines behind it. An indentation token says
what changed since the last line that was not blank, so the same code has the same tokens at every
nesting level. It knows no language: a word is a run of letters, digits and underscores, wherever
it stands, in code, in strings and in comments.

This module is pure. Invariants
- `decode(encode(text)) == text` for every text.
- `match_key` drops what the eye does not compare: blanks, the kind of line end, the number of blank
  lines, the width of an indentation.
- Only an indentation token is longer than one character and starts with `INDENT`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from sys import intern

INDENT = "\0"
SAME = INDENT + "="
DEEPER = INDENT + "+"  # followed by the blanks added
SHALLOWER = INDENT + "-"  # followed by the number of characters removed
REPLACED = INDENT + "~"  # followed by the whole indentation: neither is the start of the other
LINE_END = "\n"  # the match key of every line end

TAB_COLUMNS = 8  # only to compare indentations that mix tabs and spaces

_BLANK = r"[^\S\r\n]"
_LINE_ENDS = re.compile(rf"((?:{_BLANK}*+(?:\r\n|\r|\n))++)")
_INDENTATION = re.compile(r"[ \t]*+")
_TOKEN = re.compile(
    rf"{_BLANK}*+(?:\w++|->|=>|==|!=|<=|>=|&&|\|\||::|:=|\+=|-=|\*=|/=|\+\+|--|//|\*\*|<<|>>"
    rf"|\.\.\.|\"\"\"|'''|\S)|{_BLANK}++"
)
_UNFINISHED = re.compile(rf"{_BLANK}*+\w*+")


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What is typed of the token at the cursor: it may be empty, blanks, or the start of a word."""

    text: str
    at_line_start: bool  # then the text is the start of an indentation

    @property
    def word(self) -> str:
        return self.text.lstrip()


FINISHED = Unfinished("", at_line_start=False)


def encode(text: str, indentation: str = "", *, in_line: bool = False) -> tuple[str, ...]:
    """The tokens of a text that starts at the start of a line, or with `in_line` within one.

    `indentation` is that of the line before, or with `in_line` of the line itself.
    """
    tokens: list[str] = []
    # A split by a group alternates lines and what ends them.
    for place, part in enumerate(_LINE_ENDS.split(text)):
        if not part:
            continue
        if place % 2:
            tokens.append(intern(part))
            continue
        start = 0
        if place or not in_line:
            before, indentation = indentation, indentation_of(part)
            start = len(indentation)
            tokens.append(change(before, indentation))
        tokens.extend(map(intern, _TOKEN.findall(part, start)))
    return tuple(tokens)


def at_cursor(text: str) -> tuple[tuple[str, ...], Unfinished]:
    """The tokens before the cursor that are finished, and what is typed of the next one.

    The text starts at the start of a line and ends at the cursor. A word is never finished: one
    more letter may follow.
    """
    place = line_start(text)
    line = text[place:]
    if not line.strip(" \t"):
        return encode(text[:place]), Unfinished(line, at_line_start=True)
    tokens = encode(text)
    if _UNFINISHED.fullmatch(tokens[-1]):
        return tokens[:-1], Unfinished(tokens[-1], at_line_start=False)
    return tokens, FINISHED


def line_start(text: str) -> int:
    """Where the last line of a text starts."""
    return max(text.rfind("\n"), text.rfind("\r")) + 1


def split_line(text: str) -> tuple[str, str]:
    """The first line of a text, without its end, and what follows that."""
    found = _LINE_ENDS.search(text)
    return (text[: found.start()], text[found.end() :]) if found else (text, "")


def last_line(text: str) -> str:
    """The last line of a text that is not blank, with its indentation."""
    text = text.rstrip()
    return text[line_start(text) :]


def is_indentation(token: str) -> bool:
    return token[0] == INDENT and len(token) > 1


def is_line_end(token: str) -> bool:
    return token[-1] in "\r\n"


def match_key(token: str) -> str:
    """What two tokens must share to match."""
    if is_indentation(token):
        return token[:2] if token[1] != REPLACED[1] else SAME
    if is_line_end(token):
        return LINE_END
    return token.lstrip() or " "


def indentation_of(line: str) -> str:
    """The tabs and spaces that a line starts with."""
    found = _INDENTATION.match(line)
    return found.group() if found else ""


def columns(indentation: str) -> int:
    """How far an indentation goes, to compare it with another."""
    return len(indentation.expandtabs(TAB_COLUMNS))


def change(before: str, after: str) -> str:
    """The indentation token between two lines' indentations."""
    if before == after:
        return SAME
    if after.startswith(before):
        return intern(DEEPER + after[len(before) :])
    if before.startswith(after):
        return intern(f"{SHALLOWER}{len(before) - len(after)}")
    return intern(REPLACED + after)


def transfer(token: str, before: str, from_unit: str, to_unit: str) -> str | None:
    """The indentation that an indentation token makes of the one before it.

    The token may come from a file with another unit of indentation. None where the change cannot be
    made: nothing is left to remove, or the file mixes both kinds.
    """
    kind, value = token[:2], token[2:]
    from_unit = from_unit or to_unit
    if kind == SAME:
        return before
    if kind == DEEPER:
        if from_unit == to_unit:
            return before + value
        return before + to_unit * max(1, round(len(value) / len(from_unit)))
    if kind == SHALLOWER:
        count = int(value)
        if from_unit != to_unit:
            count = len(to_unit) * max(1, round(count / len(from_unit)))
        return before[: len(before) - count] if count <= len(before) else None
    return None
