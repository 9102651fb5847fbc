"""The heads of what a cursor is in: of its functions and classes, whatever the language. Pure.

What contains a line is found by indent, as a syntax tree of the code that is being typed is seldom
whole; what a head is called, by the few ways in which languages write one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lsp_server.context.names import IDENTIFIER, KEYWORDS, MAX_READ_CHARACTERS, code
from lsp_server.workspace.documents import Position

_MAX_LEVELS = 32  # are looked through, from the innermost on
_MAX_LINES = 12  # of a head
_MAX_CHARACTERS = 2_000
_DEEPER_THAN_ALL = 1_000_000

_MODIFIERS = (
    r"(?:(?:export|default|declare|public|private|protected|internal|static|abstract|final|async"
    r"|override|virtual|sealed|partial|data|unsafe|inline|open|const|let|var)\s+"
    r"|pub(?:\([^()]*\))?\s+)*"
)
_TYPE = re.compile(
    _MODIFIERS + r"(?:(?P<impl>impl)(?:<[^{]*?>)?\s+(?:[^{]*?\bfor\s+)?"
    r"|(?:class|interface|struct|trait|enum|record|object)\s+(?:class\s+|struct\s+)?)"
    # A function that returns a `struct` is none.
    r"(?:\w+(?:::|\.))*(?P<name>[^\W\d]\w*)\b(?!\s*[*&]*\s*\w+\s*\()"
)
# The parentheses before a name are those of a receiver in Go.
_FUNCTION = re.compile(
    _MODIFIERS + r"(?:def|func|fn|fun|function)\b\s*\*?\s*(?:\([^()]*\)\s*)?(?:self\.)?"
    r"(?P<name>[^\W\d]\w*)(?=\s*(?:[(<\[?!:=]|$))"
)
_ARROW = re.compile(
    _MODIFIERS + r"(?P<name>[^\W\d]\w*)\s*(?::[^=]*)?=\s*(?:async\s*)?(?:function\b"
    r"|(?:<[^<>]*>\s*)?(?:\(.*\)|[^\W\d]\w*)\s*(?::[^=]*)?=>)"
)
# What stands before a method's parameters: its type, where it says one, and its name.
_BEFORE_PARAMETERS = re.compile(
    r"[\w\s.,:<>\[\]?*&~#]*?(?<![\w.])(?P<name>[^\W\d]\w*)\s*(?:<[^<>]*>\s*)?"
)
_FIRST_WORD = re.compile(r"^\w+")
_ARM_AT_END = re.compile(r"=>\s*\{$")  # of a `match`, or a function without a name
_STATEMENTS = """
    assert await case catch defer do elif else except finally for foreach if lock loop match new
    raise return select switch synchronized throw try unless until using when while with yield
"""
_NO_METHODS = frozenset(_STATEMENTS.split())
# What goes on with a head whose parentheses are closed.
_GOES_ON = re.compile(r"\s*(?:[{:)\]]|->|(?:extends|implements|permits|throws|where)\b)")
_CLOSED = (":", "{", ";")
# Stands as deep as what contains it, and begins nothing.
_NO_HEAD = re.compile(r"\s*(?:[)\]}{]|(?:public|private|protected)\s*:\s*$)|#")


@dataclass(frozen=True, slots=True)
class Head:
    """`names` are all that it names, in order, with the first of its own."""

    name: str
    is_type: bool
    names: tuple[str, ...]

    @property
    def bases(self) -> tuple[str, ...]:
        """What may be a class among the names; for what adds to a class also that class."""
        return tuple(name for name in self.names if name[0].isupper())


def heads_around(lines: Sequence[str], cursor: Position) -> Iterator[Head]:
    """The heads of what the cursor is in, the innermost first; also of a function that it is behind."""
    line = lines[cursor.line].rstrip("\r\n")
    own_head = _read_head(code(line[: min(cursor.column, MAX_READ_CHARACTERS)]).strip())
    if own_head is not None and not own_head.is_type:
        yield own_head
    # An editor indents a new line as deep as what is to be written there.
    indent = _indent(line) or (0 if line else _DEEPER_THAN_ALL)
    levels = 0
    for number in range(cursor.line - 1, -1, -1):
        line = lines[number]
        if indent == 0 or levels == _MAX_LEVELS:
            return
        if not line[:indent].strip():
            continue  # empty, or no less deep
        if _NO_HEAD.match(line) or not IDENTIFIER.search(code(line)):
            continue
        if (head := _read_head(_head_text(lines, number))) is not None:
            yield head
        indent = _indent(line)
        levels += 1


def _read_head(text: str) -> Head | None:
    if (found := _TYPE.match(text)) is not None:
        own = found["name"]
        names = [name for name in _names(text) if name != own]
        return Head(own, is_type=True, names=(own, *names) if found["impl"] else tuple(names))
    name = ""
    if (found := _FUNCTION.match(text)) is not None:
        name = found["name"]
    elif text.endswith("{") and _depth(text) == 0:
        name = _name_of_method(text)
    return Head(name, is_type=False, names=_names(text)) if name else None


def _name_of_method(text: str) -> str:
    """Of what no keyword says is a function: a function that is assigned, or a method."""
    found = _ARROW.match(text)
    if found is None and not _ARM_AT_END.search(text):
        before, parenthesis, _ = text.partition("(")
        found = _BEFORE_PARAMETERS.fullmatch(before) if parenthesis else None
        if not _NO_METHODS.isdisjoint(_FIRST_WORD.findall(text)[:1]):
            return ""
    return found["name"] if found is not None and found["name"] not in KEYWORDS else ""


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(it for it in IDENTIFIER.findall(text) if it not in KEYWORDS))


def _head_text(lines: Sequence[str], start: int) -> str:
    """A head from its line on to where its body begins."""
    text = ""
    for number in range(start, min(start + _MAX_LINES, len(lines))):
        text = f"{text} {code(lines[number]).strip()}".strip()
        if len(text) > _MAX_CHARACTERS:
            return text[:_MAX_CHARACTERS]
        if _depth(text) <= 0:
            following = lines[number + 1] if number + 1 < len(lines) else ""
            if text.endswith(_CLOSED) or not _GOES_ON.match(following):
                break
    return text


def _depth(text: str) -> int:
    """How many parentheses and brackets are open at the end."""
    return text.count("(") - text.count(")") + text.count("[") - text.count("]")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
