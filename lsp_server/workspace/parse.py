"""From source text to an outline: one parse, one pass of a query, and no walk over the tree.

A `Finding` is what a query found, in bytes of the source; `assemble` makes the outline of all that
was found. Both are used for whole files here, and for parts of open ones in `parsed_document.py`.

Bounds: a source of more than `MAX_SOURCE_BYTES`, or a parse of more than `MAX_PARSE_S`, gives an
outline with nothing but its `problem`.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import tree_sitter

from lsp_server.workspace.headlines import (
    read_comment_above,
    read_docstring,
    write_signature,
)
from lsp_server.workspace.import_statements import read_import
from lsp_server.workspace.languages import Grammar, load_grammar
from lsp_server.workspace.outline import (
    Import,
    ImportedName,
    Outline,
    Reference,
    ReferenceKind,
    Symbol,
    SymbolKind,
)

MAX_SOURCE_BYTES = 4 * 1024 * 1024
MAX_PARSE_S = 10.0
_CHUNK_BYTES = 64 * 1024

_BOM = b"\xef\xbb\xbf"
_CLASSES = frozenset({SymbolKind.CLASS, SymbolKind.INTERFACE, SymbolKind.ENUM})
_FUNCTIONS = frozenset({SymbolKind.FUNCTION, SymbolKind.METHOD})
_VALUES = frozenset({SymbolKind.FIELD, SymbolKind.VARIABLE})
# What stands before a definition as its sibling, and belongs to it.
_LEADING = frozenset({"attribute_item", "decorator"})
_WITH_LEADING = frozenset({"rust", "typescript", "typescriptreact"})
# What a definition begins with, and its signature does not.
_ANNOTATIONS = frozenset({"annotation", "attribute_list", "decorator", "marker_annotation"})
_WITH_ANNOTATIONS = frozenset(
    {"csharp", "java", "javascript", "javascriptreact", "php", "typescript", "typescriptreact"}
)


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


class ParseGivenUp(Exception):
    """A parse took longer than it may."""


def outline(source: bytes, language: str, max_parse_s: float = MAX_PARSE_S) -> Outline:
    """The outline of a file. What is not UTF-8 counts as replacement characters.

    Raises KeyError for a language that is not in `languages.LANGUAGES`.
    """
    grammar = load_grammar(language)
    if len(source) > MAX_SOURCE_BYTES:
        megabytes = MAX_SOURCE_BYTES // 1024 // 1024
        return Outline(
            language,
            (),
            (),
            (),
            has_errors=True,
            problem=f"the file is larger than {megabytes} MiB",
        )
    source = normalize(source)
    try:
        tree = parse(tree_sitter.Parser(grammar.language), source, max_parse_s=max_parse_s)
    except ParseGivenUp as problem:
        return Outline(language, (), (), (), has_errors=True, problem=str(problem))
    return assemble(
        grammar,
        source,
        find(grammar, tree, source),
        find_line_starts(source),
        has_errors=tree.root_node.has_error,
    )


def normalize(source: bytes) -> bytes:
    """The source in valid UTF-8, without a byte order mark."""
    source = source.removeprefix(_BOM)
    if not source.isascii():
        try:
            source.decode()
        except UnicodeDecodeError:
            return source.decode("utf-8", "replace").encode()
    return source


def parse(
    parser: tree_sitter.Parser,
    source: bytes,
    old: tree_sitter.Tree | None = None,
    *,
    max_parse_s: float = MAX_PARSE_S,
) -> tree_sitter.Tree:
    """Parses, and makes use of an edited old tree. Raises `ParseGivenUp`."""
    deadline = time.monotonic() + max_parse_s

    def read(offset: int, _: tree_sitter.Point) -> bytes:
        return source[offset : offset + _CHUNK_BYTES]

    def is_late(_offset: int, _has_error: bool) -> bool:  # noqa: FBT001  tree-sitter's signature
        return time.monotonic() > deadline

    try:
        if old is None:
            return parser.parse(read, progress_callback=is_late)
        return parser.parse(read, old, progress_callback=is_late)
    except ValueError as error:
        parser.reset()
        raise ParseGivenUp(f"parsing took more than {max_parse_s:g} s") from error


def find(
    grammar: Grammar,
    tree: tree_sitter.Tree,
    source: bytes,
    extent: tuple[int, int] | None = None,
) -> Findings:
    """Asks the language's query; with an extent, for what starts in these bytes alone."""
    cursor = tree_sitter.QueryCursor(grammar.query)
    if extent is not None:
        cursor.set_byte_range(extent[0], max(extent[1], extent[0] + 1))  # (0, 0) is no bound
    nodes: dict[int, _Definition] = {}
    wrappers: list[tuple[int, int, int]] = []
    uses: list[tuple[tuple[int, int], int]] = []
    imports: list[FoundImport] = []
    roles = grammar.roles
    for pattern, captures in cursor.matches(tree.root_node):
        capture, symbol_kind, reference_kind, guard = roles[pattern]
        if reference_kind is not None:
            uses.append((captures[capture][0].byte_range, pattern))
            continue
        if guard and not _passes(guard, captures["guard"], source):
            continue
        node = captures[capture][0]
        if symbol_kind is not None:
            name = captures["name"][0].byte_range
            if name[0] not in nodes or pattern < nodes[name[0]].pattern:
                body = captures.get("body")
                body_start = body[0].start_byte if body else -1
                nodes[name[0]] = _Definition(pattern, symbol_kind, node, name[1], body_start)
        elif capture == "wrapper":
            wrappers.append((captures["name"][0].start_byte, *node.byte_range))
        else:
            found = read_import(node, source, grammar.name)
            imports += [FoundImport(node.start_byte, module, names) for module, names in found]
    extents = _wrap(grammar, nodes, wrappers)
    first, last = extent or (0, len(source) + 1)
    symbols = [
        _describe(source, grammar.name, name_start, definition, extents[name_start])
        for name_start, definition in nodes.items()
        if first <= extents[name_start][0] < last and definition.name_end > name_start
    ]
    symbols.sort(key=_by_start)
    references = _name(source, grammar, [use for use in uses if first <= use[0][0] < last], nodes)
    imports = [found for found in imports if first <= found.start < last]
    imports.sort(key=_by_import_start)
    return Findings(symbols, references, imports)


