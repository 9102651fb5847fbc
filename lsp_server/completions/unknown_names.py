"""Names in a text that nothing explains: neither what is bound around it nor what can be imported.

Python alone so far. What is asked is whether a name may be meant, so that every doubt counts for it:
a use of the same name in a line that the cursor can see is enough. Names behind a dot are attributes,
and none of its business. Pure.
"""

from __future__ import annotations

import builtins
import keyword
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from lsp_server.completions.lexis import indentation, scan, statement_start
from lsp_server.completions.place import Surroundings
from lsp_server.edits.completed_line import completed_block
from lsp_server.edits.python_names import Use, find_undefined

_HEADER = re.compile(r"\s*(async\s+def|def|class)\b\s*(\w*)")
_WORD = re.compile(r"(?<![\w.])[^\W\d]\w*")
_BUILTINS = frozenset(dir(builtins))
_MAX_OCCURRENCES = 40  # a name that stands in more lines is one that is used
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
    words = {name for name in _words(around.own, text) if not _may_mean(name, lines, cursor_line)}
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
        if is_in_text and use.name in words and not is_known(use.name):
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


def _may_mean(name: str, lines: Sequence[str], cursor_line: int) -> bool:
    word = re.compile(rf"(?<![\w.]){re.escape(name)}\b")
    places = [number for number, line in enumerate(lines) if name in line and word.search(line)]
    if len(places) > _MAX_OCCURRENCES or any("import *" in it and _STAR.match(it) for it in lines):
        return True
    if not places:
        return False
    around = list(_scopes(lines, cursor_line))
    return any(_is_seen(name, lines, number, around) for number in places)


def _is_seen(name: str, lines: Sequence[str], number: int, around: list[int]) -> bool:
    """Whether what a line binds can be seen from within the scopes around the cursor."""
    line = lines[number]
    if line.lstrip().startswith("#"):
        return False
    if line.split()[0] == "global":
        return True
    scopes = list(_scopes(lines, number))
    header = _HEADER.match(line)
    if header and header[2] != name:
        scopes.insert(0, number)  # a parameter is the function's own
    if scopes and _is_class(lines[scopes[0]]) and scopes[0] != next(iter(around), -1):
        return False
    return all(it in around or _is_class(lines[it]) for it in scopes)


def _scopes(lines: Sequence[str], number: int) -> Iterator[int]:
    """The lines of the functions and classes that a line stands in, the innermost first."""
    depth = indentation(lines[number]) if lines[number].strip() else _depth_of_blank(lines, number)
    for above in range(number - 1, -1, -1):
        if depth == 0:
            return
        line = lines[above]
        if line.strip() and indentation(line) < depth and not line.lstrip().startswith((")", "#")):
            depth = indentation(line)
            if _HEADER.match(line):
                yield above


def _depth_of_blank(lines: Sequence[str], number: int) -> int:
    """A blank line may have less before the cursor than its block has."""
    above = next((line for line in reversed(lines[:number]) if line.strip()), "")
    opens = above.rstrip().endswith(":")
    return max(indentation(lines[number]), indentation(above) + opens)


def _is_class(line: str) -> bool:
    header = _HEADER.match(line)
    return header is not None and header[1] == "class"
