"""What is known of the user's doings, and what the editor may say of problems."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lsp_server.attention import (
    MAX_MESSAGE_CHARACTERS,
    MAX_PROBLEMS,
    Problem,
    UserActivity,
    read_problems,
)
from lsp_server.context.evidence import Attention
from lsp_server.workspace.documents import Document, Documents, Edit, Position


class Window:
    def __init__(self) -> None:
        self.documents = Documents()
        self.excluded: set[str] = set()
        self.activity = UserActivity(
            self.documents, lambda it: f"src/{it.uri}", lambda it: it.uri in self.excluded
        )

    def open(self, name: str, text: str = "x\n" * 40) -> Document:
        return self.documents.open(name, "python", 1, text)

    def type(self, document: Document, line: int) -> None:
        edit = Edit(Position(line, 0), Position(line, 0), "x")
        document.apply(edit)
        self.activity.edited(document.uri, edit)

    def at(self, document: Document, line: int = 0) -> Attention:
        return self.activity.attention(document, Position(line, 0))


@pytest.fixture
def window() -> Window:
    return Window()


def test_edits_of_other_documents_count(window: Window) -> None:
    a, b, c = (window.open(name) for name in ("a", "b", "c"))
    for document, line in ((b, 1), (a, 2), (c, 3)):
        window.type(document, line)
    assert window.at(a).edited == (("src/c", 3), ("src/b", 1))
    assert window.at(b).edited == (("src/c", 3), ("src/a", 2))
    assert window.at(a).open_paths == {"src/b", "src/c"}


def test_what_is_excluded_leaves_no_mark(window: Window) -> None:
    a, b = window.open("a"), window.open("b")
    window.type(b, 1)
    window.excluded.add("b")
    assert window.at(a) == Attention()
    window.excluded.clear()
    b.problem = "it is not what the editor shows"
    assert window.at(a) == Attention()


def test_a_document_that_was_closed_or_replaced_is_forgotten(window: Window) -> None:
    a, b, c = (window.open(name) for name in ("a", "b", "c"))
    window.type(b, 1)
    window.type(c, 1)
    window.activity.set_problems("b", [Problem(0, "it")])
    window.documents.close("b")
    window.activity.closed("b")
    window.activity.edited("c", None)
    assert window.at(a) == Attention(open_paths=frozenset({"src/c"}))
    assert window.at(window.open("b")).problems == ()


def test_problems_near_the_cursor_count(window: Window) -> None:
    a, b = window.open("a"), window.open("b")
    window.activity.set_problems("a", [Problem(line, f"in {line}") for line in range(0, 40, 4)])
    window.activity.set_problems("c", [Problem(20, "of a document that is not open")])
    assert window.at(a, 20).problems == ("in 16", "in 20", "in 24")
    assert window.at(b, 20).problems == ()
    window.open("c")
    assert window.at(window.open("c"), 20).problems == ()
    window.activity.set_problems("a", [])
    assert window.at(a, 20).problems == ()


def test_problems_are_bounded(window: Window) -> None:
    a = window.open("a")
    window.activity.set_problems("a", [Problem(0, str(number)) for number in range(1_000)])
    assert len(window.at(a).problems) == MAX_PROBLEMS
    _, (problem,) = read_problems(said("u", [said_of(0, "x" * 10_000)]))
    assert len(problem.message) == MAX_MESSAGE_CHARACTERS


def said(uri: Any, problems: Any) -> Any:
    return SimpleNamespace(uri=uri, problems=problems)


def said_of(line: Any, message: Any) -> Any:
    return SimpleNamespace(line=line, message=message)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (said("u", [said_of(3, "it")]), ("u", [Problem(3, "it")])),
        (
            said("u", [said_of("3", "it"), said_of(3, None), None, 5, said_of(4, "x")]),
            ("u", [Problem(4, "x")]),
        ),
        (said("u", []), ("u", [])),
        (said("u", None), ("u", [])),
        (said("u", "text"), ("u", [])),
        (said(None, 5), ("None", [])),
        (None, ("", [])),
        ([], ("", [])),
    ],
)
def test_whatever_the_editor_sends_is_read(params: Any, expected: object) -> None:
    assert read_problems(params) == expected
