"""The outline of an edited document against the outline of its text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.workspace import parsed_document
from lsp_server.workspace.documents import Document, Edit, Position
from lsp_server.workspace.findings import assemble
from lsp_server.workspace.languages import LANGUAGES
from lsp_server.workspace.outline import Outline
from lsp_server.workspace.parse import find, outline
from lsp_server.workspace.parsed_document import ParsedDocument
from tests.unit.lsp_server.outline_samples import GOLDEN, source_of

PIECES = (
    *("", "\n", " ", "    ", "\r", '"', "'''", "(", ")", "{", "}", "x", "=", ":", "é", "🐦"),
    *("# c\n", "// c\n", "/*", "*/", "/* c */\n", "@d\n", "#[a]\n", "class Q:\n", "def f():\n"),
    *("function f() {}\n", "x = g(1)\n", "class Q {}\n", "type T = number;\n", "import a\n"),
)
POSITIONS = st.builds(Position, st.integers(0, 45), st.integers(0, 60))
EDITS = st.lists(
    st.tuples(POSITIONS, st.integers(0, 2), st.integers(0, 30), st.sampled_from(PIECES)),
    min_size=1,
    max_size=6,
)


def found_anew(document: ParsedDocument) -> Outline:
    """What the document's own tree gives if all of it is asked."""
    tree = document._tree
    assert tree is not None
    return assemble(
        document._grammar.name,
        document._source,
        find(document._grammar, tree, document._source),
        document._line_starts,
        has_errors=tree.root_node.has_error,
    )


@pytest.mark.parametrize("language", ["python", "typescript", "go", "rust"])
@settings(max_examples=60, deadline=None)
@given(edits=EDITS, together=st.booleans())
def test_after_edits_the_outline_is_that_of_the_text(
    language: str, edits: list[tuple[Position, int, int, str]], *, together: bool
) -> None:
    text = source_of(language)
    document = Document("file:///a", language, 1, text)
    parsed = ParsedDocument(language, text)
    assert parsed.outline == outline(text.encode(), language)
    for start, lines, columns, new in edits:
        edit = Edit(start, Position(start.line + lines, columns if lines else start.column), new)
        document.apply(edit)
        parsed.apply(edit)
        if together:
            continue
        assert parsed.outline == found_anew(parsed)
    assert parsed.outline == found_anew(parsed)
    anew = outline(document.text.encode(), language)
    assert parsed._source == document.text.encode()
    # How a parser recovers from errors depends on what it has seen before; without any it does not.
    if not (anew.has_errors or parsed.outline.has_errors):
        assert parsed.outline == anew


def test_an_edit_at_a_gap_of_recovered_source_is_seen() -> None:
    text = source_of("go")
    parsed = ParsedDocument("go", text)
    for edit in (
        Edit(Position(22, 0), Position(22, 0), "def f():\n"),
        Edit(Position(20, 0), Position(22, 1), ""),
    ):
        assert parsed.outline == found_anew(parsed)
        parsed.apply(edit)
    assert parsed.outline == found_anew(parsed)


# The scanner of the shell's grammar may put a line ending into the word behind it, once edited.
@pytest.mark.parametrize("language", sorted(LANGUAGES - {"javascriptreact", "shellscript"}))
def test_a_text_typed_and_deleted_again_leaves_the_outline_as_it_was(language: str) -> None:
    text = source_of(language)
    lines = text.splitlines()
    parsed = ParsedDocument(language, text)
    before = parsed.outline
    for line in range(0, len(lines), 3):
        for place in (Position(line, 0), Position(line, min(5, len(lines[line])))):
            parsed.apply(Edit(place, place, "a\n b"))
            assert parsed.outline == found_anew(parsed)
            parsed.apply(Edit(place, Position(place.line + 1, 2), ""))
            assert parsed.outline == before


@pytest.mark.parametrize(
    ("before", "edit", "names"),
    [
        ("a = 1\n", Edit(Position(1, 0), Position(1, 0), "b = 2"), ["a", "b"]),
        ("é = '🐦'; b = 2\n", Edit(Position(0, 9), Position(0, 10), "c"), ["é", "c"]),
        ("a = 1\r\nb = 2\r\n", Edit(Position(0, 99), Position(1, 0), "; "), ["a", "b"]),
        ("a = 1\nb = 2\n", Edit(Position(-1, 2), Position(9, 9), "b"), []),
        ("a = 1\n", Edit(Position(0, 0), Position(0, 1), "\ud800"), []),
    ],
)
def test_positions_count_code_points_and_stay_inside(
    before: str, edit: Edit, names: list[str]
) -> None:
    parsed = ParsedDocument("python", before)
    assert parsed.outline == outline(before.encode(), "python")
    parsed.apply(edit)
    assert [symbol.name for symbol in parsed.outline.symbols] == names


def test_a_comment_that_is_edited_documents_what_follows() -> None:
    parsed = ParsedDocument("python", "x = 1\n# One.\n# Two.\ndef f(): pass\n")
    assert [symbol.doc for symbol in parsed.outline.symbols] == ["", "One."]
    parsed.apply(Edit(Position(1, 2), Position(1, 5), "Ten"))
    assert [symbol.doc for symbol in parsed.outline.symbols] == ["", "Ten."]
    parsed.apply(Edit(Position(3, 0), Position(3, 0), "\n"))
    assert [symbol.doc for symbol in parsed.outline.symbols] == ["", ""]


def test_a_new_text_replaces_the_old() -> None:
    parsed = ParsedDocument("python", "x = 1\n")
    assert parsed.outline.symbols[0].name == "x"
    parsed.replace("y = 1\n")
    assert parsed.outline == outline(b"y = 1\n", "python")


def test_after_a_parse_that_was_given_up_all_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parsed = ParsedDocument("python", "x = f(1)\n" * 500)
    assert len(parsed.outline.references) == 500
    with monkeypatch.context() as patched:
        patched.setattr(time, "monotonic", iter(range(1_000_000)).__next__)
        parsed.apply(Edit(Position(0, 0), Position(0, 0), "y = 1\n" * 2_000))
        assert parsed.outline.problem.startswith("parsing took more than")
    parsed.apply(Edit(Position(0, 0), Position(2_000, 0), ""))
    assert parsed.outline == outline(b"x = f(1)\n" * 500, "python")


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("size", [1, 200])
def test_what_is_asked_in_pieces_is_what_is_asked_at_once(
    name: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsed_document, "PIECE_BYTES", size)
    source = source_of(name)
    assert ParsedDocument(name, source).outline == outline(source.encode(), name)


def test_parts_of_an_outline_are_those_of_the_whole() -> None:
    source = source_of("python")
    parsed, whole = ParsedDocument("python", source), ParsedDocument("python", source).outline
    assert (parsed.symbols, parsed.imports) == (whole.symbols, whole.imports)
    for name in {it.name for it in whole.references} | {"nowhere"}:
        assert parsed.references(name) == [it for it in whole.references if it.name == name]
    for name in {it.name for it in whole.symbols} | {"nowhere"}:
        assert parsed.definitions(name) == [it for it in whole.symbols if it.name == name]
