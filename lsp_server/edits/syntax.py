"""Which syntax errors a change brings: those of the text behind it that the text before had not.

By tree-sitter, in each language that is parsed here. An error is told by where it is: one in what did
not change is old where that was broken before; in what changed it is new, unless the same text was an
error there before. Where a change lies as a whole in a stretch that is broken, and was, nothing can
be told, and nothing is said to be new.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import tree_sitter

from lsp_server.workspace.findings import find_line_starts
from lsp_server.workspace.languages import load_grammar
from lsp_server.workspace.parse import MAX_PARSE_S, ParsedText, parse, point

_TOLD_CHARACTERS = 40
_PIECE_BYTES = 4096  # that are compared at once
_MAX_ERRORS = 1000  # that are compared; a text with more is not in its language


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    """An error in a text: where, in code points from 0, and what is wrong in words for a person."""

    line: int
    column: int
    message: str


class _Error(NamedTuple):
    start: int
    end: int
    kind: str  # what is missing; empty for what is there and should not be


class _Span(NamedTuple):
    """The bytes that differ: in the text before, and in the one behind."""

    start: int
    old_end: int
    new_end: int


def new_syntax_errors(
    language: str,
    before: str,
    after: str,
    known: ParsedText | None = None,
    *,
    max_parse_s: float = MAX_PARSE_S,
) -> tuple[SyntaxProblem, ...]:
    """The errors that `after` has and `before` had not, in the order of the text.

    With `known`, which is `before` with its tree (of the open document, say), what changed alone is
    parsed: about a millisecond for a line in a file of thousands. Without it both texts are.

    For a line that is being typed, which is hardly ever whole, `before` is to be the text without
    that line: then all that is wrong with it is new.

    Raises KeyError for a language that is not in `languages.LANGUAGES`, and `ParseGivenUp` for what
    takes longer: now and then an error costs a parser tens of milliseconds.
    """
    if before == after:
        return ()
    parser = tree_sitter.Parser(load_grammar(language).language)
    old_source, new_source = (text.encode("utf-8", "replace") for text in (before, after))
    span = _find_span(old_source, new_source)
    if known is not None and known.source == old_source:
        old = known.tree
        new = parse(
            parser,
            new_source,
            _edited(old, old_source, new_source, span),
            max_parse_s=max_parse_s,
        )
    else:
        new = parse(parser, new_source, max_parse_s=max_parse_s)
        if not new.root_node.has_error:
            return ()
        old = parse(parser, old_source, max_parse_s=max_parse_s)
    if not new.root_node.has_error:
        return ()
    known_errors = _OldErrors(_errors(old), old_source, span)
    found = _find_new(known_errors, _errors(new), new_source, span)
    return tuple(_describe(found, new_source, span.start))


def _find_span(old: bytes, new: bytes) -> _Span:
    """What lies between the longest beginning and the longest end that both share."""
    shorter = min(len(old), len(new))
    start = _count_common(old, new, shorter)
    rest = shorter - start
    # From where both texts are as far from their ends; read backwards in pieces, too.
    behind = 0
    while behind < rest:
        length = min(_PIECE_BYTES, rest - behind)
        one = old[len(old) - behind - length : len(old) - behind]
        other = new[len(new) - behind - length : len(new) - behind]
        if one != other:
            behind += _count_common(one[::-1], other[::-1], length)
            break
        behind += length
    return _Span(start, len(old) - behind, len(new) - behind)


def _count_common(one: bytes, other: bytes, limit: int) -> int:
    """How many bytes two texts begin with alike, up to a limit. Compared in C, piece by piece."""
    at = 0
    length = _PIECE_BYTES
    while at < limit:
        length = min(length, limit - at)
        if one[at : at + length] == other[at : at + length]:
            at += length
        elif length == 1:
            break
        else:
            length //= 2
    return at


def _edited(tree: tree_sitter.Tree, old: bytes, new: bytes, span: _Span) -> tree_sitter.Tree:
    edited = tree.copy()
    edited.edit(
        *span,
        point(old, span.start),
        point(old, span.old_end),
        point(new, span.new_end),
    )
    return edited


def _errors(tree: tree_sitter.Tree) -> Iterator[_Error]:
    """What a tree has of errors, in order; only what holds any is walked."""
    cursor = tree.walk()
    count = 0
    while True:
        node = cursor.node
        if node is not None and node.has_error:
            if node.is_missing or node.is_error:
                yield _Error(*node.byte_range, node.type if node.is_missing else "")
                count += 1
                if count == _MAX_ERRORS:
                    return
            if cursor.goto_first_child():
                continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


class _OldErrors:
    """The errors of the text before, with their places in the text behind."""

    def __init__(self, errors: Iterable[_Error], source: bytes, span: _Span) -> None:
        self.places: list[tuple[int, int]] = []  # in what did not change
        self.around: list[tuple[int, int]] = []  # of those that what changed lies in
        self.inside: Counter[tuple[str, bytes]] = Counter()
        shift = span.new_end - span.old_end
        for start, end, kind in errors:
            if start < span.start and end > span.old_end:
                self.around.append((start, end + shift))
                continue
            if end <= span.start or start < span.start:
                self.places.append((start, min(end, span.start)))
            elif start >= span.old_end or end > span.old_end:
                self.places.append((max(start, span.old_end) + shift, end + shift))
            if start < span.old_end and end > span.start:
                self.inside[kind, source[start:end]] += 1


def _find_new(
    old: _OldErrors, errors: Iterable[_Error], source: bytes, span: _Span
) -> Iterator[_Error]:
    for error in errors:
        if error.start < span.start and error.end > span.new_end:
            is_old = any(_meet(error, place) for place in old.around)
        elif error.start >= span.new_end or error.end <= span.start:
            is_old = any(_meet(error, place) for place in (*old.places, *old.around))
        else:
            text = (error.kind, source[error.start : error.end])
            is_old = old.inside[text] > 0
            old.inside[text] -= 1
        if not is_old:
            yield error


def _meet(error: _Error, place: tuple[int, int]) -> bool:
    """Whether they share a byte; what is missing has none, and is met where it touches."""
    start, end = place
    if start == end or error.start == error.end:
        return start <= error.end and error.start <= end
    return start < error.end and error.start < end


def _describe(errors: Iterable[_Error], source: bytes, changed: int) -> Iterator[SyntaxProblem]:
    starts = find_line_starts(source)
    changed_line = starts[bisect_right(starts, changed) - 1]
    for error in errors:
        # One may take in the whole file, from what nobody has touched on.
        start = max(error.start, changed_line) if error.end > changed_line else error.start
        line = bisect_right(starts, start) - 1
        column = len(source[starts[line] : start].decode())
        if error.kind:
            message = f"{error.kind.replace('_', ' ')!r} is missing"
        else:
            text = source[start : error.end].decode("utf-8", "replace").strip()
            text = text.partition("\n")[0].rstrip("\r")
            if len(text) > _TOLD_CHARACTERS:
                text = text[: _TOLD_CHARACTERS - 1] + "…"
            message = f"{text!r} cannot stand here" if text else "something is missing"
        yield SyntaxProblem(line, column, message)
