"""How much is wanted at a cursor: a line, a statement, or all of a block. Pure.

It is told from the text around, and where there is a syntax tree of it, from that: whether the cursor
is in a string or a comment that began far above, and whether a brace is a block's or a value's. The
tree of a line that is being typed is often broken, so that the text has its say first.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsp_server.completions.blocks import closes, continues, is_deeper, opens_block
from lsp_server.completions.lexis import (
    Scanner,
    code_of,
    indentation,
    lexis_of,
    scan,
    statement_start,
)
from lsp_server.completions.place import Surroundings
from lsp_server.workspace.documents import Position

if TYPE_CHECKING:
    import tree_sitter

    from lsp_server.workspace.parse import ParsedText

_BLOCKS = ("block", "body", "compound_statement", "declaration_list", "field_declaration_list")
_TEXTS = ("string", "heredoc", "nowdoc")
_LITERALS = ("literal_value", "initializer_list", "field_initializer_list", "enum_variant_list")


class Kind(enum.StrEnum):
    LINE = "one line"
    STATEMENT = "a statement"
    BLOCK = "a block"


@dataclass(frozen=True, slots=True)
class Extent:
    """`base` is the indentation, in columns, that the lines of a block or statement are told by.

    Of a block behind or below its opener that is the opener's, and they stand deeper; else it is that
    of the cursor's line, and they stand at least there.
    """

    kind: Kind
    why: str
    base: int = 0
    is_behind_opener: bool = False
    is_in_text: bool = False  # of a string or a comment

    def __str__(self) -> str:
        return f"{self.kind}: {self.why}"


class Surround(enum.Enum):
    """What a syntax tree says of a place."""

    TEXT = "in a string or a comment"
    BRACKETS = "within brackets"
    CODE = ""


def extent(around: Surroundings, look: Callable[[], Surround]) -> Extent:
    """What is wanted there. `look` asks the tree, see `surround`: where more than a line may be."""
    if around.rest.strip():
        return Extent(Kind.LINE, "text stands behind the cursor")
    before = scan(around.language, around.before[statement_start(around.before) :])
    if before.is_within_text or _is_in_text(around):
        return Extent(Kind.LINE, Surround.TEXT.value, is_in_text=True)
    is_blank = not around.own.strip()
    found = _on_blank_line(around, before) if is_blank else _behind_code(around, before)
    surrounding = look() if found.kind is not Kind.LINE else Surround.CODE
    if surrounding is Surround.TEXT:
        return Extent(Kind.LINE, Surround.TEXT.value, is_in_text=True)
    if surrounding is Surround.BRACKETS and is_blank:
        return Extent(Kind.LINE, Surround.BRACKETS.value)
    return found


def _behind_code(around: Surroundings, before: Scanner) -> Extent:
    code = code_of(around.language, around.own)
    brackets = before.opened[-1:] in ([")"], ["]"])
    base = indentation(around.own)
    if brackets or not opens_block(around.language, code):
        return Extent(Kind.LINE, "it goes on with what stands before the cursor")
    if _has_body(around, base):
        return Extent(Kind.LINE, "the block has its lines already")
    return Extent(Kind.BLOCK, "behind what opens one", base, is_behind_opener=True)


def _on_blank_line(around: Surroundings, before: Scanner) -> Extent:
    above = _last(around.before[:-1])
    code = code_of(around.language, above)
    base = indentation(around.own)
    in_brackets = before.opened[-1:] in ([")"], ["]"])
    is_value = before.opened[-1:] == ["}"] and code.endswith("{")
    opens = opens_block(around.language, code)
    if in_brackets or (is_value and not opens):
        return Extent(Kind.LINE, Surround.BRACKETS.value)
    if opens and not _has_body(around, indentation(above)):
        return Extent(Kind.BLOCK, "below what opens one", indentation(above), is_behind_opener=True)
    if base and not _goes_on(around, base):
        return Extent(Kind.BLOCK, "to the end of the one that the line is in", base)
    return Extent(Kind.STATEMENT, "on a line of its own", base)


def _is_in_text(around: Surroundings) -> bool:
    """By the cursor's own line alone: what stands above may have misled."""
    scanner = Scanner(lexis_of(around.language))
    scanner.feed(around.own)
    return scanner.is_within_text


def _has_body(around: Surroundings, opener: int) -> bool:
    following = next((line for line in around.behind[1:] if line.strip()), "")
    return bool(following) and is_deeper(following, opener) and not closes(following)


def _goes_on(around: Surroundings, base: int) -> bool:
    """Whether the block that a line is in has lines behind it."""
    following = next((line for line in around.behind[1:] if line.strip()), "")
    if not following or closes(following):
        return False
    is_else = indentation(following) == base and continues(around.language, following)
    return indentation(following) >= base and not is_else


def _last(lines: Sequence[str]) -> str:
    return next((line for line in reversed(lines) if line.strip()), "")


def surround(parsed: ParsedText | None, cursor: Position, own: str) -> Surround:
    """What a document's tree says of a cursor, with `own` its line up to there.

    In a text whose lines the parser counts otherwise it says nothing.
    """
    if parsed is None or (not own and not cursor.line):
        return Surround.CODE
    column = len(own.encode("utf-8", "replace"))
    end = (cursor.line, column)
    start = (cursor.line, max(column - 1, 0))
    node = parsed.tree.root_node.descendant_for_point_range(start, end)
    while node is not None:
        kind = node.type
        if kind in ("interpolation", "template_substitution", "ERROR"):
            break
        if _is_around_text(node, kind, end):
            return Surround.TEXT
        if node.start_point < end < node.end_point:
            if kind.endswith(_BLOCKS) and kind not in _LITERALS:
                break
            if _is_bracketed(node, end):
                return Surround.BRACKETS
        node = node.parent
    return Surround.CODE


def _is_around_text(node: tree_sitter.Node, kind: str, end: tuple[int, int]) -> bool:
    if "comment" in kind:
        is_of_line = node.start_point.row == node.end_point.row
        return node.start_point < end and (
            end < node.end_point or (is_of_line and end == node.end_point)
        )
    is_text = any(it in kind for it in _TEXTS) or kind == "char_literal"
    return is_text and node.start_point < end < node.end_point


def _is_bracketed(node: tree_sitter.Node, end: tuple[int, int]) -> bool:
    """Whether the place lies between the brackets that a node begins and ends with."""
    count = node.child_count
    if count < len("()"):
        return False
    first, last = node.child(0), node.child(count - 1)
    are_brackets = first.type in ("(", "[", "{") and last.type in (")", "]", "}")
    return are_brackets and first.end_point <= end <= last.start_point
