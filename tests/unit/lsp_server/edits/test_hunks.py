"""Hunks between two texts: all of them are the change, any of them can be refused."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.edits import hunks as hunks_module
from lsp_server.edits.hunks import Hunk, HunkRefused, apply_hunks, find_hunks, find_renamed
from lsp_server.workspace.documents import split_lines

LINES = st.sampled_from(
    ["a = 1", "a = 2", "b(c)", "  b(c)", "}", "", "\tx", "\x0c", "é🐦", "e\u0301", "a\u2028b"]
)
ENDINGS = st.sampled_from(["\n", "\n", "\r\n", "\r"])
TEXTS = st.builds(
    lambda lines, rest: "".join(line + ending for line, ending in lines) + rest,
    st.lists(st.tuples(LINES, ENDINGS), max_size=12),
    st.one_of(st.just(""), LINES),
)


@settings(max_examples=300, deadline=None)
@given(before=TEXTS, after=TEXTS, data=st.data())
def test_any_of_the_hunks_apply_in_any_order(before: str, after: str, data: st.DataObject) -> None:
    hunks = find_hunks(before, after)
    assert apply_hunks(before, data.draw(st.permutations(hunks))) == after
    assert apply_hunks(before, ()) == before
    assert apply_hunks(after, find_hunks(after, before)) == before  # undone
    some = [hunk for hunk in hunks if data.draw(st.booleans())]
    partly = apply_hunks(before, some)
    assert apply_hunks(before, reversed(some)) == partly
    # What was refused can still be had, from where the text is by now.
    assert apply_hunks(partly, find_hunks(partly, after)) == after
    assert len(partly) - len(before) == sum(len(it.new) - len(it.old) for it in some)


@settings(max_examples=300, deadline=None)
@given(before=TEXTS, after=TEXTS)
def test_hunks_lie_apart_and_part_no_line_ending(before: str, after: str) -> None:
    hunks = find_hunks(before, after)
    assert all(one.end < other.start for one, other in pairwise(hunks))
    for hunk in hunks:
        assert hunk.old != hunk.new
        for at in (hunk.start, hunk.end):
            assert before[at - 1 : at + 1] != "\r\n" or at == 0


@settings(max_examples=200, deadline=None)
@given(before=TEXTS, after=TEXTS, moved=TEXTS)
def test_hunks_in_another_text_apply_where_they_fit_or_are_refused(
    before: str, after: str, moved: str
) -> None:
    hunks = find_hunks(before, after)
    if all(moved[it.start : it.end] == it.old and it.start <= len(moved) for it in hunks):
        applied = apply_hunks(moved, hunks)
        assert len(applied) - len(moved) == len(after) - len(before)
    else:
        with pytest.raises(HunkRefused) as refusal:
            apply_hunks(moved, hunks)
        assert refusal.value.hunk in hunks


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param("", "", [], id="nothing"),
        pytest.param("", "a\n", [(0, "", "a\n")], id="from nothing"),
        pytest.param("a\n", "", [(0, "a\n", "")], id="to nothing"),
        pytest.param("a = 1\n", "a = 2\n", [(4, "1", "2")], id="narrowed to characters"),
        pytest.param("a\nb\nc\n", "a\nB\nc\n", [(2, "b", "B")], id="in the middle"),
        pytest.param("a\nb\nc\n", "A\nb\nC\n", [(0, "a", "A"), (4, "c", "C")], id="two"),
        pytest.param("a\n\nc\n", "A\n\nC\n", [(0, "a\n\nc", "A\n\nC")], id="over a blank line"),
        pytest.param("a\r\nb\r\n", "a\r\nB\r\n", [(3, "b", "B")], id="crlf"),
        pytest.param("a\r\n", "a\n", [(1, "\r\n", "\n")], id="another line ending"),
        pytest.param("a\n", "a\r\n", [(1, "\n", "\r\n")], id="and back"),
        pytest.param("a\rb\r", "a\rc\r", [(2, "b", "c")], id="lone carriage returns"),
        pytest.param("a", "a\n", [(1, "", "\n")], id="the last ending is new"),
        pytest.param("a\nb", "a\nb\nc", [(3, "", "\nc")], id="behind a last line without ending"),
        pytest.param("\x0ca\n", "\x0cb\n", [(1, "a", "b")], id="form feed"),
        pytest.param("\tif a:\n", "\tif b:\n", [(4, "a", "b")], id="tabs"),
        pytest.param("a\nb\nb\n", "a\nb\nb\nb\n", [(6, "", "b\n")], id="one more of the same"),
    ],
)
def test_hunks_are_small(before: str, after: str, expected: list[tuple[int, str, str]]) -> None:
    assert find_hunks(before, after) == tuple(Hunk(*it) for it in expected)


def test_few_changes_are_the_fewest_there_can_be() -> None:
    """difflib takes the longest run first, and so more than it must."""
    before = "".join(f"{it}\n" for it in "abcabba")
    after = "".join(f"{it}\n" for it in "cbabac")
    changed = sum(
        len(split_lines(it.old)) - 1 + len(split_lines(it.new)) - 1
        for it in (Hunk(0, "".join(a), "".join(b)) for a, b in stretches(before, after))
    )
    assert changed == 5


def stretches(before: str, after: str) -> list[tuple[list[str], list[str]]]:
    old, new = split_lines(before), split_lines(after)
    return [(old[a:b], new[c:d]) for a, b, c, d in hunks_module._compare(old, new)]


def test_of_many_changes_hunks_are_found_as_well() -> None:
    before = "".join(f"line {number}\n" for number in range(3_000))
    after = "".join(
        f"line {number}{'!' if number % 3 == 0 else ''}\n" for number in range(2_999, -1, -1)
    )
    assert apply_hunks(before, find_hunks(before, after)) == after


@pytest.mark.parametrize(
    ("hunks", "reason"),
    [
        pytest.param([Hunk(0, "b", "c")], "another one", id="another text"),
        pytest.param([Hunk(9, "", "c")], "another one", id="behind the end"),
        pytest.param([Hunk(-1, "", "c")], "another one", id="before the start"),
        pytest.param([Hunk(0, "ab", "x"), Hunk(1, "bc", "y")], "meets", id="overlap"),
        pytest.param([Hunk(1, "", "x"), Hunk(1, "", "y")], "meets", id="at one place"),
        pytest.param([Hunk(1, "b", "x"), Hunk(1, "b", "x")], "meets", id="twice"),
    ],
)
def test_what_does_not_fit_is_refused(hunks: list[Hunk], reason: str) -> None:
    with pytest.raises(HunkRefused, match=reason):
        apply_hunks("abc", hunks)


@pytest.mark.parametrize(
    ("before", "after", "old", "new", "places"),
    [
        ("a = total\n\ntotal()\n", "a = sum_\n\nsum_()\n", "total", "sum_", [4, 11]),
        ("total total_of", "total_of total_of", "total", "total_of", [0]),
        ("total_of total_of.x", "total total_of.x", "total_of", "total", [0]),
        ("total total", "total sum_", "total", "sum_", [6]),
    ],
)
def test_places_of_a_rename_are_hunks_of_their_own(
    before: str, after: str, old: str, new: str, places: list[int]
) -> None:
    hunks = find_renamed(before, after, old, new)
    assert [it.start for it in hunks] == places
    assert apply_hunks(before, hunks) == after
