"""From source text to an outline: one parse, one pass of a query, and no walk over the tree.

The same is used for whole files here, and for parts of open ones in `parsed_document.py`.

Bounds: a source of more than `MAX_SOURCE_BYTES`, a parse of more than `MAX_PARSE_S`, or one that
leaves tens of thousands of loose tokens, gives an outline with nothing but its `problem`.
"""

from __future__ import annotations

import time
from collections.abc import Container, Iterable
from typing import NamedTuple

import tree_sitter

from lsp_server.workspace.findings import (
    VALUES,
    Findings,
    FoundImport,
    FoundReference,
    FoundSymbol,
    assemble,
    find_line_starts,
)
from lsp_server.workspace.headlines import (
    read_comment_above,
    read_docstring,
    write_signature,
)
from lsp_server.workspace.import_statements import read_import
from lsp_server.workspace.languages import Grammar, load_grammar
from lsp_server.workspace.outline import Outline, ReferenceKind, SymbolKind
from lsp_server.workspace.pieces import reading

MAX_SOURCE_BYTES = 4 * 1024 * 1024
MAX_PARSE_S = 10.0
_MAX_LOOSE_TOKENS = 20_000
_CHUNK_BYTES = 64 * 1024

_BOM = b"\xef\xbb\xbf"
# What stands before a definition as its sibling, and belongs to it.
_LEADING = frozenset({"attribute_item", "decorator"})
_WITH_LEADING = frozenset({"rust", "typescript", "typescriptreact"})
# What a definition begins with, and its signature does not.
_ANNOTATIONS = frozenset({"annotation", "attribute_list", "decorator", "marker_annotation"})
_WITH_ANNOTATIONS = frozenset(
    {"csharp", "java", "javascript", "javascriptreact", "php", "typescript", "typescriptreact"}
)


class ParseGivenUp(Exception):
    """A parse took longer than it may, or what comes of it would."""


class ParsedText(NamedTuple):
    """A text in UTF-8, and its tree."""

    source: bytes
    tree: tree_sitter.Tree


def outline(source: bytes, language: str, max_parse_s: float | None = MAX_PARSE_S) -> Outline:
    """The outline of a file. What is not UTF-8 counts as replacement characters.

    Without `max_parse_s` it may take for ever: somebody else sees to that. Raises KeyError for a
    language that is not in `languages.LANGUAGES`.
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
        language,
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
    max_parse_s: float | None = MAX_PARSE_S,
) -> tree_sitter.Tree:
    """Parses, and makes use of an edited old tree. Raises `ParseGivenUp`.

    To be asked whether it is late costs a parse half as much again: without `max_parse_s` it is not.
    """
    if max_parse_s is None:
        tree = parser.parse(source, old) if old is not None else parser.parse(source)
        return _without_rubble(tree)
    deadline = time.monotonic() + max_parse_s
    text = memoryview(source)

    def is_late(_offset: int, _has_error: bool) -> bool:  # noqa: FBT001  tree-sitter's signature
        return time.monotonic() > deadline

    try:
        with reading(lambda offset: text[offset : offset + _CHUNK_BYTES]) as read:
            if old is None:
                tree = parser.parse(read, progress_callback=is_late)
            else:
                tree = parser.parse(read, old, progress_callback=is_late)
    except ValueError as error:
        parser.reset()
        raise ParseGivenUp(f"parsing took more than {max_parse_s:g} s") from error
    return _without_rubble(tree)


def _without_rubble(tree: tree_sitter.Tree) -> tree_sitter.Tree:
    if _has_rubble(tree.root_node):
        raise ParseGivenUp("the file is not in its language")
    return tree


def point(source: bytes, offset: int) -> tuple[int, int]:
    """Row and column in bytes, with rows as the parser counts them."""
    return source.count(b"\n", 0, offset), offset - (source.rfind(b"\n", 0, offset) + 1)


def _has_rubble(root: tree_sitter.Node) -> bool:
    """Whether a query would take too long: at each token it looks for a named sibling behind it."""
    if not root.has_error:
        return False
    broken = [root, *(child for child in root.children if child.is_error)]
    return any(node.child_count - node.named_child_count > _MAX_LOOSE_TOKENS for node in broken)


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
    if extent is not None:
        uses = [use for use in uses if first <= use[0][0] < last]
    references = _name(source, grammar, uses, nodes)
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
    text = name.decode().strip("\"'`:$")
    signature, doc = describe(source, language, kind, start=extent[0], head=head, head_end=head_end)
    return FoundSymbol(*extent, name_start, head, head_end, kind, text, signature, doc)


def describe(
    source: bytes, language: str, kind: SymbolKind, *, start: int, head: int, head_end: int
) -> tuple[str, str]:
    """A symbol's signature, and the first line of its documentation."""
    is_value = kind in VALUES
    signature = write_signature(source, head, head_end, language, is_value=is_value)
    doc = "" if is_value or language != "python" else read_docstring(source, head_end)
    doc = doc or read_comment_above(source, start, language)
    if not doc and head != start:  # between its attributes
        doc = read_comment_above(source, head, language)
    return signature, doc


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
