"""Which lines were edited last, while lines come and go before them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.workspace.documents import Document, Edit, Position
from lsp_server.workspace.recent_edits import KEPT_EDITS, RecentEdits

# Where from and to, the text, and the line of "here" (3 before) and of the edit afterwards.
CASES = {
    "a key": ((1, 4), (1, 4), "x", 3, 1),
    "a key in the same line": ((3, 4), (3, 4), "x", None, 3),
    "whole lines before": ((1, 0), (1, 0), "a\nb\n", 5, 2),
    "whole lines right before": ((3, 0), (3, 0), "a\nb\n", 5, 4),
    "lines after": ((3, 8), (3, 8), "\n    a\n    b", None, 5),
    "a new line before": ((1, 9), (1, 9), "\n    ", 4, 2),
    "whole lines are gone before": ((0, 0), (2, 0), "", 1, 0),
    "whole lines right before are gone": ((1, 0), (3, 0), "", None, 1),
    "with its line": ((2, 1), (4, 1), "", None, 2),
    "lines are replaced": ((0, 0), (2, 0), "a\n", 2, 0),
    "behind it": ((4, 0), (5, 0), "a\nb\n", 3, 5),
}


@pytest.mark.parametrize("case", CASES)
def test_places_move_with_their_lines(case: str) -> None:
    start, end, text, here, edited = CASES[case]
    edits = RecentEdits()
    edits.add("a", Edit(Position(3, 2), Position(3, 2), "here"))
    edits.add("b", Edit(Position(3, 0), Position(3, 0), "there"))
    edits.add("a", Edit(Position(*start), Position(*end), text))
    expected = [("a", edited), ("b", 3)]
    assert [*edits] == (expected if here is None else [*expected, ("a", here)])


def test_the_last_are_kept() -> None:
    edits = RecentEdits()
    for line in range(100):
        edits.add("a", Edit(Position(line, 0), Position(line, 0), "x"))
    assert [*edits] == [("a", line) for line in range(99, 99 - KEPT_EDITS, -1)]


def test_a_document_that_is_another_by_now_is_forgotten() -> None:
    edits = RecentEdits()
    for uri in "aba":
        edits.add(uri, Edit(Position(1, 0), Position(1, 0), "x"))
    edits.forget("a")
    assert [*edits] == [("b", 1)]
    edits.forget("none")
    assert [*edits] == [("b", 1)]


PLACES = st.tuples(st.integers(0, 8), st.integers(0, 3))


@given(st.lists(st.tuples(PLACES, PLACES, st.sampled_from(["", "x", "\n", "x\ny\n", "\n  x"]))))
def test_each_place_is_a_line_and_stands_once(
    edits: list[tuple[tuple[int, int], tuple[int, int], str]],
) -> None:
    document = Document("a", "python", 1, "some\n" * 8)
    recent = RecentEdits()
    for number, (one, other, text) in enumerate(edits):
        start, end = sorted((_inside(document, one), _inside(document, other)))
        edit = Edit(start, end, text)
        document.apply(edit)
        recent.add("a", edit)
        lines = [line for _, line in recent]
        assert 0 < len(lines) <= number + 1
        assert len(set(lines)) == len(lines)
        assert all(0 <= line < len(document.lines) for line in lines)


def _inside(document: Document, place: tuple[int, int]) -> Position:
    line = min(place[0], len(document.lines) - 1)
    return Position(line, min(place[1], len(document.lines[line].rstrip("\n"))))
