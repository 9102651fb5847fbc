"""What a model is shown: always the document around the cursor, and as long as may be the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.content import Layout
from inference.protocol import Role, Tail
from lsp_server.context import chunks, layout, other_files
from lsp_server.context.layout import ContextFile, lay
from lsp_server.context.stream import ContextStream
from lsp_server.workspace.documents import Document, Documents, Edit, Position

CODE = "".join(f"value_{number} = {number}\n\n" for number in range(400))
LINES = st.lists(st.sampled_from(["\n", "  \n", "x = 1\n", "y = f(🐦)\r\n", "z" * 90 + "\n"]))
PLACES = st.tuples(st.integers(0, 60), st.integers(0, 95))
MOVES = st.one_of(
    st.tuples(st.just("type"), PLACES, st.sampled_from(["a", "(", "\n", "🐦", "\r"])),
    st.tuples(st.just("paste"), PLACES, LINES.map("".join)),
    st.tuples(st.just("cut"), PLACES, PLACES),
    st.tuples(st.just("move"), PLACES, st.none()),
    st.tuples(st.just("replace"), PLACES, LINES.map("".join)),
    st.tuples(st.just("save"), PLACES, st.none()),
)


class Window:
    """Open documents and their context; paths are the URIs' names."""

    def __init__(self) -> None:
        self.documents = Documents()
        self.excluded: set[str] = set()
        self.stream = ContextStream(
            self.documents,
            lambda it: it.uri.rpartition("/")[2],
            lambda it: it.uri.rpartition("/")[2] in self.excluded,
        )

    def open(self, name: str, text: str = "") -> Document:
        return self.documents.open(f"file:///{name}", "python", 1, text)

    def at(self, document: Document, line: int, column: int = 0) -> tuple[Layout, Tail]:
        return self.stream.at(document, Position(line, column))

    def shown(self, document: Document) -> list[str]:
        """The paths of the other files, in their order."""
        return paths(self.at(document, 0)[0])


def paths(shown: Layout) -> list[str]:
    return [section.path for section in shown.sections if section.role is Role.CONTEXT]


def text_of(shown: Layout, role: Role) -> str:
    (section,) = (it for it in shown.sections if it.role is role)
    return "".join(chunk.text for chunk in section.chunks)


def around(shown: Layout, tail: Tail) -> tuple[str, str]:
    """What the model sees before and behind the cursor."""
    return text_of(shown, Role.PREFIX) + tail.prefix, tail.suffix + text_of(shown, Role.SUFFIX)


def reference(document: Document, cursor: Position) -> tuple[str, str]:
    at = sum(map(len, document.lines[: cursor.line])) + cursor.column
    return document.text[:at], document.text[at:]


def inside(document: Document, place: tuple[int, int]) -> Position:
    line = min(place[0], len(document.lines) - 1)
    length = len(document.lines[line].rstrip("\r\n"))
    return Position(line, min(place[1], length))


def change(document: Document, edit: Edit) -> None:
    document.apply(edit)
    document.version += 1


@pytest.fixture
def window() -> Window:
    return Window()


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MIN_CHUNK_CHARACTERS", 40)
    monkeypatch.setattr(chunks, "MAX_CHUNK_CHARACTERS", 160)
    monkeypatch.setattr(layout, "MAX_TAIL_CHARACTERS", 120)


@given(
    LINES.map("".join),
    # In the first document or the other, and where the cursor is then, if not where the edit was.
    st.lists(st.tuples(st.booleans(), st.none() | PLACES, MOVES), max_size=12),
)
def test_the_model_sees_the_document_around_the_cursor(
    text: str, moves: list[tuple[bool, tuple[int, int] | None, tuple[str, tuple[int, int], Any]]]
) -> None:
    window = Window()
    both = [window.open("a.py", text), window.open("b.py", text)]
    for first, elsewhere, (kind, place, what) in moves:
        document = both[not first]
        cursor = inside(document, place)
        if kind in ("type", "paste"):
            change(document, Edit(cursor, cursor, what))
        elif kind == "cut":
            start, end = sorted((cursor, inside(document, what)))
            change(document, Edit(start, end, ""))
        elif kind == "replace":
            document.replace(what)
            document.version += 1
        elif kind == "save":
            window.stream.end_epoch()
        cursor = inside(document, elsewhere or place)
        shown, tail = window.stream.at(document, cursor)
        assert around(shown, tail) == reference(document, cursor)
        assert Layout.of(shown.sections).id == shown.id
        other = both[first]
        assert paths(shown) == [other.uri.rpartition("/")[2]]


