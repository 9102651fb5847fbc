"""Halves of characters never reach the wire, and whole ones are never lost, wherever a text is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.surrogates import SplitCharacters, whole_characters

BIRD = "\ud83d\udc26"  # U+1F426, as JSON may spell it


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("", ""),
        ("größe 🐦 \ufeff", "größe 🐦 \ufeff"),
        (BIRD, "🐦"),
        (f"a{BIRD}b", "a🐦b"),
        ("a\ud83db", "a\ufffdb"),
        ("\ud83d", "\ufffd"),
        ("\udc26a", "\ufffda"),
        (f"\ud83d{BIRD}", "\ufffd🐦"),
    ],
)
def test_halves_are_joined_or_marked(text: str, whole: str) -> None:
    assert whole_characters(text) == whole


@given(st.text(), st.data())
def test_it_does_not_matter_where_a_text_was_cut(text: str, data: st.DataObject) -> None:
    units = text.encode("utf-16-le", "surrogatepass")
    cut = 2 * data.draw(st.integers(0, len(units) // 2))
    pieces = [half.decode("utf-16-le", "surrogatepass") for half in (units[:cut], units[cut:])]
    joined = SplitCharacters()
    assert "".join(map(joined.feed, pieces)) == text


def test_a_first_half_waits_for_its_second() -> None:
    joined = SplitCharacters()
    assert [joined.feed(piece) for piece in ("a\ud83d", "", "\udc26b", "\ud83d", "c")] == [
        *("a", "", "🐦b", "", "\ufffdc"),
    ]
