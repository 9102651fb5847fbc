"""What of a file that is too large is shown: what is near, and the same for as long as it may be."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.context import chunks
from lsp_server.context.window import WHOLE, Room, Window, length, window

LINES = [f"value_{number} = {number}\n" for number in range(1000)]
SIZES = st.lists(st.integers(0, 90), min_size=1, max_size=80)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MIN_CHUNK_CHARACTERS", 200)
    monkeypatch.setattr(chunks, "MAX_CHUNK_CHARACTERS", 800)


def shown(lines: list[str], head: int, behind: int, seen: Window) -> tuple[int, int]:
    """Characters before and behind the cursor's lines."""
    return (
        length(lines, seen.hidden_head, head),
        length(lines, behind, len(lines) - seen.hidden_tail),
    )


@pytest.mark.parametrize(
    ("cursor", "room", "prefix", "suffix"),
    [
        # the room, and the share of it that the prefix and the suffix fill
        (500, Room(4000), (0.35, 0.75), (0.12, 0.25)),
        (500, Room(4000, 300), (0.5, 0.95), (0.03, 0.075)),  # a short suffix leaves the rest
        (10, Room(4000), (0, 0.06), (0.45, 1)),  # and so does a short prefix
        (990, Room(4000), (0.6, 1), (0, 0.06)),
        (500, Room(40), (0, 0.75), (0, 0.25)),  # hardly a line
        (500, Room(0), (0, 0), (0, 0)),
    ],
)
def test_both_sides_have_their_share(
    cursor: int, room: Room, prefix: tuple[float, float], suffix: tuple[float, float]
) -> None:
    seen = window(LINES, cursor, cursor + 1, room)
    for size, (least, most) in zip(
        shown(LINES, cursor, cursor + 1, seen), (prefix, suffix), strict=True
    ):
        assert least * room.characters <= size <= most * room.characters


def test_a_file_that_fits_is_shown_whole() -> None:
    assert window(LINES, 500, 501, Room(length(LINES, 0, 1000))) == WHOLE


@settings(deadline=None)
@given(SIZES, st.integers(0, 80), st.integers(0, 3000), st.none() | st.integers(0, 500))
def test_it_never_takes_more_than_there_is(
    sizes: list[int], cursor: int, characters: int, suffix: int | None
) -> None:
    lines = ["x" * size + "\n" for size in sizes]
    cursor = min(cursor, len(lines) - 1)
    previous = WHOLE
    for at in (cursor, max(0, cursor - 1), min(cursor + 2, len(lines) - 1)):
        seen = window(lines, at, at + 1, Room(characters, suffix), previous)
        before, behind = shown(lines, at, at + 1, seen)
        assert 0 <= seen.hidden_head <= at
        assert 0 <= seen.hidden_tail <= len(lines) - at - 1
        assert before + behind <= characters
        assert suffix is None or behind <= suffix
        previous = seen


def test_it_moves_seldom_as_the_cursor_goes_on() -> None:
    """Down a thousand lines: each move makes an engine compute the window anew."""
    previous, moves = WHOLE, 0
    for cursor in range(300, 700):
        seen = window(LINES, cursor, cursor + 1, Room(6000), previous)
        moves += seen.hidden_head != previous.hidden_head
        previous = seen
    assert 1 < moves < 12


def test_a_cursor_that_comes_back_finds_the_same_window() -> None:
    there = window(LINES, 500, 501, Room(6000))
    window(LINES, 100, 101, Room(6000), there)
    near = [window(LINES, cursor, cursor + 1, Room(6000)) for cursor in range(498, 503)]
    assert sum(it.hidden_head == there.hidden_head for it in near) >= 3