def _name(
    source: bytes,
    grammar: Grammar,
    uses: list[tuple[tuple[int, int], int]],
    definitions: Container[int],
) -> list[FoundReference]:
    """References in order, each once, and none where a name is defined."""
    uses.sort()
    kinds = [role.reference or ReferenceKind.OTHER for role in grammar.roles]
    text = source.decode() if source.isascii() else None
    references: list[FoundReference] = []
    previous = -1
    for (start, end), pattern in uses:
        if start != previous and start < end and start not in definitions:
            name = source[start:end].decode() if text is None else text[start:end]
            references.append((start, name, kinds[pattern]))
        previous = start
    return references


def _passes(guard: bytes, nodes: Iterable[tree_sitter.Node], source: bytes) -> bool:
    return guard == b" ".join([source[slice(*node.byte_range)] for node in nodes])


class _Definition(NamedTuple):
    pattern: int
    kind: SymbolKind
    node: tree_sitter.Node
    name_end: int
    body: int  # -1 where it has none


def _by_start(symbol: FoundSymbol) -> tuple[int, int, int]:
    return (symbol.start, -symbol.end, symbol.name_start)


def _by_import_start(found: FoundImport) -> int:
    return found.start


def _wrap(
    grammar: Grammar, nodes: dict[int, _Definition], wrappers: Iterable[tuple[int, int, int]]
) -> dict[int, tuple[int, int]]:
    """The extent of each definition, by the start of its name, with all that belongs to it."""
    extents = {start: definition.node.byte_range for start, definition in nodes.items()}
    for name_start, start, end in wrappers:
        if name_start in extents:
            inner = extents[name_start]
            extents[name_start] = (min(start, inner[0]), max(end, inner[1]))
    if grammar.name in _WITH_LEADING:
        for name_start, definition in nodes.items():
            before = definition.node.prev_named_sibling
            while before is not None and (before.type in _LEADING or before.is_extra):
                start, end = extents[name_start]
                if not before.is_extra:  # a comment may stand between
                    extents[name_start] = (min(before.start_byte, start), end)
                before = before.prev_named_sibling
    return extents


