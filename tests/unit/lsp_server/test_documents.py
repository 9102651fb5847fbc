"""Documents against the plainest reference: one string, cut and joined."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.workspace import documents
from lsp_server.workspace.documents import (
    Document,
    Documents,
    Edit,
    Position,
    line_length,
    split_lines,
)

LETTERS = "ab\n\r\u2028\f\v\x85é🐦"
TEXTS = st.text(LETTERS, max_size=20)
POSITIONS = st.builds(Position, st.integers(-1, 12), st.integers(-1, 12))
EDITS = st.lists(st.tuples(POSITIONS, POSITIONS, TEXTS), max_size=6)


def document(text: str) -> Document:
    return Document("file:///a.py", "python", 1, text)


def reference_lines(text: str) -> list[str]:
    """Lines as the language server protocol defines them."""
    parts = re.split(r"(\r\n|\n|\r)", text)
    endings = [*parts[1::2], ""]
    return [line + ending for line, ending in zip(parts[::2], endings, strict=True)]


def offset(text: str, position: Position) -> int:
    """Where a position is in the text; what lies outside is moved to the nearest place inside."""
    lines = reference_lines(text)
    if position.line >= len(lines):
        return len(text)
    line = max(position.line, 0)
    column = min(max(position.column, 0), len(re.sub(r"\r\n|\n|\r", "", lines[line])))
    return sum(map(len, lines[:line])) + column


def spliced(text: str, start: Position, end: Position, new: str) -> str:
    return text[: offset(text, start)] + new + text[offset(text, end) :]


@given(TEXTS)
def test_lines_end_where_the_protocol_says(text: str) -> None:
    assert split_lines(text) == reference_lines(text)


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\f", "\v", "\x85", "\x1c", "\x1e"])
def test_what_only_python_calls_a_line_end_is_none(character: str) -> None:
    assert split_lines(f"a{character}b\nc") == [f"a{character}b\n", "c"]


@pytest.mark.parametrize(
    ("line", "length"),
    [("", 0), ("\n", 0), ("\r\n", 0), ("\r", 0), ("ab\r\n", 2), ("é🐦\n", 2), ("a\u2028\n", 2)],
)
def test_the_length_of_a_line_leaves_its_ending_out(line: str, length: int) -> None:
    assert line_length(line) == length


@given(TEXTS, EDITS)
def test_any_edits_make_what_they_make_of_a_string(
    text: str, edits: list[tuple[Position, Position, str]]
) -> None:
    edited = document(text)
    for one, other, new in edits:
        start, end = sorted((one, other), key=lambda it: offset(text, it))
        text = spliced(text, start, end, new)
        edited.apply(Edit(start, end, new))
        assert edited.lines == reference_lines(text)
        assert edited.text == text
        assert edited.character_count == len(text)


EDGES = [
    # a text, an edit, and the lines that are left
    ("a\rb\n", (1, 0, 1, 1, ""), ["a\r\n", ""]),
    ("a\rb\nc", (1, 0, 1, 1, ""), ["a\r\n", "c"]),
    ("a\r\nb", (0, 1, 1, 0, ""), ["ab"]),
    ("a\nb", (0, 1, 0, 1, "\r"), ["a\r\n", "b"]),
    ("a\rb", (1, 0, 1, 0, "\n"), ["a\r\n", "b"]),
    ("a\rb", (1, 0, 1, 0, "\nc\r"), ["a\r\n", "c\r", "b"]),
    ("a\nb", (0, 1, 1, 0, "\r\n"), ["a\r\n", "b"]),
    ("ab", (0, 1, 0, 1, "\r"), ["a\r", "b"]),
    ("\r\r\n\n", (1, 0, 1, 0, "x"), ["\r", "x\r\n", "\n", ""]),
    ("a\n", (1, 0, 1, 0, "b"), ["a\n", "b"]),
    ("", (0, 0, 0, 0, "a\n"), ["a\n", ""]),
    ("a\nb\nc", (0, 0, 2, 1, ""), [""]),
    ("a\nb", (9, 9, 9, 9, "!"), ["a\n", "b!"]),
    ("a\nb", (0, 99, 0, 99, "!"), ["a!\n", "b"]),
    ("a\nb", (-1, -1, -1, -1, "!"), ["!a\n", "b"]),
]


@pytest.mark.parametrize(("text", "change", "lines"), EDGES)
def test_line_endings_are_joined_and_split(
    text: str, change: tuple[int, int, int, int, str], lines: list[str]
) -> None:
    edited = document(text)
    first, start, last, end, new = change
    edited.apply(Edit(Position(first, start), Position(last, end), new))
    assert edited.lines == lines


@pytest.mark.parametrize(
    ("start", "end"), [(Position(0, 2), Position(0, 1)), (Position(1, 1), Position(0, 2))]
)
def test_a_range_whose_ends_are_the_wrong_way_round_is_turned(
    start: Position, end: Position
) -> None:
    turned, plain = document("abc\ndef"), document("abc\ndef")
    turned.apply(Edit(start, end, "!"))
    plain.apply(Edit(end, start, "!"))
    assert turned.text == plain.text


@given(TEXTS, EDITS)
def test_untouched_lines_are_those_that_no_edit_changed(
    text: str, edits: list[tuple[Position, Position, str]]
) -> None:
    edited = document(text)
    edited.mark()
    before = list(edited.lines)
    assert edited.untouched_head == edited.untouched_tail == len(before)
    for one, other, new in edits:
        start, end = sorted((one, other), key=lambda it: offset(edited.text, it))
        edited.apply(Edit(start, end, new))
        head, tail = edited.untouched_head, edited.untouched_tail
        assert edited.lines[:head] == before[:head]
        assert edited.lines[len(edited.lines) - tail :] == before[len(before) - tail :]


@pytest.mark.parametrize(
    ("text", "caret"),
    [
        ("", (3, 5)),
        ("ab", (3, 7)),
        ("\n", (4, 0)),
        ("ab\r\ncd\nef", (5, 2)),
    ],
)
def test_the_cursor_stands_behind_what_was_typed(text: str, caret: tuple[int, int]) -> None:
    assert Edit(Position(3, 5), Position(9, 9), text).caret == Position(*caret)


def test_untouched_lines_are_as_many_as_can_be() -> None:
    edited = document("".join(f"line {number}\n" for number in range(10)))
    edited.mark()
    edited.apply(Edit(Position(5, 0), Position(5, 0), "x"))
    assert (edited.untouched_head, edited.untouched_tail) == (5, 5)
    edited.apply(Edit(Position(7, 0), Position(8, 0), ""))
    assert (edited.untouched_head, edited.untouched_tail) == (5, 2)
    edited.apply(Edit(Position(2, 1), Position(2, 1), "\n"))
    assert (edited.untouched_head, edited.untouched_tail) == (2, 2)
    edited.mark()
    assert edited.untouched_head == edited.untouched_tail == len(edited.lines)
    edited.replace("new")
    assert edited.untouched_head == edited.untouched_tail == 0


def test_a_document_knows_where_it_ends() -> None:
    held = document("ab\r\n\ncé")
    inside = [(0, 0), (0, 2), (1, 0), (2, 2)]
    outside = [(0, 3), (1, 1), (2, 3), (3, 0), (-1, 0), (0, -1)]
    assert all(held.contains(Position(*place)) for place in inside)
    assert not any(held.contains(Position(*place)) for place in outside)


class TestProblems:
    """A document that cannot be completed in says why, until it can be."""

    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(documents, "MAX_DOCUMENT_CHARACTERS", 100)
        monkeypatch.setattr(documents, "MAX_LINE_CHARACTERS", 10)

    @pytest.mark.parametrize(
        ("bad", "reason"),
        [("x" * 11, "a line of more than"), ("\ud83d", "UTF-8"), ("x\n" * 50, "larger than")],
    )
    def test_come_with_an_edit_and_go_with_another(self, bad: str, reason: str) -> None:
        edited = document("a\nb\nc\n")
        assert edited.problem == ""
        edited.apply(Edit(Position(1, 0), Position(1, 1), bad))
        assert reason in edited.problem
        edited.apply(Edit(Position(0, 0), Position(0, 1), "A"))
        assert reason in edited.problem, "an edit elsewhere does not mend it"
        last = len(edited.lines) - 2
        edited.apply(Edit(Position(1, 0), Position(last, 0), "b\n"))
        assert (edited.problem, edited.text) == ("", "A\nb\nc\n")

    @pytest.mark.parametrize(
        ("text", "fits"),
        [("x" * 9 + "\n", True), ("x" * 10, True), ("x" * 11, False), ("é\n" * 50, True)],
    )
    def test_begin_behind_the_limit(self, text: str, fits: bool) -> None:  # noqa: FBT001
        assert (document(text).problem == "") is fits

    def test_one_of_two_that_is_mended_leaves_the_other(self) -> None:
        edited = document("\ud83d\n" + "x" * 11)
        edited.apply(Edit(Position(1, 0), Position(1, 11), ""))
        assert "UTF-8" in edited.problem
        edited.apply(Edit(Position(0, 0), Position(0, 1), ""))
        assert edited.problem == ""

    def test_a_text_that_is_too_large_is_not_kept(self) -> None:
        held = document("x\n" * 51)
        assert held.lines == []
        assert not held.contains(Position(0, 0))
        held.apply(Edit(Position(0, 0), Position(1, 0), "y"))
        assert held.lines == []
        assert held.problem
        held.replace("small")
        assert (held.problem, held.text) == ("", "small")


def test_documents_are_known_by_their_uri_in_the_order_in_which_they_were_opened() -> None:
    held = Documents()
    for name in "cab":
        held.open(name, "python", 1, name)
    held.close("a")
    held.close("never opened")
    assert [it.text for it in held] == ["c", "b"]
    assert held.get("a") is None
    again = held.open("c", "python", 7, "anew")
    assert held.get("c") is again
    assert (again.version, again.text) == (7, "anew")
