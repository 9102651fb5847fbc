"""What a query found in a source, in bytes; and the outline that it makes.

Pure: nothing here knows of trees.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import NamedTuple

from lsp_server.workspace.outline import (
    Import,
    ImportedName,
    Outline,
    Reference,
    ReferenceKind,
    Symbol,
    SymbolKind,
)

VALUES = frozenset({SymbolKind.FIELD, SymbolKind.VARIABLE})
_CLASSES = frozenset({SymbolKind.CLASS, SymbolKind.INTERFACE, SymbolKind.ENUM})
_FUNCTIONS = frozenset({SymbolKind.FUNCTION, SymbolKind.METHOD})


class FoundSymbol(NamedTuple):
    """A definition, with offsets in bytes; its signature lies between `head` and `head_end`."""

    start: int
    end: int
    name_start: int
    head: int
    head_end: int
    kind: SymbolKind
    name: str
    signature: str
    doc: str


# Where it starts, its name and its kind. Plain, since there are so many.
FoundReference = tuple[int, str, ReferenceKind]


class FoundImport(NamedTuple):
    start: int
    module: str
    names: tuple[ImportedName, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What a query found, each kind in the order of starts; an enclosing symbol is before others."""

    symbols: list[FoundSymbol]
    references: list[FoundReference]
    imports: list[FoundImport]


class Nesting(NamedTuple):
    """Symbols with their parents; and from which offsets on which symbol is the innermost."""

    symbols: tuple[Symbol, ...]
    scope_starts: list[int]
    scopes: list[int | None]


def find_line_starts(source: bytes) -> list[int]:
    """Where lines start, in bytes; they end where the language server protocol says they end."""
    starts = [0, *accumulate(map(len, source.splitlines(keepends=True)))]
    if len(starts) > 1 and not source.endswith((b"\n", b"\r")):
        starts.pop()
    return starts


def mend_line_starts(
    starts: list[int], source: bytes, start: int, old_end: int, shift: int
) -> list[int]:
    r"""Where lines start after an edit, at the cost of a copy and of the lines that it touched.

    Line ends may join across an edit (`\\r` and `\\n`), so that a line around it is looked at too.
    """
    first = max(bisect_right(starts, start) - 2, 0)
    behind = bisect_right(starts, old_end) + 1
    if behind >= len(starts):
        own = find_line_starts(source[starts[first] :])
    else:
        own = find_line_starts(source[starts[first] : starts[behind] + shift])[:-1]
    offset = starts[first]
    return [
        *starts[:first],
        *(at + offset for at in own),
        *(at + shift for at in starts[behind:]),
    ]


def assemble(
    language: str,
    source: bytes,
    findings: Findings,
    line_starts: Sequence[int],
    *,
    has_errors: bool,
    known: Sequence[Reference] = (),
) -> Outline:
    """The outline of what was found in a source; `known` are its first references, if at hand."""
    nesting = nest(findings.symbols, source, line_starts)
    scope_starts, scopes = nesting.scope_starts, nesting.scopes
    references = list(known)
    place = _Places(source, line_starts).place
    is_ascii = source.isascii()
    for start, name, kind in islice(findings.references, len(known), None):
        if is_ascii:  # the call would cost as much as all the rest
            line = bisect_right(line_starts, start) - 1
            column = start - line_starts[line]
        else:
            line, column = place(start)
        scope = scopes[bisect_right(scope_starts, start) - 1]
        references.append(Reference(name, kind, line, column, scope))
    imports = place_imports(findings.imports, line_starts)
    return Outline(language, nesting.symbols, tuple(references), imports, has_errors)


def place_imports(imports: Sequence[FoundImport], line_starts: Sequence[int]) -> tuple[Import, ...]:
    return tuple(
        Import(module, names, bisect_right(line_starts, start) - 1)
        for start, module, names in imports
    )


def references_to(
    name: str, source: bytes, findings: Findings, line_starts: Sequence[int], nesting: Nesting
) -> list[Reference]:
    """The uses of one name, in the order of the file."""
    places = _Places(source, line_starts)
    references = []
    for start, found, kind in findings.references:
        if found == name:
            scope = nesting.scopes[bisect_right(nesting.scope_starts, start) - 1]
            references.append(Reference(name, kind, *places.place(start), scope))
    return references


def nest(found: Sequence[FoundSymbol], source: bytes, line_starts: Sequence[int]) -> Nesting:
    symbols: list[Symbol] = []
    scope_starts = [0]
    scopes: list[int | None] = [None]
    around: list[tuple[int, int, int]] = []  # start, end and index of what is still open
    values: set[tuple[int | None, str]] = set()
    is_ascii = source.isascii()
    place = _Places(source, line_starts).place
    for start, end, name_start, _, _, kind, name, signature, doc in found:
        while around and around[-1][1] <= start:
            scope_starts.append(around.pop()[1])
            scopes.append(around[-1][2] if around else None)
        if around and around[-1][:2] == (start, end):
            around.pop()  # a sibling: `a, b = 1, 2`
        parent = around[-1][2] if around else None
        if parent is not None:
            kind, parent = _fit_kind(kind, parent, symbols)  # noqa: PLW2901
        if kind in VALUES:
            if (parent, name) in values:
                continue  # assigned once more
            values.add((parent, name))
        index = len(symbols)
        first_line = bisect_right(line_starts, start) - 1
        last_line = bisect_right(line_starts, max(end - 1, start)) - 1
        if is_ascii:  # the call would cost as much as the rest
            name_line = bisect_right(line_starts, name_start) - 1
            column = name_start - line_starts[name_line]
        else:
            name_line, column = place(name_start)
        symbols.append(
            Symbol(name, kind, signature, doc, first_line, last_line + 1, name_line, column, parent)
        )
        around.append((start, end, index))
        scope_starts.append(start)
        scopes.append(index)
    while around:
        scope_starts.append(around.pop()[1])
        scopes.append(around[-1][2] if around else None)
    return Nesting(tuple(symbols), scope_starts, scopes)


def _fit_kind(
    kind: SymbolKind, parent: int, symbols: Sequence[Symbol]
) -> tuple[SymbolKind, int | None]:
    """What a definition is where it stands. A field that a method defines is its class's."""
    around = symbols[parent].kind
    if around in _CLASSES:
        if kind is SymbolKind.FUNCTION:
            return SymbolKind.METHOD, parent
        if kind is SymbolKind.VARIABLE:
            return SymbolKind.FIELD, parent
    elif kind is SymbolKind.FIELD and around in _FUNCTIONS:
        return kind, symbols[parent].parent
    return kind, parent


class _Places:
    """Lines and columns of offsets. Offsets that ascend cost what lies between them."""

    def __init__(self, source: bytes, line_starts: Sequence[int]) -> None:
        self._source = source
        self._line_starts = line_starts
        self._is_ascii = source.isascii()
        self._known = (-1, 0, 0)  # line, offset and column of the last answer

    def place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._line_starts, offset) - 1
        if self._is_ascii:
            return line, offset - self._line_starts[line]
        known_line, start, column = self._known
        if known_line != line or start > offset:
            start, column = self._line_starts[line], 0
        column += len(self._source[start:offset].decode())
        self._known = (line, offset, column)
        return line, column
