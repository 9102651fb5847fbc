"""What the current file says around the cursor: names and how near they are, receivers, types. Pure.

It is read line by line and by patterns, not by a syntax tree: the line that is being typed is hardly
ever whole, and most languages write a variable's type in one of a few ways. What is taken wrongly
finds no definition, and costs no more than the look.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from lsp_server.context.heads import heads_around
from lsp_server.context.names import (
    IDENTIFIER,
    KEYWORDS,
    MAX_READ_CHARACTERS,
    REMEMBERED_LINES,
    code,
    names_in,
    words_by_line,
)
from lsp_server.workspace.documents import Position

# Of the lines before the cursor and behind it; the weight of a name halves every seven lines.
_LINES_BEFORE, _LINES_BEHIND = 30, 10
_LINES_PER_FACTOR_E = 10
_BEHIND_IS_FARTHER = 2
# Of the lines in which it is looked for what a variable is: of a longer file hardly any helps.
_TYPED_BEFORE, _TYPED_BEHIND = 1_000, 200
# The parameters of the function that is being written, wherever it begins.
_NEARNESS_OF_HEAD = 0.7
_RECEIVER_AT_END = re.compile(r"([^\W\d]\w*)(?:\(\)|\[\w*\])?\s*(?:\.|->|::|\?\.)\s*\w*$")
_ACCESS_AT_END = re.compile(r"(?:\.|->|::)\s*\w*$")

# How languages say what a variable is: `name: Type`, `name = Type(`, `Type name`, `name Type`, `as`.
_ANNOTATED = re.compile(
    r"\b([^\W\d]\w*)\??\s*:(?!:)\s*"  # `::` goes on with a path
    r"((?:[^=,(){};<>\[\]]++|[<\[](?:[^<>\[\]]|[<\[][^<>\[\]]*[>\]])*[>\]]|[<>\[\]])+)"
)
_MADE = re.compile(
    r"\b([^\W\d]\w*)\s*(?::=|=)\s*(?:await\s+|new\s+|&)*((?:[^\W\d]\w*\s*(?:\.|::)\s*)*[^\W\d]\w*)"
    r"\s*(?:<[^<>]*>\s*)?[({]"
)
_DECLARED = re.compile(r"\b([A-Z]\w*)(?:<[^<>]*>)?(?:\[\])?[\s*&]+([a-z_]\w*)\s*[=;,)]")
_GO_DECLARED = re.compile(r"\b([a-z_]\w*)\s+[*\[\]]*(?:[a-z]\w*\.)?([A-Z]\w*)\s*[,)]")
_AS = re.compile(r"\b([A-Z]\w*)\b(?:\([^()]*\))?\s+as\s+([^\W\d]\w*)")
_SAME = re.compile(r"\b(?:self|this)\s*(?:\.|->)\s*([^\W\d]\w*)\s*=\s*([^\W\d]\w*)\s*(?:;\s*)?$")
# What a type is wrapped in, and which says nothing of it.
_WRAPPER_NAMES = """
    Annotated Any Arc Array AsyncIterable AsyncIterator Awaitable Box Callable ClassVar Collection
    Coroutine Deque Dict Final FrozenSet Future Generator Generic HashMap IEnumerable Iterable Iterator
    List Literal Map Mapping MutableMapping Mutex Object Option Optional Partial Promise Rc Readonly
    Record RefCell Result Self Sequence Set String Task Tuple Type Union Vec
