"""What a model is shown whose context is bounded: what fits, near the cursor, and as long as it may."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.content import Layout
from inference.protocol import LayoutReady, Role, Tail
from lsp_server.context.budget import Limits
from lsp_server.context.stream import ContextStream
from lsp_server.workspace.documents import Document, Documents, Edit, Position

CODE = "".join(f"value_{number} = {number}\n\n" for number in range(400))
PROSE = "".join(
    f"a line of words, the {number}th of many lines of words\n" for number in range(300)
)


class Model:
    """Counts tokens as a host does, and says what a prompt of its comes to."""

    def __init__(self, context_tokens: int | None, characters_per_token: float = 3) -> None:
        self.limits = Limits("model", context_tokens, 16)
        self.characters_per_token = characters_per_token
        self.answers = True
        self.asked = 0

    def count(self, text: str) -> int:
        return round(len(text) / self.characters_per_token)

    def counts(self, layout: Layout) -> LayoutReady | None:
        self.asked += 1
        if not self.answers:
            return None
        counts = tuple(
            self.count("".join(chunk.text for chunk in section.chunks))
            for section in layout.sections
        )
        return LayoutReady(layout.id, counts, exact=True)

    def prompt_tokens(self, layout: Layout, tail: Tail) -> int:
        """With what a format adds."""
        texts = [chunk.text for chunk in layout.chunks()]
        paths = [section.path + "\n" for section in layout.sections]
        return self.count("".join([*texts, *paths, tail.prefix, tail.suffix])) + 6


class Window:
    def __init__(self, model: Model) -> None:
        self.model = model
        self.documents = Documents()
        self.stream = ContextStream(
            self.documents,
            lambda it: it.uri,
            lambda _: False,
            limits=lambda: self.model.limits,
            counts=self._counts,
        )

    def _counts(self, layout: Layout) -> LayoutReady | None:
        return self.model.counts(layout)

    def open(self, name: str, text: str = CODE) -> Document:
        return self.documents.open(name, "python", 1, text)

    def type(self, document: Document, line: int, text: str) -> None:
        place = Position(line, 0)
        document.apply(Edit(place, place, text))
        document.version += 1

    def at(self, document: Document, line: int, column: int = 0) -> tuple[Layout, Tail]:
        return self.stream.at(document, Position(line, column))


def text_of(shown: Layout, role: Role, path: str | None = None) -> str:
    return "".join(
        chunk.text
        for section in shown.sections
        if section.role is role and path in (None, section.path)
        for chunk in section.chunks
    )


def context(shown: Layout) -> list[tuple[str, str]]:
    return [
        (section.path, "".join(chunk.text for chunk in section.chunks))
        for section in shown.sections
        if section.role is Role.CONTEXT
    ]


@settings(deadline=None)
@given(
    st.sampled_from([300, 700, 1024, 2048, 4096, 8192, 32_768]),
    st.sampled_from([2.1, 3, 4.5]),
    st.lists(st.integers(0, 3), max_size=3),
    st.lists(st.tuples(st.integers(0, 799), st.booleans()), min_size=1, max_size=6),
)
def test_a_prompt_never_exceeds_the_context(
    context_tokens: int,
    characters_per_token: float,
    others: list[int],
    moves: list[tuple[int, bool]],
) -> None:
    window = Window(Model(context_tokens, characters_per_token))
    for number, size in enumerate(others):
        window.open(f"{number}.py", PROSE * size)
    document = window.open("a.py")
    for line, typed in moves:
        if typed:
            window.type(document, line, "typed = 1\n" * 9)
        layout, tail = window.at(document, line)
        assert window.model.prompt_tokens(layout, tail) < context_tokens
        # What is shown stands together around the cursor.
        before, after = document.lines[:line], document.lines[line:]
        assert "".join(before).endswith(text_of(layout, Role.PREFIX) + tail.prefix)
        assert "".join(after).startswith(tail.suffix + text_of(layout, Role.SUFFIX))


def test_a_context_that_is_large_enough_changes_nothing() -> None:
    shown = []
    for model in (Model(None), Model(262_144)):
        window = Window(model)
        window.open("b.py", PROSE)
        shown.append(window.at(window.open("a.py"), 400))
        assert window.stream.left_out() == ""
    assert shown[0] == shown[1]


def test_what_is_left_out_is_told() -> None:
    window = Window(Model(4096))
    window.open("c.py", PROSE)
    window.open("b.py", PROSE)
    document = window.open("a.py")
    layout, _ = window.at(document, 400)
    said = window.stream.left_out()
    assert [path for path, _ in context(layout)] == ["b.py"]
    assert said.startswith("the rest of b.py, c.py, lines 1 to ")
    first = int(said.split("lines 1 to ")[1].split()[0])
    assert text_of(layout, Role.PREFIX) == "".join(document.lines[first:400])


def test_of_many_files_that_are_left_out_some_are_named() -> None:
    window = Window(Model(2048))
    for number in range(20):
        window.open(f"{number}.py", PROSE)
    window.at(window.open("a.py", "x\n"), 0)
    assert window.stream.left_out() == (
        "the rest of 19.py, 18.py, 17.py, 16.py, 15.py, 15 more files"
    )


def test_counts_replace_the_first_guess() -> None:
    """They are taken at the next epoch, and are asked for at no keystroke."""
    window = Window(Model(4096, characters_per_token=4))
    document = window.open("a.py", PROSE)
    first, _ = window.at(document, 150)
    asked = window.model.asked
    for column in range(9):
        window.at(document, 150, column)
    assert window.model.asked == asked
    window.stream.end_epoch()
    second, tail = window.at(document, 150)
    assert len("".join(it.text for it in second.chunks())) > 1.5 * len(
        "".join(it.text for it in first.chunks())
    )
    assert window.model.prompt_tokens(second, tail) > 0.6 * 4096


def test_a_host_that_has_not_counted_yet_is_not_waited_for() -> None:
    window = Window(Model(2048, characters_per_token=2.5))
    window.model.answers = False
    document = window.open("a.py", PROSE)
    for line in (10, 100, 200):
        assert window.model.prompt_tokens(*window.at(document, line)) < 2048


@pytest.mark.parametrize("answers", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_a_refused_prompt_is_followed_by_a_shorter_one(*, answers: bool, known: bool) -> None:
    """Where a text is denser than any guess, and where a host does not say its limit."""
    window = Window(Model(2048 if known else None, characters_per_token=0.6))
    window.model.answers = answers
    window.open("b.py", PROSE)
    document = window.open("a.py", PROSE)
    attempts = 0
    while window.model.prompt_tokens(*(shown := window.at(document, 150))) >= 2048:
        window.stream.refused(shown[0])
        attempts += 1
        assert attempts < 20
    assert attempts >= 1
    if answers and known:
        assert attempts == 1
    assert text_of(shown[0], Role.PREFIX)


def test_another_model_has_other_limits() -> None:
    window = Window(Model(None))
    document = window.open("a.py", PROSE)
    whole, _ = window.at(document, 150)
    window.model = Model(2048)
    small, _ = window.at(document, 150)
    assert text_of(whole, Role.PREFIX) != text_of(small, Role.PREFIX)
    window.stream.refused(small)
    smaller, _ = window.at(document, 150)
    window.model.limits = dataclasses.replace(window.model.limits, model="another")
    again, _ = window.at(document, 150)
    assert len(list(smaller.chunks())) <= len(list(again.chunks()))
    assert again.id == small.id


def test_a_suffix_behind_the_prefix_is_short() -> None:
    """It is computed anew at each key."""
    window = Window(Model(32_768))
    window.model.limits = dataclasses.replace(window.model.limits, prefix_first=True)
    document = window.open("a.py", PROSE)
    layout, _ = window.at(document, 10)
    assert 100 < window.model.count(text_of(layout, Role.SUFFIX)) <= 512
    assert "lines" in window.stream.left_out()


def test_other_files_stay_while_the_cursor_moves_and_the_file_grows() -> None:
    window = Window(Model(4096))
    for name in ("b.py", "c.py"):
        window.open(name, PROSE)
    document = window.open("a.py", CODE[:2000])
    window.at(document, 0)
    window.stream.end_epoch()
    first = context(window.at(document, 0)[0])
    assert first
    for line in range(0, 90, 7):
        assert context(window.at(document, line)[0]) == first
    for line in range(30):
        window.type(document, line, f"new_{line} = {line}\n")
        assert context(window.at(document, line + 1)[0]) == first


def test_a_window_stays_while_the_cursor_moves_by_a_few_lines() -> None:
    window = Window(Model(2048))
    document = window.open("a.py", PROSE)
    window.at(document, 150)
    starts = set()
    for line in [*range(150, 160), *range(160, 150, -1)]:
        window.stream.end_epoch()
        starts.add(text_of(window.at(document, line)[0], Role.PREFIX)[:60])
    assert len(starts) <= 2


def test_an_edit_in_hidden_lines_moves_the_window_with_its_text() -> None:
    window = Window(Model(2048))
    document = window.open("a.py", PROSE)
    for line in (150, 151):
        window.at(document, line)
        window.stream.end_epoch()
    window.type(document, 0, "import os\n")
    layout, tail = window.at(document, 152)
    shown = text_of(layout, Role.PREFIX) + tail.prefix
    assert "".join(document.lines[:152]).endswith(shown)


@pytest.mark.parametrize("column", [0, 7_000, 15_000])
def test_of_a_line_without_end_what_is_near_is_shown(column: int) -> None:
    window = Window(Model(2048, characters_per_token=2))
    line = "".join(f"{number}," for number in range(4000))[:15_000]
    document = window.open("a.py", f"{CODE}\n{line}\n{CODE}")
    layout, tail = window.at(document, 801, column)
    assert line[:column].endswith(tail.prefix)
    assert (line[column:] + "\n").startswith(tail.suffix)
    assert len(tail.prefix) + len(tail.suffix) > 1000
    assert (text_of(layout, Role.PREFIX), text_of(layout, Role.SUFFIX)) == ("", "")
    assert window.model.prompt_tokens(layout, tail) < 2048


def test_without_a_cursor_the_layout_is_what_all_begin_with() -> None:
    window = Window(Model(4096))
    for name in ("b.py", "c.py"):
        window.open(name, PROSE)
    document = window.open("a.py", PROSE)
    window.stream.without_cursor(document)
    ahead = window.stream.without_cursor(document)  # as it is once the first has been counted
    assert context(ahead)
    assert [it.path for it in ahead.sections][-1] == "a.py"
    for line in (0, 100, 299):
        assert context(window.at(document, line)[0]) == context(ahead)


class TestReferences:
    """Text for an engine that searches beside its model."""

    def window(self, context_tokens: int) -> Window:
        model = Model(context_tokens)
        model.limits = dataclasses.replace(model.limits, references=True)
        return Window(model)

    def test_all_that_the_model_is_not_shown_is_there(self) -> None:
        window = self.window(1024)
        window.open("b.py", PROSE)
        document = window.open("a.py")
        layout, tail = window.at(document, 400)
        assert text_of(layout, Role.REFERENCE, "b.py") == PROSE
        hidden = [
            "".join(chunk.text for chunk in section.chunks)
            for section in layout.sections
            if section.role is Role.REFERENCE and section.path == "a.py"
        ]
        shown = text_of(layout, Role.PREFIX) + tail.prefix + tail.suffix
        shown += text_of(layout, Role.SUFFIX)
        assert hidden[0] + shown + hidden[1] == CODE
        assert "searched: 3" in window.stream.shown_files()

    def test_the_model_is_shown_as_much_as_without(self) -> None:
        shown = []
        for window in (Window(Model(1024)), self.window(1024)):
            window.open("b.py", PROSE)
            document = window.open("a.py")
            for line in (400, 20, 700):
                layout, tail = window.at(document, line)
                model = [it for it in layout.sections if it.role is not Role.REFERENCE]
                shown.append((model, tail))
        assert shown[:3] == shown[3:]

    def test_they_are_known_before_the_cursor_is(self) -> None:
        window = self.window(1024)
        window.open("b.py", PROSE)
        layout = window.stream.without_cursor(window.open("a.py"))
        assert text_of(layout, Role.REFERENCE) == PROSE

    def test_a_large_context_leaves_nothing_of_the_file_hidden(self) -> None:
        window = self.window(262_144)
        layout, _ = window.at(window.open("a.py"), 400)
        assert text_of(layout, Role.REFERENCE) == ""
