"""Whether the last change was an undo: a row is the texts in turn, and the edits between them."""

from __future__ import annotations

import pytest

from lsp_server.completions.undo import TextHistory
from lsp_server.workspace.documents import Document, Edit, Position


def insert(column: int, text: str) -> Edit:
    return Edit(Position(0, column), Position(0, column), text)


def remove(start: int, end: int) -> Edit:
    return Edit(Position(0, start), Position(0, end), "")


def replace(start: int, end: int, text: str) -> Edit:
    return Edit(Position(0, start), Position(0, end), text)


WORD = [insert(4, "l"), insert(5, "e"), insert(6, "n")]
LATER = [insert(6, "l"), insert(7, "e"), insert(8, "n")]


@pytest.mark.parametrize(
    ("edits", "is_undone"),
    [
        (WORD, False),
        ([*WORD, remove(4, 7)], True),  # the word, as an editor takes it back
        ([insert(4, "a"), insert(5, "."), *LATER, remove(6, 9)], False),  # Ctrl+Backspace
        ([insert(4, "a"), insert(5, " "), *LATER, remove(6, 9)], False),
        ([insert(4, "a"), insert(5, " "), *LATER, remove(5, 9)], True),  # what an undo takes
        ([insert(4, "a"), insert(5, "."), *LATER, remove(4, 9)], True),
        ([insert(4, "a."), *LATER, remove(6, 9)], True),  # that was accepted: it may be either
        ([insert(4, "a"), insert(5, "."), insert(6, "len"), remove(6, 9)], True),
        ([insert(0, "#"), insert(5, "l"), insert(6, "e"), remove(5, 7)], True),  # typed elsewhere
        ([*WORD, remove(6, 7)], False),  # Backspace
        ([*WORD, remove(6, 7), insert(6, "n")], False),  # typed once more
        ([insert(4, "accepted()"), remove(4, 14)], True),
        ([insert(4, "accepted()"), remove(4, 14), insert(4, "accepted()")], True),  # a redo
        ([insert(4, "accepted()"), remove(4, 14), insert(4, "a")], False),
        ([insert(4, "accepted()"), remove(4, 13)], False),  # another text
        ([remove(0, 4), insert(0, "x = ")], True),
        ([replace(0, 1, "y"), replace(0, 1, "x")], False),  # keys
        ([replace(0, 4, "return "), replace(0, 7, "x = ")], True),
        ([insert(4, "("), insert(5, ")"), remove(4, 6)], True),
        ([insert(4, "()"), remove(4, 6)], True),
        ([insert(0, "    "), remove(0, 4)], False),  # Shift+Tab
        ([insert(0, "    "), remove(0, 4), insert(0, "    ")], False),  # and Tab
        ([insert(4, "\n    "), Edit(Position(0, 4), Position(1, 4), "")], True),
        ([insert(4, "\n"), Edit(Position(0, 4), Position(1, 0), "")], False),  # Backspace
    ],
)
def test_what_an_undo_is(edits: list[Edit], *, is_undone: bool) -> None:
    document = Document("file:///a.py", "python", 1, "x = \n")
    history = TextHistory()
    history.opened(document)
    for edit in edits:
        document.apply(edit)
        document.version += 1
        history.changed(document, [edit])
    assert history.is_undone(document) is is_undone
    document.version += 1
    assert not history.is_undone(document)


def test_edits_that_come_together_are_one_change() -> None:
    document = Document("file:///a.py", "python", 1, "ab\n")
    history = TextHistory()
    history.opened(document)
    for edits in ([insert(2, "x"), insert(0, "x")], [remove(3, 4), remove(0, 1)]):
        for edit in edits:
            document.apply(edit)
        document.version += 1
        history.changed(document, edits)
    assert document.text == "ab\n"
    assert not history.is_undone(document)  # two cursors, and Backspace


def test_a_document_that_was_closed_is_forgotten() -> None:
    document = Document("file:///a.py", "python", 1, "x = \n")
    history = TextHistory()
    history.opened(document)
    history.closed(document.uri)
    for edit in (insert(4, "long"), remove(4, 8)):
        document.apply(edit)
        document.version += 1
        history.changed(document, [edit])
    assert not history.is_undone(document)
