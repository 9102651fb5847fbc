"""Which code a question is about: by the names in it, and by its words in the full text. Pure.

The same serves a model's context, its search tool, and the answers of a machine without one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lsp_server.edits.tests_of import is_test
from lsp_server.workspace.outline import Symbol, SymbolKind, named_before
from lsp_server.workspace.snapshot import Snapshot, SymbolAt
from lsp_server.workspace.words import words

_RUN = re.compile(r"[\w$./-]*[\w$]")
_NAME = re.compile(r"[A-Za-z_$][\w$]*")
_MEMBER = re.compile(r"(?<![\w.:#])([A-Za-z_]\w*)(?:\.|::|#)([A-Za-z_]\w*)")
_CODE_LIKE = re.compile(r"_|[a-z0-9][A-Z]|\d")
_STOPPED = (
    "a about after again all also an and any are as at be because been before being between both but "
    "by can code could do does doing done each explain file files find first for from function get "
    "give had has have how i if in into is it its just like make makes me more most my need no not "
    "of off on once one only or other our out please project repository return same see should show "
    "so some such tell than that the their them then there these they this those through to under "
    "up us use used uses using very want was way we were what when where which while who why will "
    "with work works would write you your"
)
_STOP_WORDS = frozenset(_STOPPED.split())
_MIN_NAME_CHARACTERS = 3
MAX_SPAN_LINES = 80  # of a symbol that is shown whole
_AROUND_LINES = 12
_MAX_NAMES = 12
_MIN_WORDS = 2  # of a question, that a place has: one alone stands anywhere
_MAX_DEFINITIONS = 6  # of one name, before it says too little
_CONTAINERS = frozenset({SymbolKind.CLASS, SymbolKind.INTERFACE, SymbolKind.ENUM})
_TEST_WEIGHT = 0.6
_NAMED_FILE, _CODE_NAME, _PLAIN_NAME, _TEXT = 12.0, 10.0, 4.0, 3.0


@dataclass(frozen=True, slots=True)
class Hit:
    """Lines of a file, from 0, the end exclusive; `label` names them, `why` says what they match."""

    path: str
    first_line: int
    end_line: int
    label: str
    why: str
    score: float
    symbol: str = ""

    def overlaps(self, other: Hit) -> bool:
        return (
            self.path == other.path
            and self.first_line < other.end_line
            and other.first_line < self.end_line
        )


def find(snapshot: Snapshot, question: str, limit: int, *, is_search: bool = True) -> list[Hit]:
    """The best first, no two on the same lines. A question that names nothing finds nothing.

    Where nobody searches, and a question is only looked at for what it might be about, a single
    word that may stand anywhere finds no text.
    """
    hits = [*_named_files(snapshot, question), *_definitions(snapshot, question)]
    hits += _text(snapshot, question, 2 * limit, is_search=is_search)
    asks_for_tests = "test" in question.lower()
    weighted = [
        (it.score * (_TEST_WEIGHT if is_test(it.path) and not asks_for_tests else 1.0), it)
        for it in hits
    ]
    weighted.sort(key=lambda it: (-it[0], it[1].path, it[1].first_line))
    found: list[Hit] = []
    for _, hit in weighted:
        if not any(hit.overlaps(other) for other in found):
            found.append(hit)
            if len(found) == limit:
                break
    return found


def find_uses(snapshot: Snapshot, name: str, limit: int) -> list[Hit]:
    """Lines that use a name, one for each symbol that does, in the order of paths."""
    found: list[Hit] = []
    seen: set[tuple[str, int | None]] = set()
    for use in snapshot.references(name, 8 * limit):
        place = use.path, use.reference.scope
        if place in seen:
            continue
        seen.add(place)
        line = use.reference.line
        scope = _innermost(snapshot.symbols(use.path), line)
        label = f"{scope.name} in {use.path}" if scope is not None else use.path
        found.append(Hit(use.path, max(line - 2, 0), line + 3, label, f"uses {name}", 1.0, name))
        if len(found) == limit:
            break
    return found


def question_words(question: str) -> list[str]:
    """The words that tell something, each once, in lower case."""
    found = (it for it in words(question) if len(it) > 1 and it not in _STOP_WORDS)
    return list(dict.fromkeys(found))


def question_names(question: str) -> list[str]:
    """What in a question may be a name in code: those that look like one first."""
    found = [
        it
        for it in _NAME.findall(question)
        if it.lower() not in _STOP_WORDS and len(it) >= _MIN_NAME_CHARACTERS
    ]
    found.sort(key=lambda it: not _CODE_LIKE.search(it))
    return list(dict.fromkeys(found))[:_MAX_NAMES]


def _named_files(snapshot: Snapshot, question: str) -> list[Hit]:
    hits = []
    for run in dict.fromkeys(_RUN.findall(question)):
        name = run.rpartition("/")[2]
        if "." not in name:
            continue
        paths = [it for it in snapshot.named(name) if it == run or it.endswith(f"/{run}")]
        if 0 < len(paths) <= _MAX_DEFINITIONS:
            for path in paths:
                end = min(len(snapshot.lines(path)), MAX_SPAN_LINES)
                hits.append(Hit(path, 0, end, path, f"is named {name}", _NAMED_FILE))
    return hits


def _definitions(snapshot: Snapshot, question: str) -> list[Hit]:
    hits = []
    owners = {name: owner for owner, name in _MEMBER.findall(question)}
    for name in question_names(question):
        found = snapshot.definitions(name)
        is_plain = _CODE_LIKE.search(name) is None
        if name in owners:
            own = [it for it in found if owners[name] in _containers(snapshot, it)]
            found, is_plain = own or found, is_plain and not own
        elif is_plain:  # a word of prose is seldom a field
            found = [it for it in found if it.symbol.kind is not SymbolKind.FIELD]
        if not found or len(found) > 4 * _MAX_DEFINITIONS:
            continue
        weight = _PLAIN_NAME if is_plain else _CODE_NAME
        weight /= max(1.0, len(found) / 2)
        for at in found[:_MAX_DEFINITIONS]:
            symbol = at.symbol
            bonus = 1.5 if symbol.kind in _CONTAINERS or symbol.parent is None else 1.0
            end = min(symbol.end_line, symbol.start_line + MAX_SPAN_LINES)
            hits.append(
                Hit(
                    *(at.path, symbol.start_line, end, f"{name} in {at.path}"),
                    *(f"defines {name}", weight * bonus, name),
                )
            )
    return hits


def _containers(snapshot: Snapshot, found: SymbolAt) -> Iterator[str]:
    """What a definition may be called a member of: its class, or its module."""
    symbol = found.symbol
    if symbol.parent is not None:
        yield snapshot.symbols(found.path)[symbol.parent].name
    else:
        yield from named_before(symbol)
        yield found.path.rpartition("/")[2].partition(".")[0]


def _text(snapshot: Snapshot, question: str, limit: int, *, is_search: bool) -> list[Hit]:
    wanted = question_words(question)
    least = min(_MIN_WORDS, len(wanted)) if is_search else _MIN_WORDS
    if not wanted or least > len(wanted):
        return []
    matches = snapshot.search_text(wanted, limit)
    best = max((it.score for it in matches), default=0.0)
    hits = []
    for match in matches:
        lines = snapshot.lines(match.path)
        line, has = _best_line(lines, match.start_line, match.end_line, wanted)
        if line is None or len(has) < least:
            continue
        scope = _innermost(snapshot.symbols(match.path), line)
        first, end = max(line - _AROUND_LINES, 0), min(line + _AROUND_LINES + 1, len(lines))
        label, symbol = f"{match.path}:{line + 1}", ""
        if scope is not None:
            label, symbol = f"{scope.name} in {match.path}", scope.name
            if scope.end_line - scope.start_line <= MAX_SPAN_LINES:
                first, end = scope.start_line, scope.end_line
        score = _TEXT * match.score / best if best > 0 else 0.0
        why = f"has {', '.join(has[:4])}"
        hits.append(Hit(match.path, first, end, label, why, score, symbol))
    return hits


def _best_line(
    lines: Sequence[str], first: int, end: int, wanted: Sequence[str]
) -> tuple[int | None, list[str]]:
    """The line of a window that has most of the words, and which of them the window has."""
    looked_for = frozenset(wanted)
    best, most = None, 0
    window: set[str] = set()
    for number in range(first, min(end, len(lines))):
        has = looked_for.intersection(words(lines[number]))
        window |= has
        if len(has) > most:
            best, most = number, len(has)
    return best, [it for it in wanted if it in window]


def _innermost(symbols: Sequence[Symbol], line: int) -> Symbol | None:
    found = None
    for symbol in symbols:
        if symbol.start_line <= line < symbol.end_line and symbol.kind not in (
            SymbolKind.FIELD,
            SymbolKind.VARIABLE,
        ):
            found = symbol  # parents come before children
    return found
