"""Chunks: together they are the text, and an edit leaves those far from it alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.content import TextChunk
from lsp_server.context import chunks
from lsp_server.context.chunks import cut, cut_from_end
from lsp_server.workspace.documents import split_lines

Cut = Callable[[Sequence[str]], list[TextChunk]]
WAYS = [cut, cut_from_end]
WORDS = "alpha beta gamma delta epsilon zeta eta theta iota kappa"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of a few lines, so that a small text has many."""
    monkeypatch.setattr(chunks, "MIN_CHUNK_CHARACTERS", 40)
    monkeypatch.setattr(chunks, "MAX_CHUNK_CHARACTERS", 160)
    monkeypatch.setattr(chunks, "_BORDER_ONE_IN", 4)


def code(seed: int, count: int) -> list[str]:
    """Lines of words, some of them blank."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    return [
        " ".join(chance.choices(WORDS.split(), k=chance.choice([0, 1, 2, 3, 4]))) + "\n"
        for _ in range(count)
    ]


TEXTS = st.one_of(
    st.builds(code, st.integers(0, 99), st.integers(0, 80)),
    st.text("ab \n\r🐦", max_size=200).map(split_lines),
    st.lists(st.sampled_from(["\n", " \n", "x\n", "x" * 200 + "\n"]), max_size=30),
)


@pytest.mark.parametrize("way", WAYS)
@given(lines=TEXTS)
def test_together_they_are_the_text(way: Cut, lines: list[str]) -> None:
    made = way(lines)
    assert "".join(it.text for it in made) == "".join(lines)
    assert all(it.text for it in made)
    assert all(it == TextChunk.of(it.text) for it in made)


@pytest.mark.parametrize("way", WAYS)
@given(lines=TEXTS)
def test_borders_stand_before_lines_that_are_not_blank(way: Cut, lines: list[str]) -> None:
    for chunk in way(lines)[1:]:
        assert split_lines(chunk.text)[0].strip()


@pytest.mark.parametrize("way", WAYS)
@given(lines=TEXTS)
def test_none_is_smaller_than_it_must(way: Cut, lines: list[str]) -> None:
    """But the one that the text ends in, on the side to which it is cut."""
    made = way(lines)
    full = made[:-1] if way is cut else made[1:]
    assert all(len(it.text) >= chunks.MIN_CHUNK_CHARACTERS for it in full)


@given(TEXTS)
def test_one_that_is_too_large_has_no_place_for_a_border(lines: list[str]) -> None:
    """Its lines are blank, or what stands before them is too small for a chunk."""
    for chunk in cut(lines):
        size = 0
        for line in split_lines(chunk.text):
            fits = size + len(line) <= chunks.MAX_CHUNK_CHARACTERS
            assert fits or not line.strip() or size < chunks.MIN_CHUNK_CHARACTERS
            size += len(line)


@given(TEXTS)
def test_one_from_the_end_is_cut_where_it_becomes_too_large(lines: list[str]) -> None:
    for chunk in cut_from_end(lines):
        size = len(chunk.text)
        for line in split_lines(chunk.text)[:-1]:
            is_first = size == len(chunk.text)
            assert is_first or not line.strip() or size <= chunks.MAX_CHUNK_CHARACTERS
            size -= len(line)


@pytest.mark.parametrize("way", WAYS)
def test_a_line_that_is_larger_than_a_chunk_stays_whole(way: Cut) -> None:
    line = "x" * (3 * chunks.MAX_CHUNK_CHARACTERS) + "\n"
    made = [it.text for it in way(["a\n" * 60, line, "b\n" * 60])]
    assert "".join(made).count(line) == 1
    assert sum(line in it for it in made) == 1


@given(TEXTS, st.integers(0, 100), TEXTS)
def test_a_change_at_the_end_keeps_the_chunks_before_it(
    lines: list[str], kept: int, new: list[str]
) -> None:
    kept = min(kept, len(lines))
    before, after = cut(lines), cut(lines[:kept] + new)
    end = 0
    for number, chunk in enumerate(before[:-1]):
        end += len(split_lines(chunk.text)) - 1
        if end < kept:  # the line behind its border is there still, and so is the border
            assert after[number] == chunk


@given(TEXTS, st.integers(0, 100), TEXTS)
def test_a_change_at_the_start_keeps_the_chunks_behind_it(
    lines: list[str], kept: int, new: list[str]
) -> None:
    kept = min(kept, len(lines))
    before, after = cut_from_end(lines), cut_from_end(new + lines[len(lines) - kept :])
    size = 0
    left = sum(map(len, lines[len(lines) - kept :]))
    for number, chunk in enumerate(before[:0:-1], start=1):
        size += len(chunk.text)
        if size <= left:
            assert after[-number] == chunk


@pytest.mark.parametrize("way", WAYS)
def test_an_edit_in_the_middle_changes_few_chunks(way: Cut) -> None:
    lines = code(1, 600)
    held = {it.id for it in way(lines)}
    assert len(held) > 60
    changed = []
    for number in range(0, len(lines), 7):
        edited = [*lines[:number], "a new line\n", *lines[number:]]
        changed.append(sum(it.id not in held for it in way(edited)))
    assert sum(changed) / len(changed) < 2
    assert max(changed) < 10


def test_texts_that_share_lines_share_chunks() -> None:
    one, other = code(1, 300), code(2, 300)
    both = cut(one + other)
    shared = {it.id for it in cut(other)} & {it.id for it in both}
    assert len(shared) > len(cut(other)) * 0.9


@pytest.mark.parametrize("way", WAYS)
def test_it_is_the_same_each_time(way: Cut) -> None:
    assert way(code(3, 200)) == way(code(3, 200))
