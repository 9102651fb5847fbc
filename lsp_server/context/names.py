"""The names in lines of code, whatever the language. Pure; what was read of a line is remembered."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence

REMEMBERED_LINES = 8_000  # about 5 MB; that none is long is seen to before one is remembered
MAX_READ_CHARACTERS = 1_000  # of a line; what is longer is data, or made by a machine

IDENTIFIER = re.compile(r"[^\W\d]\w*")
_WHOLE_WORD = re.compile(r"\b[^\W\d]\w*")  # nothing of a number such as `0x1F`
# No string starts at an escaped quote, so that one without an end is looked through once. After `<`
# and `&` a quote starts the name of a lifetime.
_STRING = re.compile(r"(?<!\\)\"(?:[^\"\\]|\\.)*\"|(?<![\\<&])'(?:[^'\\]|\\.)*'|`[^`]*`")
# A number sign opens a comment where white space, or nothing, is on both sides: `#include`, `this.#x`.
_COMMENT = re.compile(r"(?:^|(?<=\s))(?:#(?=\s|$)|//|--\s).*|/\*.*?(?:\*/|$)|^\s*\*(?:\s.*)?$")

_KEYWORDS = """
    and as assert async await begin bool boolean break byte case catch char class cls const continue
    crate def default defer del do double elif else elsif end ensure enum except export extends extern
    false False final finally float fn for foreach from func function global go goto if impl
    implements import in include inline instanceof int interface internal is lambda let long loop
    match mod module move mut namespace new nil None nonlocal not null object or override package
    parent pass print private protected pub public raise readonly ref require rescue return sealed
    self Self short signed sizeof static str string struct super switch template this throw throws
    trait true True try type typedef typeof undefined union unless unsafe unsigned until use using
    val var virtual void volatile when where while with yield
"""
KEYWORDS = frozenset(_KEYWORDS.split())


# What of ASCII stands between names. To put blanks there and split takes half as long as `IDENTIFIER`.
_BLANKS = {code: " " for code in range(128) if not re.fullmatch(r"\w", chr(code))}
_BETWEEN = "\0"  # lines, which hold none
_BLANKS_IN_LINES = {**_BLANKS, ord(_BETWEEN): _BETWEEN}


def names_in(lines: Iterable[str]) -> set[str]:
    """All identifiers of lines, those in strings and comments and keywords too."""
    text = "\n".join(lines)
    if text.isascii():
        words = set(text.translate(_BLANKS).split())
    else:
        plain, others = _by_isascii(text.split("\n"))
        words = set("\n".join(plain).translate(_BLANKS).split())
        words.update(_WHOLE_WORD.findall("\n".join(others)))
    return {word for word in words if not word[0].isdigit()}


def _by_isascii(lines: Iterable[str]) -> tuple[list[str], list[str]]:
    plain: list[str] = []
    others: list[str] = []
    for line in lines:
        (plain if line.isascii() else others).append(line)
    return plain, others


def words_by_line(lines: Sequence[str]) -> Iterable[Sequence[str]]:
    """The identifiers of each line, as `names_in` has them, with what is numbers among them."""
    text = _BETWEEN.join(lines)
    if text.isascii() and text.count(_BETWEEN) == len(lines) - 1:
        return map(str.split, text.translate(_BLANKS_IN_LINES).split(_BETWEEN))
    return map(_WHOLE_WORD.findall, lines)


def code_names(line: str) -> frozenset[str]:
    """The identifiers of a line's code: no keywords, nothing of strings and comments."""
    return _code_names(line[:MAX_READ_CHARACTERS])


@functools.lru_cache(REMEMBERED_LINES)
def _code_names(line: str) -> frozenset[str]:
    return frozenset(IDENTIFIER.findall(code(line))) - KEYWORDS


def code(line: str) -> str:
    """The line without its strings and comments; of one that spans lines, as if it did not."""
    text = line[:MAX_READ_CHARACTERS]
    # Most lines have neither, and to look for a character costs little.
    if '"' in text or "'" in text or "`" in text:
        text = _STRING.sub('""', text)
    if "#" in text or "/" in text or "*" in text or "--" in text:
        text = _COMMENT.sub("", text)
    return text
