"""Names in a text that nothing explains: neither what is bound around it nor what can be imported.

Python alone so far. What is asked is whether a name may be meant, so that every doubt counts for it:
a use of the same name in a line that the cursor can see is enough, and so is one in another function that
does not bind it. Names behind a dot are attributes, and none of its business. Pure.
"""

from __future__ import annotations

import builtins
import keyword
import re
import textwrap
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate, islice

from lsp_server.completions.lexis import scan, statement_start
from lsp_server.completions.place import Surroundings
from lsp_server.edits.completed_line import completed_block
from lsp_server.edits.python_names import Use, find_undefined

_HEADER = re.compile(r"\s*(async\s+def|def|class)\b\s*(\w*)")
_WORD = re.compile(r"(?<![\w.])[^\W\d]\w*")
_BUILTINS = frozenset(dir(builtins))
_HEADERS = ("def ", "class ", "async def ")
_BLANKS = " \t"
# What a line begins with that stands at any depth; the empty one is blank.
_NO_STATEMENT = frozenset({"", "\n", "\r", "#", ")", "]", "}"})
_MAX_OCCURRENCES = 40  # a name that stands in more lines is one that is used
_MAX_REGIONS = 3
_MAX_REGION_LINES = 400  # some milliseconds
_STAR = re.compile(r"\s*from\s.+\simport\s+\*")


def find_unknown(
    around: Surroundings,
    text: str,
    lines: Sequence[str],
    cursor_line: int,
    is_known: Callable[[str], bool],
) -> Use | None:
    """The first such name: its line from 0 in `text`, and its column in the source's line.

    `lines` are the document's. `is_known` is asked last: whether a name can be imported.
    """
    if around.language != "python":
        return None
    # Nearly always each word of a text stands around it as well, and nothing has to be parsed.
    visible = _Visible(lines, cursor_line)
    words = {it for it in _words(around.own, text) if not visible.may_mean(it)}
    if words and visible.has_star_import():
        return None
    block = _block(around, text) if words else None
    if block is None:
        return None
    source, start = block
    ends = list(accumulate(len(line) for line in source.splitlines(keepends=True)))
    first = bisect_right(ends, start)
    for use in find_undefined(source) or ():
        offset = (ends[use.line - 1] if use.line else 0) + use.column
        # A name may have begun before the cursor.
        is_in_text = offset + len(use.name) > start and offset < start + len(text)
        is_ours = is_in_text and use.name in words
        if is_ours and not visible.is_free_elsewhere(use.name) and not is_known(use.name):
            return Use(use.line - first, use.column, use.name)
    return None


def _block(around: Surroundings, text: str) -> tuple[str, int] | None:
    before = scan("python", around.before[statement_start(around.before) :])
    if before.is_within_text:
        return None
    goes_on = bool(before.opened) or "".join(around.before[-2:-1]).rstrip("\r\n").endswith("\\")
    return completed_block(around.before, text, around.behind, begins_line=not goes_on)


def _words(own: str, text: str) -> Iterator[str]:
    """The words of a text that may be names, also one that began before it."""
    for word in _WORD.finditer(own + text):
        if word.end() > len(own) and not keyword.iskeyword(word[0]) and word[0] not in _BUILTINS:
            yield word[0]


class _Visible:
    """The lines of a document, as they can be seen from one of them."""

    def __init__(self, lines: Sequence[str], line: int) -> None:
        self._lines = lines
        self._line = line
        self._text = "".join(lines)
        self._known: dict[int, tuple[int, ...]] = {}

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(map(len, self._lines)))

    def _scopes(self, number: int) -> tuple[int, ...]:
        """The functions and classes that a line stands in, the innermost last.

        Looked for upwards, and only for the lines that are asked about: a file may have thousands.
        """
        if (known := self._known.get(number)) is not None:
            return known
        scopes: tuple[int, ...] = ()
        depth: int | None = None
        for above in range(number, -1, -1):
            line = self._lines[above]
            bare = line.lstrip(_BLANKS)
            if bare[:1] in _NO_STATEMENT:
                continue
            column = len(line) - len(bare)
            is_around = above < number and (depth is None or column < depth)
            if is_around and bare.startswith(_HEADERS):
                scopes = (*self._scopes(above), above)
                break
            depth = column if depth is None else min(depth, column)
            if not depth:
                break
        self._known[number] = scopes
        return scopes

    @cached_property
    def _around(self) -> tuple[int, ...]:
        """The same of the cursor's line, which may be blank: then what stands before it tells."""
        depth = len(self._lines[self._line].rstrip("\r\n"))
        scopes = self._scopes(self._line)
        if self._lines[self._line].strip() or not depth:
            return scopes
        return tuple(it for it in scopes if _depth(self._lines[it]) < depth)

    def has_star_import(self) -> bool:
        return "import *" in self._text and any(map(_STAR.match, self._lines))

    def may_mean(self, name: str) -> bool:
        """Whether a line that can be seen has the name."""
        found = list(islice(_occurrences(self._text, name), _MAX_OCCURRENCES))
        if len(found) == _MAX_OCCURRENCES:
            return True
        places = {bisect_right(self._ends, at) for at in found}
        nearest = sorted(places, key=lambda number: abs(number - self._line))
        return any(self._is_seen(name, number) for number in nearest)

    def is_free_elsewhere(self, name: str) -> bool:
        """Whether another function or class near by uses the name without binding it."""
        found = islice(_occurrences(self._text, name), _MAX_OCCURRENCES)
        places = {bisect_right(self._ends, at) for at in found}
        # The outermost of those that the cursor is not in.
        scopes = ((it for it in self._scopes(at) if it not in self._around) for at in places)
        regions = {start for each in scopes if (start := next(each, None)) is not None}
        nearest = sorted(regions, key=lambda start: abs(start - self._line))
        for start in nearest[:_MAX_REGIONS]:
            lines = self._lines[start : start + _MAX_REGION_LINES]
            depth = _depth(lines[0])
            ends = (at for at in range(1, len(lines)) if _ends_block(lines[at], depth))
            source = textwrap.dedent("".join(lines[: next(ends, len(lines))]))
            if any(use.name == name for use in find_undefined(source) or ()):
                return True
        return False

    def _is_seen(self, name: str, number: int) -> bool:
        line = self._lines[number]
        if line.lstrip().startswith("#"):
            return False
        header = _HEADER.match(line)
        if (header is None and line[0] not in _BLANKS) or line.split()[0] == "global":
            return True
        scopes = self._scopes(number)
        if header and header[2] != name:
            scopes = (*scopes, number)  # a parameter is the function's own
        around = self._around
        if scopes and self._is_class(scopes[-1]) and scopes[-1:] != around[-1:]:
            return False
        return all(it in around or self._is_class(it) for it in scopes)

    def _is_class(self, number: int) -> bool:
        header = _HEADER.match(self._lines[number])
        return header is not None and header[1] == "class"


def _occurrences(text: str, name: str) -> Iterator[int]:
    """Where a name stands that is no attribute. A pattern would take a hundred times as long."""
    at = text.find(name)
    while at >= 0:
        end = at + len(name)
        before, behind = text[at - 1 : at], text[end : end + 1]
        if before != "." and not _is_of_word(before) and not _is_of_word(behind):
            yield at
        at = text.find(name, end)


def _is_of_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _ends_block(line: str, depth: int) -> bool:
    """Whether a line stands outside of the block that a header of that depth opens."""
    bare = line.lstrip(_BLANKS)
    return bare[:1] not in _NO_STATEMENT and len(line) - len(bare) <= depth


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(_BLANKS))
