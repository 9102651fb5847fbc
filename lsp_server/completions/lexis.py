"""Brackets, strings and comments of a text, by its language and in one pass: no parser, no tree. Pure.

It is for a few lines while they stream in. Where a language is not known, quotes and brackets are
what they are in most.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

CLOSERS = {"(": ")", "[": "]", "{": "}"}

_ECMASCRIPT = ("javascript", "javascriptreact", "typescript", "typescriptreact")
_INDENTED = frozenset({"python", "yaml"})
_SLASHES = frozenset(
    {"c", "cpp", "csharp", "go", "java", "kotlin", "php", "rust", "scala", "swift"}
)
_HASHES = frozenset({"python", "ruby", "shellscript", "yaml", "toml", "perl", "r", "makefile"})
# Strings that may go on in the next line, by the quote that ends them.
_LONG_QUOTES = {
    "python": ('"""', "'''"),
    "java": ('"""',),
    "kotlin": ('"""',),
    "rust": ('"',),
    "go": ("`",),
    **dict.fromkeys(_ECMASCRIPT, ("`",)),
}
# Where a single quote stands around one character, and beside that for much else.
_CHARACTERS = frozenset({"c", "cpp", "csharp", "go", "java", "kotlin", "rust", "scala"})
_CHARACTER = r"'(?:\\[^'\n]*|[^'\\\n])'"
_WHITESPACE = " \t"


@dataclass(frozen=True, slots=True)
class Lexis:
    """What begins a comment or a string, and whether blocks are told by their indentation."""

    token: re.Pattern[str]
    line_comments: tuple[str, ...]
    long_quotes: tuple[str, ...]
    has_block_comments: bool
    is_indented: bool

    def is_character(self, found: str) -> bool:
        """Whether a token is a character in its quotes, and nothing that goes on."""
        return found[0] == "'" and len(found) > 1 and found not in self.long_quotes


@cache
def lexis_of(language: str) -> Lexis:
    has_slashes = language in _SLASHES or language in _ECMASCRIPT
    line_comments: tuple[str, ...] = (
        ("//",) if has_slashes else ("#",) if language in _HASHES else ()
    )
    if language == "php":
        line_comments = ("//", "#")
    long_quotes = _LONG_QUOTES.get(language, ())
    quotes = [*long_quotes, '"', *([] if language in _CHARACTERS else ["'"])]
    parts = [
        *([_CHARACTER] if language in _CHARACTERS else []),
        *map(re.escape, quotes),
        *([re.escape("/*")] if has_slashes else []),
        *map(re.escape, line_comments),
        r"[()\[\]{}]",
    ]
    return Lexis(
        re.compile("|".join(parts)),
        line_comments,
        long_quotes,
        has_slashes,
        language in _INDENTED,
    )


@dataclass(slots=True)
class Scanner:
    """Reads a text line by line, and knows what is open at its end.

    `opened` holds the closing brackets that are awaited, the innermost last; `surplus` those that came
    though nothing awaited them. `until` is what ends the string or comment that the text is in.
    """

    lexis: Lexis
    opened: list[str] = field(default_factory=list)
    surplus: str = ""
    until: str = ""
    is_comment: bool = False
    has_mismatch: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether nothing is open: no bracket, no string, no comment over lines."""
        return not self.opened and not self.is_within_text

    @property
    def is_within_text(self) -> bool:
        return bool(self.until)

    def feed(self, text: str) -> str:
        """Reads on, by whole lines but for the last; returns what is no comment."""
        code: list[str] = []
        at = 0
        while at < len(text):
            if self.until:
                start, was_comment = at, self.is_comment
                at = self._leave(text, at)
                code.append("" if was_comment else text[start:at])
                continue
            found = self.lexis.token.search(text, at)
            if found is None:
                code.append(text[at:])
                break
            code.append(text[at : found.start()])
            at = found.end()
            self._meet(found[0])
            if not self.is_comment:
                code.append(found[0])
        return "".join(code)

    def copy(self) -> Scanner:
        return dataclasses.replace(self, opened=[*self.opened])

    def _meet(self, found: str) -> None:
        if found in CLOSERS:
            self.opened.append(CLOSERS[found])
        elif found in ")]}":
            if not self.opened:
                self.surplus += found
            elif self.opened[-1] == found:
                self.opened.pop()
            else:
                self.has_mismatch = True
        elif found in self.lexis.line_comments:
            self.until, self.is_comment = "\n", True
        elif found == "/*":
            self.until, self.is_comment = "*/", True
        elif self.lexis.is_character(found):
            pass
        else:
            self.until = found

    def _leave(self, text: str, at: int) -> int:
        """The place behind what ends the string or comment, or the text's end."""
        if self.is_comment:
            found = text.find(self.until, at)
            end = found + len(self.until) if found >= 0 else -1
        else:
            end = self._end_of_string(text, at)
        if end < 0:
            return len(text)
        self.until, self.is_comment = "", False
        return end

    def _end_of_string(self, text: str, at: int) -> int:
        ends_with_line = self.until not in self.lexis.long_quotes
        while at < len(text):
            if text[at] == "\\":
                at += 2
            elif text.startswith(self.until, at):
                return at + len(self.until)
            elif ends_with_line and text[at] == "\n":
                return at
            else:
                at += 1
        return -1


def scan(language: str, lines: Sequence[str]) -> Scanner:
    """A scanner that has read the lines."""
    scanner = Scanner(lexis_of(language))
    for line in lines:
        scanner.feed(line)
    return scanner


def code_of(language: str, line: str) -> str:
    """A line without its comments and the blanks at its end."""
    return Scanner(lexis_of(language)).feed(line).rstrip()


def indentation(line: str) -> int:
    """In columns; a tab goes to the next multiple of eight."""
    blank = line[: len(line) - len(line.lstrip(_WHITESPACE))]
    return len(blank.expandtabs())


def statement_start(lines: Sequence[str]) -> int:
    """The number of the line that the outermost statement around the last line begins with."""
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number]
        if line[:1].strip() and line[0] not in ")]}#\"'" and not line.startswith(("//", "/*")):
            return number
    return 0