def _describe(
    source: bytes,
    language: str,
    name_start: int,
    definition: _Definition,
    extent: tuple[int, int],
) -> FoundSymbol:
    _, kind, node, name_end, body = definition
    name = source[name_start:name_end]
    if kind is SymbolKind.METHOD and b"::" in name:  # C++: defined outside of its class
        name_start += name.rindex(b"::") + 2
        name = source[name_start:name_end]
    head = _find_head(node, language)
    head_end = node.end_byte if body < 0 else body
    symbol = FoundSymbol(
        *extent, name_start, head, head_end, kind, name.decode().strip("\"'`:$"), "", ""
    )
    return describe_again(source, language, symbol)


def describe_again(source: bytes, language: str, symbol: FoundSymbol) -> FoundSymbol:
    """The same symbol, with its signature and its documentation read anew."""
    start, end, name_start, head, head_end, kind, name, _, _ = symbol
    is_value = kind in _VALUES
    signature = write_signature(source, head, head_end, language, is_value=is_value)
    doc = "" if is_value or language != "python" else read_docstring(source, head_end)
    doc = doc or read_comment_above(source, start, language)
    if not doc and head != start:  # between its attributes
        doc = read_comment_above(source, head, language)
    return FoundSymbol(start, end, name_start, head, head_end, kind, name, signature, doc)


def _find_head(node: tree_sitter.Node, language: str) -> int:
    """Where a definition starts behind the annotations that the grammar puts into it."""
    if language not in _WITH_ANNOTATIONS:
        return node.start_byte
    for child in node.children:
        if child.type == "modifiers":  # Java's, with the annotations among them
            for modifier in child.children:
                if modifier.type not in _ANNOTATIONS:
                    return modifier.start_byte
        elif child.type not in _ANNOTATIONS:
            return child.start_byte
    return node.start_byte


def find_line_starts(source: bytes) -> list[int]:
    """Where lines start, in bytes; they end where the language server protocol says they end."""
    starts = [0, *accumulate(map(len, source.splitlines(keepends=True)))]
    if len(starts) > 1 and not source.endswith((b"\n", b"\r")):
        starts.pop()
    return starts


def assemble(
    grammar: Grammar,
    source: bytes,
    findings: Findings,
    line_starts: Sequence[int],
    *,
    has_errors: bool,
) -> Outline:
    """The outline of what was found in a source."""
    symbols, scope_starts, scopes = _nest(findings.symbols, source, line_starts)
    references: list[Reference] = []
    place = _Places(source, line_starts).place
    is_ascii = source.isascii()
    for start, name, kind in findings.references:
        if is_ascii:  # the call would cost as much as all the rest
            line = bisect_right(line_starts, start) - 1
            column = start - line_starts[line]
        else:
            line, column = place(start)
        scope = scopes[bisect_right(scope_starts, start) - 1]
        references.append(Reference(name, kind, line, column, scope))
    imports = tuple(
        Import(module, names, bisect_right(line_starts, start) - 1)
        for start, module, names in findings.imports
    )
    return Outline(grammar.name, tuple(symbols), tuple(references), imports, has_errors)


def _nest(
    found: Sequence[FoundSymbol], source: bytes, line_starts: Sequence[int]
) -> tuple[list[Symbol], list[int], list[int | None]]:
    """Symbols with their parents; and at which offsets which symbol begins to be the innermost."""
    symbols: list[Symbol] = []
    scope_starts = [0]
    scopes: list[int | None] = [None]
    around: list[tuple[int, int, int]] = []  # start, end and index of what is still open
    values: set[tuple[int | None, str]] = set()
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
        if kind in _VALUES:
            if (parent, name) in values:
                continue  # assigned once more
            values.add((parent, name))
        index = len(symbols)
        first_line = bisect_right(line_starts, start) - 1
        last_line = bisect_right(line_starts, max(end - 1, start)) - 1
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
    return symbols, scope_starts, scopes


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
