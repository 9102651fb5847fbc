"""The outline of an open document, kept while it is edited.

An edit is noted in the tree at once. When the outline or a part of it is asked for, the text is
parsed anew with the help of the old tree, and the query is asked again for the statements around
what changed; all else moves. That the result is what the text alone would give is a property the
tests hold.

Invariant: between two outlines, what lies before `_head` and after `_tail` bytes from the end is as
it was.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import tree_sitter

from lsp_server.workspace.documents import Edit, Position
from lsp_server.workspace.findings import (
    Findings,
    FoundImport,
    FoundSymbol,
    Nesting,
    assemble,
    find_line_starts,
    mend_line_starts,
    nest,
    place_imports,
    references_to,
)
from lsp_server.workspace.headlines import MAX_COMMENT_BYTES
from lsp_server.workspace.languages import Grammar, load_grammar
from lsp_server.workspace.outline import Import, Outline, Reference, Symbol
from lsp_server.workspace.parse import (
    ParsedText,
    ParseGivenUp,
    describe,
    find,
    parse,
    point,
)

PIECE_BYTES = 32 * 1024  # take a few milliseconds

# Lists of statements or members: what stands in them is found without regard to its neighbours.
_BODIES = frozenset(
    {
        "block",
        "body_statement",
        "class_body",
        "compound_statement",
        "constructor_body",
        "declaration_list",
        "enum_body",
        "enum_member_declaration_list",
        "enum_variant_list",
        "field_declaration_list",
        "interface_body",
        "statement_block",
    }
)
# What is looked at together with the sibling behind it.
_LEADING = frozenset({"attribute_item", "decorator", "line_comment", "block_comment", "comment"})


class ParsedDocument:
    """A text and its outline. Raises KeyError for a language that is not known."""

    def __init__(self, language: str, text: str) -> None:
        self._grammar = load_grammar(language)
        self._parser = tree_sitter.Parser(self._grammar.language)
        self.replace(text)

    def replace(self, text: str) -> None:
        """Takes a whole new text."""
        self._source = text.encode("utf-8", "replace")
        self._line_starts = find_line_starts(self._source)
        self._tree: tree_sitter.Tree | None = None
        self._parsed: ParsedText | None = None  # as the text is now, once it was asked for
        self._findings = Findings([], [], [])
        self._problem = ""
        self._is_old = True  # what was found is of an older text
        self._nesting: Nesting | None = None
        self._outline: Outline | None = None
        # Of the last outline, and how many of them are as they were.
        self._references: tuple[Reference, ...] = ()
        self._known_references = 0
        self._known_length = len(self._source)
        self._head = self._tail = len(self._source)

    def apply(self, edit: Edit) -> None:
        """Makes one edit. A position outside of the text is moved to the nearest inside."""
        start, end = sorted((self._offset(edit.start), self._offset(edit.end)))
        new = edit.text.encode("utf-8", "replace")
        before = self._source
        self._source = before[:start] + new + before[end:]
        self._parsed = None
        if self._tree is not None:
            self._tree.edit(
                start,
                end,
                start + len(new),
                point(before, start),
                point(before, end),
                point(self._source, start + len(new)),
            )
        self._line_starts = mend_line_starts(
            self._line_starts, self._source, start, end, len(self._source) - len(before)
        )
        self._head = min(self._head, start)
        self._tail = min(self._tail, len(before) - end)
        self._is_old = True

    @property
    def parsed_text(self) -> ParsedText | None:
        """The text as it is now, with its tree: costs a parse of what changed. None if given up."""
        try:
            source, tree = self._parse()
        except ParseGivenUp:
            return None
        return ParsedText(source, tree.copy())  # ours is edited with the text

    @property
    def outline(self) -> Outline:
        """The outline of the text as it is now."""
        self._read()
        if self._outline is None:
            self._outline = self._assemble()
        return self._outline

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """The symbols of that outline, at a part of its cost; so also what follows."""
        self._read()
        return self._nest().symbols

    def definitions(self, name: str) -> list[Symbol]:
        """The symbols of a name; where there is none, that costs next to nothing."""
        self._read()
        if not any(found.name == name for found in self._findings.symbols):
            return []
        return [symbol for symbol in self.symbols if symbol.name == name]

    @property
    def imports(self) -> tuple[Import, ...]:
        self._read()
        return place_imports(self._findings.imports, self._line_starts)

    def references(self, name: str) -> list[Reference]:
        """The uses of a name."""
        self._read()
        if not any(found[1] == name for found in self._findings.references):
            return []
        return references_to(name, self._source, self._findings, self._line_starts, self._nest())

    def _parse(self) -> ParsedText:
        if self._parsed is None:
            self._parsed = ParsedText(self._source, parse(self._parser, self._source, self._tree))
        return self._parsed

    def _nest(self) -> Nesting:
        if self._nesting is None:
            self._nesting = nest(self._findings.symbols, self._source, self._line_starts)
        return self._nesting

    def _assemble(self) -> Outline:
        name = self._grammar.name
        if self._problem or self._tree is None:
            return Outline(name, (), (), (), has_errors=True, problem=self._problem)
        known = self._references[: self._known_references]
        outline = assemble(
            name,
            self._source,
            self._findings,
            self._line_starts,
            has_errors=self._tree.root_node.has_error,
            known=known,
        )
        self._references = outline.references
        self._known_references = len(outline.references)
        return outline

    def _read(self) -> None:
        """Brings what was found up to date with the text."""
        if not self._is_old:
            return
        self._is_old = False
        self._nesting = self._outline = None
        old = self._tree
        try:
            tree = self._parse().tree
        except ParseGivenUp as problem:
            self._tree, self._problem = None, str(problem)
            self._findings = Findings([], [], [])
            self._known_references = 0
            return
        self._problem = ""
        if old is None:
            self._findings = _find_all(self._grammar, tree, self._source)
            self._known_references = 0
        else:
            start = self._look_again(old, tree)
            as_they_were = bisect_left(self._findings.references, (start,))
            self._known_references = min(self._known_references, as_they_were)
        self._tree = tree
        self._known_length = self._head = self._tail = len(self._source)

    def _look_again(self, old: tree_sitter.Tree, tree: tree_sitter.Tree) -> int:
        """Mends what was found, and says up to where all is as it was."""
        length = len(self._source)
        start, end = min(self._head, length), max(length - self._tail, 0)
        for changed in old.changed_ranges(tree):
            start, end = min(start, changed.start_byte), max(end, changed.end_byte)
        extent = _find_extent(old, tree, start, max(start, end))
        found = find(self._grammar, tree, self._source, extent)
        self._findings = self._splice(found, extent, length - self._known_length)
        return extent[0]

    def _splice(self, new: Findings, extent: tuple[int, int], shift: int) -> Findings:
        start, end = extent
        old_end = end - shift
        old = self._findings
        symbols = old.symbols
        first = bisect_left(symbols, start, key=_start)
        last = bisect_left(symbols, old_end, key=_start)
        before = [
            self._stretch(symbol, old_end, shift) if symbol.end > start else symbol
            for symbol in symbols[:first]
        ]
        behind = [_move(symbol, shift) for symbol in symbols[last:]]
        for index, symbol in enumerate(behind):
            if self._line_starts[self._line(symbol.start)] - end > MAX_COMMENT_BYTES:
                break  # no comment above it can begin in what was looked at again
            behind[index] = self._describe(symbol)
        references = old.references
        first_use = bisect_left(references, (start,))
        last_use = bisect_left(references, (old_end,))
        imports = old.imports
        return Findings(
            before + new.symbols + behind,
            references[:first_use]
            + new.references
            + [(at + shift, name, kind) for at, name, kind in references[last_use:]],
            [found for found in imports if found.start < start]
            + new.imports
            + [
                FoundImport(found.start + shift, found.module, found.names)
                for found in imports
                if found.start >= old_end
            ],
        )

    def _stretch(self, symbol: FoundSymbol, old_end: int, shift: int) -> FoundSymbol:
        """A symbol around what changed: what ends behind it moves, its head is read anew."""
        start, end, name_start, head, head_end = (
            at + shift if at >= old_end else at for at in symbol[:5]
        )
        moved = FoundSymbol(
            start, end, name_start, head, head_end, symbol.kind, symbol.name, "", ""
        )
        return self._describe(moved)

    def _describe(self, symbol: FoundSymbol) -> FoundSymbol:
        start, end, name_start, head, head_end, kind, name, _, _ = symbol
        told = describe(
            self._source, self._grammar.name, kind, start=start, head=head, head_end=head_end
        )
        return FoundSymbol(start, end, name_start, head, head_end, kind, name, *told)

    def _line(self, offset: int) -> int:
        return bisect_right(self._line_starts, offset) - 1

    def _offset(self, position: Position) -> int:
        line = max(position.line, 0)
        if line >= len(self._line_starts):
            return len(self._source)
        start = self._line_starts[line]
        behind = self._line_starts[line + 1 : line + 2]
        text = self._source[start : behind[0] if behind else None].rstrip(b"\r\n")
        column = max(position.column, 0)
        if text.isascii():
            return start + min(column, len(text))
        return start + len(text.decode()[:column].encode())


def _find_all(grammar: Grammar, tree: tree_sitter.Tree, source: bytes) -> Findings:
    """What the query finds, asked piece by piece: for so long other threads do not run."""
    found = Findings([], [], [])
    start = 0
    may_split = False
    for child in tree.root_node.children:
        if may_split and child.start_byte - start >= PIECE_BYTES:
            _extend(found, find(grammar, tree, source, (start, child.start_byte)))
            start = child.start_byte
        may_split = not child.is_extra and child.type not in _LEADING
    _extend(found, find(grammar, tree, source, (start, len(source) + 1)))
    return found


def _extend(found: Findings, more: Findings) -> None:
    found.symbols.extend(more.symbols)
    found.references.extend(more.references)
    found.imports.extend(more.imports)


def _find_extent(
    old: tree_sitter.Tree, tree: tree_sitter.Tree, start: int, end: int
) -> tuple[int, int]:
    """Around what changed, whole statements of the innermost body; and the statement behind them."""
    body = _find_body(old, tree, start, end)
    first, last = start, end
    cursor = body.walk()
    # What touches it counts: a token may have grown or shrunk.
    found = cursor.goto_first_child_for_byte(max(start - 1, 0)) is not None
    if not found:  # where a parse recovered, the search may stop at a gap between two children
        found = cursor.goto_first_child()
        while found and cursor.node is not None and cursor.node.end_byte < start:
            found = cursor.goto_next_sibling()
    if found and cursor.node is not None:
        first = min(first, _find_leading(cursor.node))
    while found and (child := cursor.node) is not None:
        first = min(first, child.start_byte)
        last = max(last, child.end_byte)
        is_leading = not child.is_named or child.is_extra or child.type in _LEADING
        if child.start_byte > end and not is_leading:
            return first, last
        found = cursor.goto_next_sibling()
    return first, last


def _find_leading(node: tree_sitter.Node) -> int:
    """Where the attributes before a node begin, which belong to it."""
    before = node.prev_named_sibling
    start = node.start_byte
    while before is not None and (before.type in _LEADING or before.is_extra):
        start = before.start_byte
        before = before.prev_named_sibling
    return start


def _find_body(
    old: tree_sitter.Tree, tree: tree_sitter.Tree, start: int, end: int
) -> tree_sitter.Node:
    """The innermost body that has something before and behind what changed, or the root.

    What is around it has to be as it was: that a node ends elsewhere is no changed range.
    """
    body = tree.root_node
    # By cursors: a node's own search crashes where it finds nothing.
    cursor, old_cursor = tree.walk(), old.walk()
    before = max(start - 1, 0)
    while (
        cursor.goto_first_child_for_byte(before) is not None
        and old_cursor.goto_first_child_for_byte(before) is not None
    ):
        node, old_node = cursor.node, old_cursor.node
        if (
            node is None
            or old_node is None
            or not node.start_byte < start <= end < node.end_byte
            or node.byte_range != old_node.byte_range
            or node.kind_id != old_node.kind_id
        ):
            break
        if node.type in _BODIES:
            body = node
    return body


def _start(symbol: FoundSymbol) -> int:
    return symbol.start


def _move(symbol: FoundSymbol, shift: int) -> FoundSymbol:
    start, end, name_start, head, head_end, kind, name, signature, doc = symbol
    return FoundSymbol(
        start + shift,
        end + shift,
        name_start + shift,
        head + shift,
        head_end + shift,
        kind,
        name,
        signature,
        doc,
    )