"""
WRAPPERS = frozenset(_WRAPPER_NAMES.split())
SELF = frozenset({"self", "this", "cls", "super", ""})


@dataclass(frozen=True, slots=True)
class Surroundings:
    nearness: Mapping[
        str, float
    ]  # of names near the cursor, and in the heads of its functions: 0 to 1
    receiver: str | None  # what stands before the dot at the cursor; empty where it has no name
    types: Mapping[str, str]  # of variables: the name of their class, or of what makes them
    functions: tuple[str, ...]  # that the cursor is in, the innermost first
    bases: tuple[str, ...]  # what the class around the cursor names in its head
    in_class: str  # its name, or empty
    visible: AbstractSet[str]  # all names that stand in the file

    @property
    def is_on_self(self) -> bool:
        return self.receiver is not None and self.receiver in SELF


def read_surroundings(
    lines: Sequence[str], cursor: Position, *, type_first: bool = True
) -> Surroundings:
    """`type_first`: the language may have `Type name`, or `name Type` as Go does."""
    nearness: dict[str, float] = {}
    for weight, line in _near_lines(lines, cursor):
        for name in IDENTIFIER.findall(code(line)):
            if name not in KEYWORDS:
                nearness[name] = max(weight, nearness.get(name, 0.0))
    functions: list[str] = []
    in_class, bases = "", tuple[str, ...]()
    for head in heads_around(lines, cursor):
        if head.is_type and not in_class:
            in_class, bases = head.name, head.bases
        elif not head.is_type:
            functions.append(head.name)
            for name in head.names:
                nearness[name] = max(_NEARNESS_OF_HEAD, nearness.get(name, 0.0))
    before = _near_cursor(lines, cursor)[0]
    short = [line[:MAX_READ_CHARACTERS] for line in lines]
    at_end = _RECEIVER_AT_END.search(before)
    return Surroundings(
        nearness=nearness,
        receiver=at_end[1] if at_end else "" if _ACCESS_AT_END.search(before) else None,
        types=_read_types(
            short[max(0, cursor.line - _TYPED_BEFORE) : cursor.line + _TYPED_BEHIND],
            nearness.keys(),
            type_first=type_first,
        ),
        functions=tuple(functions),
        bases=bases,
        in_class=in_class,
        visible=names_in(short),
    )


def _near_lines(lines: Sequence[str], cursor: Position) -> Iterator[tuple[float, str]]:
    first, last = max(0, cursor.line - _LINES_BEFORE), cursor.line + _LINES_BEHIND
    for number, line in enumerate(lines[first:last], first):
        distance = cursor.line - number
        if distance < 0:
            distance *= -_BEHIND_IS_FARTHER
        text = line if distance else "".join(_near_cursor(lines, cursor))
        yield math.exp(-distance / _LINES_PER_FACTOR_E), text


def _near_cursor(lines: Sequence[str], cursor: Position) -> tuple[str, str]:
    """The cursor's line before it and behind it; of a very long one, what is near."""
    line, column, reach = lines[cursor.line], cursor.column, MAX_READ_CHARACTERS // 2
    return line[max(0, column - reach) : column], line[column : column + reach]


def _read_types(
    lines: Sequence[str], of: AbstractSet[str], *, type_first: bool
) -> Mapping[str, str]:
    """The first that is said of each variable, whatever its scope."""
    types: dict[str, str] = {}
    same: dict[str, str] = {}
    for line, words in zip(lines, words_by_line(lines), strict=True):
        # To look for what no pattern can do without costs little, and most lines do not have it.
        if not (type_first or "=" in line or ":" in line[:-2] or " as " in line):
            continue
        if of.isdisjoint(words):
            continue
        for name, type_ in _read_bindings(line, type_first=type_first):
            if type_.startswith("="):
                same.setdefault(name, type_[1:])
            else:
                types.setdefault(name, type_)
    for name, other in same.items():
        if other in types:
            types.setdefault(name, types[other])
    return types


@functools.lru_cache(REMEMBERED_LINES)
def _read_bindings(line: str, *, type_first: bool) -> tuple[tuple[str, str], ...]:
    """(variable, type), and (variable, "=" and another variable)."""
    found: list[tuple[str, str]] = []
    if ":" in line:
        for name, annotation in _ANNOTATED.findall(line):
            types = [it for it in IDENTIFIER.findall(annotation) if it[0].isupper()]
            found += [(name, it) for it in types if it not in WRAPPERS][:1]
    if type_first and not line.islower():  # the name of a type begins with a capital letter
        found += [(name, type_) for type_, name in _DECLARED.findall(line)]
        found += _GO_DECLARED.findall(line)
    if "=" in line:
        found += [(name, _maker(path)) for name, path in _MADE.findall(line)]
        found += [(name, f"={other}") for name, other in _SAME.findall(line)]
    if " as " in line:
        found += [(name, type_) for type_, name in _AS.findall(line)]
    return tuple(found)


def _maker(path: str) -> str:
    """Of `models.Cart`, `Cart::new` and `Cart.open` the class; of what names none the function."""
    parts: list[str] = IDENTIFIER.findall(path)
    return next((it for it in reversed(parts) if it[0].isupper()), parts[-1])
