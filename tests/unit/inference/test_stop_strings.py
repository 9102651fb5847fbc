from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.formats.stop_strings import StopStrings


@pytest.mark.parametrize(
    ("stop", "pieces", "passed_on", "flushed"),
    [
        ([], ["a", "b"], ["a", "b"], ""),
        ([""], ["a", "b"], ["a", "b"], ""),
        (["\n"], ["a", "b\nc", "d"], ["a", "b", ""], ""),
        (["\n\n"], ["a\n", "b"], ["a", "\nb"], ""),
        (["\n\n"], ["a\n", "\nb"], ["a", ""], ""),
        (["\n\n"], ["a\n"], ["a"], "\n"),
        (["END"], ["E", "N", "E", "ND"], ["", "", "EN", ""], ""),
        (["aab"], ["aa", "ab", "c"], ["", "a", ""], ""),
        (["xyz", "y"], ["axy"], ["ax"], ""),
        (["longer than all"], ["long", " ago"], ["", "long ago"], ""),
    ],
)
def test_text_ends_before_a_stop_string(
    stop: list[str], pieces: list[str], passed_on: list[str], flushed: str
) -> None:
    stops = StopStrings(stop)
    assert [stops.feed(piece) for piece in pieces] == passed_on
    assert stops.flush() == flushed


@given(
    st.lists(st.text("ab", min_size=1, max_size=3), max_size=3),
    st.lists(st.text("ab", max_size=4), max_size=6),
)
def test_pieces_make_no_difference(stop: list[str], pieces: list[str]) -> None:
    stops = StopStrings(stop)
    streamed = "".join([*map(stops.feed, pieces), stops.flush()])
    whole = "".join(pieces)
    places = [whole.find(it) for it in stop if it in whole]
    # A piece may hold a later stop string whole while an earlier one is not whole yet.
    assert whole.startswith(streamed)
    assert stops.met == bool(places)
    if places:
        assert len(streamed) >= min(places)
    else:
        assert streamed == whole
