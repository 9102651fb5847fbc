"""What of a repository stands in a document's layouts, and for how long it stays the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from inference.content import Layout
from inference.protocol import Role
from lsp_server.bench.context_snapshot import MemorySnapshot
from lsp_server.context.budget import Limits
from lsp_server.context.evidence import Attention
from lsp_server.context.stream import ContextStream
from lsp_server.workspace.documents import Document, Documents, Edit, Position
from tests.unit.lsp_server.made_repository import repository

FILES = {
    "shelf.py": "class Shelf:\n    def lend_book(self, title): ...\n    def count_free(self): ...\n",
    "desk.py": "class Desk:\n    def serve_member(self, member): ...\n",
    "weather.py": "class Cloud:\n    def let_it_rain(self, hours): ...\n",
}
BLANK = "\n" * 60
TEXT = f"def f(shelf: Shelf):\n    shelf.\n{BLANK}def g(desk: Desk):\n    desk.\n{BLANK}"
SHELF_LINE, DESK_LINE = 1, 63


class Window:
    """A window on a folder whose files are `files`, and a model with so much context."""

    def __init__(self, context_tokens: int | None = 4096) -> None:
        self.limits = Limits("model", context_tokens, 16)
        self.files: Mapping[str, str] | None = FILES
        self.asked = 0
        self.attention = Attention()
        self.excluded: set[str] = set()
        self.documents = Documents()
        self.stream = ContextStream(
            self.documents,
            lambda it: it.uri,
            lambda it: it.uri in self.excluded,
            limits=lambda: self.limits,
            snapshot=self._snapshot,
            attention=lambda *_: self.attention,
            is_hidden=lambda _, path: path in self.excluded,
        )

    def _snapshot(self, document: Document) -> MemorySnapshot | None:
        if self.files is None:
            return None
        self.asked += 1
        open_ = {it.uri: it.text for it in self.documents if it.uri not in self.excluded}
        known = repository({**self.files, **open_})
        return MemorySnapshot(known, document.uri, document.lines)

    def open(self, name: str = "new.py", text: str = TEXT) -> Document:
        return self.documents.open(name, "python", 1, text)

    def close(self, name: str) -> None:
        self.documents.close(name)
        self.stream.forget(name)

    def type(self, document: Document, line: int, text: str = "x") -> None:
        place = Position(line, len(document.lines[line].rstrip("\n")))
        document.apply(Edit(place, place, text))
        document.version += 1

    def at(self, document: Document, line: int = SHELF_LINE) -> Layout:
        column = len(document.lines[line].rstrip("\n"))
        return self.stream.at(document, Position(line, column))[0]

    def shown(self, document: Document, line: int = SHELF_LINE) -> dict[str, str]:
        return files(self.at(document, line))


def files(shown: Layout) -> dict[str, str]:
    return {
        it.path: "".join(chunk.text for chunk in it.chunks)
        for it in shown.sections
        if it.role is Role.CONTEXT
    }


@pytest.fixture
def window() -> Window:
    return Window()


def test_excerpts_stand_behind_the_open_files_and_before_the_current_one(window: Window) -> None:
    window.open("open.py", "opened = 1\n")
    sections = [(it.role, it.path) for it in window.at(window.open()).sections]
    assert sections[0] == (Role.CONTEXT, "open.py")
    assert (Role.CONTEXT, "shelf.py") in sections[1:-2]
    assert sections[-2:] == [(Role.SUFFIX, "new.py"), (Role.PREFIX, "new.py")]
    assert "def lend_book(self, title):" in files(window.at(window.open()))["shelf.py"]


def test_what_is_shown_is_told(window: Window) -> None:
    shown = window.shown(window.open())
    assert {it.path: it.text for it in window.stream.excerpts} == shown
    (excerpt,) = (it for it in window.stream.excerpts if it.path == "shelf.py")
    assert excerpt.reasons[0] == "what shelf is"
    window.limits = Limits("another")
    window.shown(window.open())
    assert window.stream.excerpts == ()


def test_a_keystroke_asks_for_nothing(window: Window) -> None:
    document = window.open()
    layout = window.at(document)
    asked = window.asked
    for text in "lend":
        window.type(document, SHELF_LINE, text)
        assert window.at(document) == layout
    assert window.asked == asked


def test_excerpts_stay_at_an_epoch_where_they_still_serve(window: Window) -> None:
    document = window.open()
    first = window.shown(document)
    window.files = {**FILES, "weather.py": FILES["weather.py"].replace("Cloud", "Storm")}
    window.stream.end_epoch()
    assert window.shown(document) == first


def test_they_are_others_where_they_do_not(window: Window) -> None:
    document = window.open()
    assert "lend_book" in str(window.shown(document))
    window.files = {**FILES, "shelf.py": "class Shelf:\n    def put_away(self, book): ...\n"}
    window.stream.end_epoch()
    assert "put_away" in str(window.shown(document))


def test_a_cursor_that_went_elsewhere_is_shown_what_it_needs_there() -> None:
    window = Window(330)  # for one class
    document = window.open()
    assert "lend_book" in str(window.shown(document, SHELF_LINE))
    assert "serve_member" not in str(window.shown(document, SHELF_LINE))
    assert "serve_member" in str(window.shown(document, DESK_LINE))


@pytest.mark.parametrize("outdate", [True, False])
def test_a_file_that_has_changed_is_shown_as_it_is(window: Window, *, outdate: bool) -> None:
    document = window.open()
    window.shown(document)
    window.files = {**FILES, "shelf.py": FILES["shelf.py"].replace("title", "title, days")}
    if outdate:
        window.stream.outdate()
    else:
        window.stream.end_epoch()  # what it shows may not be old, but what is needed is the same
    text = window.shown(document)["shelf.py"]
    assert ("def lend_book(self, title, days):" in text) == outdate


def test_another_document_has_others(window: Window) -> None:
    one = window.open("one.py", "def f(shelf: Shelf):\n    shelf.\n")
    other = window.open("other.py", "def f(desk: Desk):\n    desk.\n")
    assert "lend_book" in window.shown(one)["shelf.py"]
    assert "serve_member" in window.shown(other)["desk.py"]
    assert window.shown(other)["one.py"] == one.text


def test_a_file_that_is_opened_is_shown_whole(window: Window) -> None:
    document = window.open()
    assert "shelf.py" in window.shown(document)
    window.open("shelf.py", "changed = 1\n")
    window.stream.end_epoch()
    assert window.shown(document)["shelf.py"] == "changed = 1\n"
    assert len([it for it in window.at(document).sections if it.path == "shelf.py"]) == 1


@pytest.mark.parametrize("context_tokens", [4096, None])
def test_what_was_never_saved_is_gone_with_its_document(context_tokens: int | None) -> None:
    window = Window(context_tokens)
    window.excluded.add("none")
    document = window.open()
    window.open("shelf.py", FILES["shelf.py"].replace("title", "unsaved"))
    window.shown(document)
    window.close("shelf.py")
    assert "title" in window.shown(document)["shelf.py"]


def test_what_the_user_did_is_asked_for(window: Window) -> None:
    document = window.open("new.py", "x = 1\n\n")
    window.attention = Attention(problems=("Cloud is not defined",))
    assert "def let_it_rain(self, hours):" in window.shown(document, 1)["weather.py"]


@pytest.mark.parametrize("context_tokens", [None, 300, 1024, 4096, 32_768])
def test_without_an_index_all_is_as_it_was(context_tokens: int | None) -> None:
    window, plain = Window(context_tokens), Window(context_tokens)
    window.files = None
    plain.stream = ContextStream(
        plain.documents, lambda it: it.uri, lambda _: False, limits=lambda: plain.limits
    )
    for each in (window, plain):
        each.open("open.py", "opened = 1\n" * 200)
    assert window.at(window.open()) == plain.at(plain.open())
    assert window.stream.excerpts == ()


def test_an_index_that_comes_later_is_used(window: Window) -> None:
    window.files = None
    document = window.open()
    assert window.shown(document) == {}
    window.files = FILES
    window.stream.outdate()
    assert "shelf.py" in window.shown(document)


def test_a_store_that_is_opened_later_is_used(window: Window) -> None:
    """There is a snapshot before, that knows nothing."""
    window.files = {}
    document = window.open()
    assert window.shown(document) == {}
    window.files = FILES
    window.stream.outdate()
    assert "shelf.py" in window.shown(document)


def test_excerpts_take_their_share_at_most() -> None:
    big = {f"f{number}.py": FILES["shelf.py"] * 20 for number in range(40)}
    for context_tokens in (300, 1_000, 4_096, 100_000):
        window = Window(context_tokens)
        window.files = big
        excerpts = window.shown(window.open())
        room = min(2_048, window.limits.prompt_tokens or 0) / 0.4
        assert sum(map(len, excerpts.values())) <= min(room, context_tokens * 0.25 / 0.5)
    assert excerpts


RELATED = {
    "new.py": "from shelf import Shelf\n",
    **FILES,
    "far/away.txt": "nothing\n",
}


def test_with_room_for_all_related_files_go_first_and_there_are_no_excerpts() -> None:
    window = Window(None)
    window.files = RELATED
    window.open("open.py", "opened = 1\n")
    document = window.open("new.py", "from shelf import Shelf\n\nshelf.\n")
    paths = [it.path for it in window.at(document, 2).sections]
    assert paths[-4:] == ["shelf.py", "open.py", "new.py", "new.py"]  # the closest of them last
    assert "far/away.txt" not in paths
    assert files(window.at(document, 2))["shelf.py"] == FILES["shelf.py"]
    assert window.stream.excerpts == ()


def test_related_files_are_looked_for_anew_when_files_have_changed() -> None:
    window = Window(None)
    document = window.open()
    window.shown(document)
    asked = window.asked
    window.stream.end_epoch()
    window.shown(document)
    assert window.asked == asked
    window.files = {"shelf.py": "class Shelf: ...\n"}
    window.stream.outdate()
    assert window.shown(document) == {"shelf.py": "class Shelf: ...\n"}


@pytest.mark.parametrize("context_tokens", [4096, None])
@pytest.mark.parametrize("is_open", [True, False])
def test_what_is_left_out_is_not_shown(context_tokens: int | None, *, is_open: bool) -> None:
    """From the moment on that a rule says so, though the index has not heard of it yet."""
    window = Window(context_tokens)
    document = window.open()
    assert "lend_book" in str(window.shown(document))
    if is_open:
        window.open("shelf.py", FILES["shelf.py"])
    window.excluded.add("shelf.py")
    window.stream.end_epoch()
    assert "shelf.py" not in window.shown(document)
    window.excluded.clear()
    window.stream.end_epoch()
    assert "shelf.py" in window.shown(document)


def test_a_choice_is_a_function() -> None:
    """The same window twice shows the same bytes."""
    assert both(lambda window: window.at(window.open())) == 1
    assert both(lambda window: window.at(window.open(), DESK_LINE)) == 1


def both(look: Callable[[Window], Layout]) -> int:
    return len({look(Window()).id for _ in range(2)})