@given(LINES, st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_an_epoch_holds_the_ends_of_a_document(
    lines: list[str], cursor_line: int, head: int, tail: int
) -> None:
    lines = [*lines, ""]
    cursor_line = min(cursor_line, len(lines) - 1)
    epoch = lay("a.py", lines, cursor_line, [])
    assert epoch.head_lines <= cursor_line < len(lines) - epoch.tail_lines
    assert text_of(epoch.layout, Role.PREFIX) == "".join(lines[: epoch.head_lines])
    assert text_of(epoch.layout, Role.SUFFIX) == "".join(lines[len(lines) - epoch.tail_lines :])
    # The borders of its two parts stand before lines that are not blank.
    assert epoch.head_lines == 0 or lines[epoch.head_lines].strip()
    assert epoch.tail_lines == 0 or lines[-epoch.tail_lines].strip()
    covered = epoch.covers(lines, cursor_line, head, tail)
    assert not (covered and (head < epoch.head_lines or tail < epoch.tail_lines))


def test_sections_go_from_what_changes_least_to_the_cursor() -> None:
    others = [ContextFile("x.py", ()), ContextFile("y.py", ())]
    made = lay("a.py", ["one\n", "two\n", "three\n"], 1, others).layout
    assert [(it.role, it.path) for it in made.sections] == [
        (Role.CONTEXT, "x.py"),
        (Role.CONTEXT, "y.py"),
        (Role.SUFFIX, "a.py"),
        (Role.PREFIX, "a.py"),
    ]


def test_typing_in_place_keeps_the_layout(window: Window) -> None:
    document = window.open("a.py", CODE)
    first, _ = window.at(document, 400)
    cursor = Position(400, 0)
    for character in "total = sum(\n    value for value in values\n)":
        change(document, Edit(cursor, cursor, character))
        newline = character == "\n"
        cursor = Position(cursor.line + newline, 0 if newline else cursor.column + 1)
        shown, tail = window.stream.at(document, cursor)
        assert shown is first
        assert around(shown, tail) == reference(document, cursor)


def test_a_new_epoch_begins_where_the_tail_ends(window: Window) -> None:
    document = window.open("a.py", CODE)
    first, _ = window.at(document, 400)
    assert window.at(document, 400, 5)[0] is first
    assert window.at(document, 401)[0] is first
    assert window.at(document, 0)[0] is not first
    second, _ = window.at(document, 400)
    assert (second.id, second is first) == (first.id, False)
    change(document, Edit(Position(0, 0), Position(0, 0), "# "))
    third, _ = window.at(document, 400)
    assert third.id != first.id


@pytest.mark.parametrize("line", [0, 398, 399, 401, 402, 403, 799])
def test_an_edit_beside_the_tail_is_seen(window: Window, line: int) -> None:
    """A formatter's, say, while the cursor stays."""
    document = window.open("a.py", CODE)
    before, _ = window.at(document, 400)
    change(document, Edit(Position(line, 0), Position(line, 0), "# "))
    shown, tail = window.at(document, 400)
    assert around(shown, tail) == reference(document, Position(400, 0))
    assert (shown is before) is (line == 401)


def test_a_tail_does_not_grow_for_ever(window: Window) -> None:
    document = window.open("a.py", CODE)
    first, _ = window.at(document, 400)
    longest, seen = 0, {first.id}
    for number in range(40):
        line = 400 + number
        change(document, Edit(Position(line, 0), Position(line, 0), f"new_{number} = {number}\n"))
        shown, tail = window.at(document, line + 1)
        seen.add(shown.id)
        longest = max(longest, len(tail.prefix))
    assert longest <= layout.MAX_TAIL_CHARACTERS
    assert 1 < len(seen) < 10


def test_an_epoch_changes_only_chunks_at_the_cursor(window: Window) -> None:
    document = window.open("a.py", CODE)
    held = {it.id for it in window.at(document, 400)[0].chunks()}
    change(document, Edit(Position(404, 0), Position(404, 0), "new = 1\n" * 30))
    anew = [it.id for it in window.at(document, 420)[0].chunks()]
    assert len(anew) > 20
    assert sum(it not in held for it in anew) < 12


@pytest.mark.parametrize("event", ["end", "forget", "another document"])
def test_what_else_begins_an_epoch(window: Window, event: str) -> None:
    document = window.open("a.py", CODE)
    first, _ = window.at(document, 400)
    if event == "end":
        window.stream.end_epoch()
    elif event == "forget":
        window.stream.forget("file:///unknown.py")
    else:
        window.at(window.open("b.py", "b\n"), 0)
    assert window.at(document, 400)[0] is not first


def test_excluded_and_unfit_documents_never_appear(window: Window) -> None:
    window.open("secret.py", "password\n")
    window.open("half.py", "\ud83d\n")
    window.open("long.py", "x" * 30_000)
    fit = window.open("fit.py", "fit\n")
    current = window.open("a.py", "a\n")
    window.excluded.add("secret.py")
    assert window.shown(current) == ["fit.py"]
    change(fit, Edit(Position(0, 0), Position(0, 0), "\ud83d"))
    window.stream.end_epoch()
    assert window.shown(current) == []
    window.excluded.clear()
    window.stream.end_epoch()
    assert window.shown(current) == ["secret.py"]


def test_another_document_is_shown_as_it_is_at_the_epoch(window: Window) -> None:
    other, current = window.open("b.py", "old\n"), window.open("a.py", "a\n")

    def context() -> str:
        return text_of(window.at(current, 0)[0], Role.CONTEXT)

    assert context() == "old\n"
    change(other, Edit(Position(0, 0), Position(0, 3), "new"))
    assert context() == "old\n"
    window.stream.end_epoch()
    assert context() == "new\n"


def test_a_document_that_was_opened_anew_is_shown_anew(window: Window) -> None:
    """With the same version, too: it is the editor that counts, from wherever it likes."""
    window.open("b.py", "old\n")
    current = window.open("a.py", "a\n")
    window.at(current, 0)
    window.documents.close("file:///b.py")
    window.stream.forget("file:///b.py")
    window.open("b.py", "new\n")
    assert text_of(window.at(current, 0)[0], Role.CONTEXT) == "new\n"


def test_the_last_visited_stand_next_to_the_current_file(window: Window) -> None:
    a, b, c, d = (window.open(f"{name}.py", f"{name}\n") for name in "abcd")
    assert window.shown(d) == ["a.py", "b.py", "c.py"]
    visits: Iterable[tuple[Document, list[str]]] = [
        (a, ["b.py", "c.py", "d.py"]),
        (c, ["b.py", "d.py", "a.py"]),
        (d, ["b.py", "a.py", "c.py"]),
        (a, ["b.py", "c.py", "d.py"]),
        (b, ["c.py", "d.py", "a.py"]),
        (b, ["c.py", "d.py", "a.py"]),
    ]
    for document, others in visits:
        assert window.shown(document) == others


def test_the_budget_goes_to_the_last_visited(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(other_files, "MAX_CONTEXT_CHARACTERS", 10)
    small = window.open("small.py", "1234")
    large = window.open("large.py", "12345678")
    new = window.open("new.py", "123456")
    current = window.open("a.py", "x" * 99)
    for visited in (small, large, new):
        window.at(visited, 0)
    assert window.shown(current) == ["small.py", "new.py"]
    window.at(large, 0)
    assert window.shown(current) == ["large.py"]
    change(large, Edit(Position(0, 0), Position(0, 0), "123"))
    window.stream.end_epoch()
    assert window.shown(current) == ["small.py", "new.py"]


def test_the_same_window_shows_the_same(window: Window) -> None:
    again = Window()
    ids = []
    for each in (window, again):
        documents = [each.open(name, CODE) for name in ("a.py", "b.py", "c.py")]
        each.at(documents[2], 3)
        ids.append([each.at(document, 400)[0].id for document in documents])
    assert ids[0] == ids[1]
