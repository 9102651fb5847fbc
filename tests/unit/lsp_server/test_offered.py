"""What is an accept: inferred from the edits of the document alone."""

from __future__ import annotations

import pytest

from lsp_server.completion_events import Accepted, CompletionEvent, Judged, Seen
from lsp_server.features.offered import SEEN_S, Offered
from lsp_server.features.request import Completion
from lsp_server.workspace.documents import Document, Edit, Position

TEXT = "def area(a, b):\n    \n\nprint(1)\n"
SHOWN = "if a:\n        return b"


class Editor:
    def __init__(self, text: str = TEXT, language: str = "python") -> None:
        self.now = 10.0
        self.events: list[CompletionEvent] = []
        self.document = Document("file:///a.py", language, 1, text)
        self.shown = Offered(self.events.append, lambda: self.now)

    def show(
        self, line: int = 1, column: int = 4, text: str = SHOWN, end: int | None = None
    ) -> None:
        start, to = Position(line, column), Position(line, column if end is None else end)
        self.shown.show(self.document, Completion(text, start, to), "wren")

    def edit(
        self, line: int, column: int, text: str, end_line: int | None = None, end: int | None = None
    ) -> Accepted | None:
        start = Position(line, column)
        to = Position(line if end_line is None else end_line, column if end is None else end)
        self.document.apply(Edit(start, to, text))
        return self.shown.changed(self.document)

    @property
    def seen(self) -> int:
        return sum(isinstance(it, Seen) for it in self.events)

    @property
    def accepted(self) -> list[str]:
        return [it.text for it in self.events if isinstance(it, Accepted)]


def test_all_of_it() -> None:
    editor = Editor()
    editor.show()
    accepted = editor.edit(1, 4, SHOWN)
    assert accepted == Accepted(
        uri="file:///a.py",
        start=Position(1, 4),
        text=SHOWN,
        is_whole=True,
        is_first=True,
        language="python",
        model="wren",
    )
    assert editor.events == [Seen("python", "wren"), accepted]


def test_word_by_word_and_then_the_rest() -> None:
    editor = Editor()
    editor.show()
    assert editor.edit(1, 4, "if") is not None
    assert editor.edit(1, 6, " a:") is not None
    last = editor.edit(1, 9, "\n        return b")
    assert last is not None
    assert (last.start, last.is_whole, last.is_first) == (Position(1, 9), True, False)
    assert editor.accepted == ["if", " a:", "\n        return b"]
    assert editor.seen == 1


@pytest.mark.parametrize(
    ("shown", "typed"),
    [
        (SHOWN, "i"),  # typing along
        (SHOWN, "while a:"),  # something else, pasted
        (SHOWN, SHOWN + "\n"),  # more than what was shown
        ("()\n", "()"),  # a bracket that the editor closes
        ("\n        pass", "\n        "),  # an indentation that the editor makes
    ],
)
def test_what_is_no_accept(shown: str, typed: str) -> None:
    editor = Editor()
    editor.show(text=shown)
    assert editor.edit(1, 4, typed) is None
    assert editor.accepted == []


def test_typing_along_and_then_taking_the_rest() -> None:
    editor = Editor()
    editor.show()
    editor.edit(1, 4, "i")
    editor.show(1, 5, SHOWN[1:])
    editor.edit(1, 5, "f")
    editor.show(1, 6, SHOWN[2:])
    accepted = editor.edit(1, 6, SHOWN[2:])
    assert accepted is not None
    assert (accepted.text, accepted.start, accepted.is_whole) == (SHOWN[2:], Position(1, 6), True)
    assert editor.seen == 1


def test_undone_and_done_again_counts_once() -> None:
    editor = Editor()
    editor.show()
    assert editor.edit(1, 4, "if a:") is not None
    assert editor.edit(1, 4, "", 1, 9) is None
    assert editor.edit(1, 4, "if a:") is None
    assert editor.accepted == ["if a:"]


def test_the_selected_entry_of_the_suggestion_widget() -> None:
    editor = Editor("value = app\n")
    editor.show(0, 8, "append(1)", end=11)
    accepted = editor.edit(0, 8, "append(1)", 0, 11)
    assert accepted is not None
    assert (accepted.text, accepted.start, accepted.is_whole) == ("end(1)", Position(0, 11), True)


def test_an_entry_that_does_not_begin_with_what_was_typed() -> None:
    editor = Editor("value = apd\n")
    editor.show(0, 8, "append(1)", end=11)
    accepted = editor.edit(0, 8, "append(1)", 0, 11)
    assert accepted is not None
    assert (accepted.text, accepted.start) == ("append(1)", Position(0, 8))


def test_line_endings_of_windows() -> None:
    editor = Editor(TEXT.replace("\n", "\r\n"))
    editor.show()
    accepted = editor.edit(1, 4, SHOWN.replace("\n", "\r\n"))
    assert accepted is not None
    assert accepted.text == SHOWN


def test_what_stood_there_long_enough_was_seen() -> None:
    editor = Editor()
    editor.show()
    editor.now += SEEN_S / 2
    editor.edit(3, 0, "x")
    assert editor.seen == 0
    editor.show()
    editor.now += 2 * SEEN_S
    editor.edit(3, 0, "y")
    assert editor.seen == 1
    editor.shown.end()
    assert editor.seen == 1


def test_another_text_takes_its_place() -> None:
    editor = Editor()
    editor.show()
    editor.now += 2 * SEEN_S
    editor.show(text="pass")
    assert editor.seen == 1
    assert editor.edit(1, 4, SHOWN) is None
    assert editor.accepted == []


def test_an_edit_of_another_document_changes_nothing() -> None:
    editor = Editor()
    editor.show()
    assert editor.shown.changed(Document("file:///b.py", "python", 1, TEXT)) is None
    assert editor.edit(1, 4, SHOWN) is not None


@pytest.mark.parametrize(
    ("waits", "text", "judged"),
    [
        (True, "x", [Judged("wren", -0.5, was_taken=False)]),
        (False, "x", []),
        (False, SHOWN, [Judged("wren", -0.5, was_taken=True)]),
        (False, "if a:", []),
    ],
)
def test_what_was_seen_is_judged_once_it_has_gone(
    waits: bool,  # noqa: FBT001
    text: str,
    judged: list[Judged],
) -> None:
    editor = Editor()
    place = Position(1, 4)
    editor.shown.show(editor.document, Completion(SHOWN, place, place), "wren", -0.5)
    editor.now += 2 * SEEN_S * waits
    editor.edit(1, 4, text)
    assert [it for it in editor.events if isinstance(it, Judged)] == judged
    editor.shown.end()
    taken = text != "x"
    assert [it.was_taken for it in editor.events if isinstance(it, Judged)] == (
        [taken] if waits or taken else []
    )
