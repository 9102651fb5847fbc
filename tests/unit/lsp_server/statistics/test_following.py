"""What of an accepted text still stands there, through whatever edits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.statistics.following import Following
from lsp_server.statistics.tally import Count, Key
from lsp_server.workspace.documents import Document, Edit, Position

URI = "file:///a.py"
KEY = Key("2026-01-31", "python", "wren")
BEFORE, ACCEPTED, BEHIND = "x = 1\ny = ", "total(a, b)\nprint(y)", " # end\nz = 2\n"


class Window:
    """A document in which a text was just accepted, and a clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.is_open = True
        self.document = Document(URI, "python", 1, BEFORE + ACCEPTED + BEHIND)
        self.following = Following(lambda: self.now, self.read)
        self.following.accepted(URI, Position(1, 4), ACCEPTED, KEY)

    def read(self, uri: str, start: Position, end: Position) -> str | None:
        if uri != URI or not self.is_open:
            return None
        lines = self.document.lines
        if start.line == end.line:
            return lines[start.line][start.column : end.column]
        between = "".join(lines[start.line + 1 : end.line])
        return lines[start.line][start.column :] + between + lines[end.line][: end.column]

    def edit(self, line: int, column: int, end_line: int, end_column: int, text: str) -> None:
        edit = Edit(Position(line, column), Position(end_line, end_column), text)
        self.following.edited(URI, edit)
        self.document.apply(edit)

    def kept_after(self, seconds: float) -> list[tuple[Count, int, int]]:
        self.now = 100.0 + seconds
        return [(it.kept, it.kept_characters, it.characters) for it in self.following.due()]


@pytest.mark.parametrize(
    ("edits", "kept"),
    [
        ([], 18),
        ([(0, 0, 0, 0, "import a\n\n")], 18),
        ([(0, 0, 1, 0, "")], 18),
        ([(1, 0, 1, 3, "result =")], 18),
        ([(2, 8, 2, 8, "  # and more behind")], 18),
        ([(1, 4, 1, 4, "1 + ")], 18),
        ([(3, 0, 3, 5, "")], 18),
        ([(1, 10, 1, 11, "first")], 17),  # a name of it is another
        ([(1, 15, 2, 8, "")], 10),  # its second line is gone
        ([(1, 4, 2, 8, "")], 0),
        ([(1, 4, 2, 8, ""), (1, 4, 1, 4, ACCEPTED)], 18),  # undone and done again
        ([(0, 0, 3, 0, "")], 0),
        ([(1, 4, 2, 8, "total(\n    a, b\n)\nprint(y)")], 18),  # formatted
        ([(1, 0, 1, 6, "y = to")], 18),
        ([(1, 15, 1, 15, "\nassert y")], 18),
    ],
)
def test_what_is_kept(edits: list[tuple[int, int, int, int, str]], kept: int) -> None:
    window = Window()
    for edit in edits:
        window.edit(*edit)
    assert window.kept_after(30) == [(Count.KEPT_30_S, kept, 18)]


def test_it_is_looked_at_twice_and_then_no_more() -> None:
    window = Window()
    assert window.kept_after(29.9) == []
    assert window.kept_after(30) == [(Count.KEPT_30_S, 18, 18)]
    assert window.kept_after(299) == []
    assert window.kept_after(300) == [(Count.KEPT_5_MIN, 18, 18)]
    assert window.kept_after(900) == []


def test_who_looks_late_sees_both() -> None:
    assert [kept for kept, *_ in Window().kept_after(500)] == [Count.KEPT_30_S, Count.KEPT_5_MIN]


def test_of_a_closed_document_nothing_is_known() -> None:
    window = Window()
    window.is_open = False
    assert window.kept_after(30) == []


def test_a_document_that_is_another_is_forgotten() -> None:
    window = Window()
    window.following.forget("file:///b.py")
    window.following.forget(URI)
    assert window.kept_after(500) == []


PLACES = st.tuples(st.integers(0, 4), st.integers(0, 20))


@given(st.lists(st.tuples(PLACES, PLACES, st.text("ab(\n", max_size=6)), max_size=8))
def test_a_region_stays_within_the_document(
    edits: list[tuple[tuple[int, int], tuple[int, int], str]],
) -> None:
    window = Window()
    document = window.document
    for one, other, text in edits:
        start, end = sorted(document._inside(Position(*it)) for it in (one, other))
        window.edit(start.line, start.column, end.line, end.column, text)
        (it,) = window.following._followed
        assert document.contains(it.start)
        assert document.contains(it.end)
        assert it.start <= it.end
    for _, kept, total in window.kept_after(500):
        assert 0 <= kept <= total
