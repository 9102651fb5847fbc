"""The demo's typist: what it takes of a suggestion, and that it writes what it was told."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.demo.typist import Screen, Tally, right_part, write
from lsp_server.session import EditorSession, Suggestion
from lsp_server.workspace.documents import Document, Edit, Position

RIGHT = [
    # what is suggested, what was going to be written, and what is taken
    ("abc", "abc", "abc"),
    ("abc", "abc\ndef", "abc"),
    ("abc\n", "abc\ndef", "abc\n"),
    ("abc\ndef", "abc\ndef\n", "abc\ndef"),
    ("abc\nxyz", "abc\ndef", "abc\n"),
    ("abc\ndefg", "abc\ndef", "abc\n"),
    ("abc\nde", "abc\ndef", ""),
    ("ab", "abc", ""),
    ("abx", "abc", ""),
    ("abcd", "abc", ""),
    ("", "abc", ""),
    ("abc", "", ""),
    ("\n", "\nabc", "\n"),
    ("\n    a", "\n    a", "\n    a"),
]


@pytest.mark.parametrize(("suggestion", "wanted", "taken"), RIGHT)
def test_the_typist_takes_whole_lines_that_are_right(
    suggestion: str, wanted: str, taken: str
) -> None:
    assert right_part(suggestion, wanted) == taken


LINES = st.text("ab\n", max_size=12)


@given(LINES, LINES)
def test_what_the_typist_takes_is_right(suggestion: str, wanted: str) -> None:
    taken = right_part(suggestion, wanted)
    assert wanted.startswith(taken)
    assert suggestion.startswith(taken)
    assert taken.endswith("\n") or wanted[len(taken) :][:1] in ("", "\n") or not taken


class FakeSession:
    """Suggests by the length of the text so far."""

    def __init__(self, suggestions: dict[int, str]) -> None:
        self._suggestions = suggestions

    async def complete(
        self, document: Document, position: Position, on_text: Any
    ) -> Suggestion | None:
        text = self._suggestions.get(len(document.text))
        if text is None:
            return None
        on_text(text[:1])
        return Suggestion(text, position, position, 1.0, 2.0)

    def edit(self, document: Document, edit: Edit) -> None:
        document.apply(edit)


@given(LINES, st.dictionaries(st.integers(0, 12), LINES))
def test_the_typist_writes_what_it_was_told(target: str, suggestions: dict[int, str]) -> None:
    document = Document("file:///a.py", "python", 1, "")
    screens: list[Screen] = []

    async def show(screen: Screen) -> None:
        screens.append(screen)

    tally = asyncio.run(
        write(
            cast("EditorSession", FakeSession(suggestions)), document, target, show, screens.append
        )
    )
    assert document.text == target
    assert tally.typed_characters + tally.taken_characters == len(target)
    assert tally.keys == tally.typed_characters + tally.taken
    assert [it.event for it in screens].count("taken") == tally.taken
    assert all(target.startswith(it.text) for it in screens)


def test_the_share_that_was_taken() -> None:
    assert Tally().taken_share == 0
    assert Tally(typed_characters=1, taken_characters=3).taken_share == 0.75
