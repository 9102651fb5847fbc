"""Names in a text that nothing explains: neither what is bound around it nor what can be imported.

Python alone so far. What is asked is whether a name may be meant, so that every doubt counts for it:
a use of the same name in a line that the cursor can see is enough. Names behind a dot are attributes,
and none of its business. Pure.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from lsp_server.completions.lexis import indentation
from lsp_server.completions.place import Surroundings
from lsp_server.edits.completed_line import completed_block
from lsp_server.edits.python_names import Use, find_undefined

_HEADER = re.compile(r"\s*(async\s+def|def|class)\b\s*(\w*)")
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
    if around.language != "python" or not any(map(str.isalpha, text)):
        return None
    block = completed_block(around.before, text, around.behind)
    if block is None:
        return None
    source, start = block
    undefined = find_undefined(source) or []
    if not undefined:
        return None
    ends = list(accumulate(len(line) for line in source.splitlines(keepends=True)))
    first = bisect_right(ends, start)
    for use in undefined:
        offset = (ends[use.line - 1] if use.line else 0) + use.column
        # A name may have begun before the cursor.
        if offset + len(use.name) <= start or offset >= start + len(text):
            continue
        if not _may_mean(use.name, lines, cursor_line) and not is_known(use.name):
            return Use(use.line - first, use.column, use.name)
    return None


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
