"""What was generated serves on while what is typed is what it says, and no longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.client import InferenceClient
from inference.content import Layout
from inference.protocol import Delta, Done, FinishReason, Priority, Tail, Timings, Usage
from inference.sampling import Sampling
from lsp_server.features import completion, generation
from lsp_server.features.anchor import Anchor
from lsp_server.trace import Source, Verdict
from lsp_server.workspace.documents import Document, Edit, Position
from tests.unit.lsp_server.completion_window import HANG, Window, patient_window
from tests.unit.lsp_server.on_loop import on_loop

TEXT = "def area(a, b):\n    \n\nprint(area(1, 2))\n"
SAID = "return a * b\n"


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Window:
    made = patient_window(monkeypatch)
    made.client.steps = [SAID]
    return made


def do(document: Document, start: Position, end: Position, text: str) -> None:
    document.apply(Edit(start, end, text))
    document.version += 1


def type_at(document: Document, line: int, column: int, text: str) -> None:
    do(document, Position(line, column), Position(line, column), text)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("", "return a * b"),
        ("r", "eturn a * b"),
        ("return a *", " b"),
        ("return b", None),
        ("return a * b", None),  # nothing is left to say
    ],
)
@on_loop
async def test_along_what_was_said_no_model_is_asked(
    window: Window, typed: str, shown: str | None
) -> None:
    document = window.open(TEXT)
    assert await window.ask(1, 4) is not None
    type_at(document, 1, 4, typed)
    window.client.steps = ["another"]
    answer = await window.ask(1, 4 + len(typed))
    assert answer is not None
    assert answer.text == (shown or "another")
    assert len(window.client.requests) == (1 if shown else 2)
    source = window.traces._traces[-1].source
    assert source is (Source.REMEMBERED if shown else Source.MODEL)


@pytest.mark.parametrize("behind", [[HANG], []], ids=["goes on", "ends"])
@on_loop
async def test_one_that_was_silent_and_says_something_else_is_asked_anew(
    window: Window, behind: list[object]
) -> None:
    document = window.open(TEXT)
    may_speak = asyncio.Event()
    window.client.steps = [window.client.hanging.set, may_speak, "pass", *behind]
    first = asyncio.create_task(window.ask(1, 4))
    await window.client.hanging.wait()
    type_at(document, 1, 4, "r")
    window.client.steps = ["eturn a * b"]
    shown: list[str] = []
    second = asyncio.create_task(window.ask(1, 5, on_text=shown.append))
    assert await first is None
    may_speak.set()
    answer = await second
    assert answer is not None
    assert answer.text == "eturn a * b"
    assert shown == ["eturn a * b"]
    assert window.traces._traces[-1].source is Source.MODEL
    assert (len(window.client.requests), window.client.closed) == (2, 2)


@on_loop
async def test_who_deletes_back_or_returns_is_served(window: Window) -> None:
    document = window.open(TEXT)
    assert await window.ask(1, 4) is not None
    type_at(document, 1, 4, "returns")
    window.client.steps = ["(7)"]
    assert await window.ask(1, 11) is not None
    do(document, Position(1, 10), Position(1, 11), "")
    answer = await window.ask(1, 10)
    assert answer is not None
    assert answer.text == " a * b"
    type_at(document, 1, 10, "s")
    answer = await window.ask(1, 11)
    assert answer is not None
    assert answer.text == "(7)"
    assert len(window.client.requests) == 2


@on_loop
async def test_of_several_lines_the_rest_is_served(window: Window) -> None:
    window.client.steps = ["if a:\n        return b\n"]
    document = window.open(TEXT)
    assert await window.ask(1, 4) is not None
    type_at(document, 1, 4, "if a:\n        ")
    answer = await window.ask(2, 8)
    assert answer is not None
    assert (answer.text, answer.start) == ("return b", Position(2, 8))
    assert len(window.client.requests) == 1


@pytest.mark.parametrize(
    "edit",
    [
        Edit(Position(0, 4), Position(0, 8), "size"),
        Edit(Position(3, 0), Position(3, 0), "x"),
        Edit(Position(2, 0), Position(2, 0), "\n"),
        Edit(Position(1, 4), Position(1, 4), "  "),
        Edit(Position(1, 0), Position(1, 4), "\t"),
    ],
)
@on_loop
async def test_a_text_that_is_another_is_asked_about_anew(window: Window, edit: Edit) -> None:
    document = window.open(TEXT)
    assert await window.ask(1, 4) is not None
    do(document, edit.start, edit.end, edit.text)
    window.client.steps = ["pass"]
    await window.ask(1, len(document.lines[1]) - 1)
    assert len(window.client.requests) == 2


@on_loop
async def test_another_model_is_not_spoken_for(window: Window) -> None:
    window.open(TEXT)
    assert await window.ask(1, 4) is not None
    window.client.endpoint.model = "other"
    assert await window.ask(1, 4) is not None
    assert len(window.client.requests) == 2


@on_loop
async def test_who_asks_by_hand_is_answered_anew(window: Window) -> None:
    window.open(TEXT)
    assert await window.ask(1, 4) is not None
    window.client.steps = ["another"]
    answer = await window.ask(1, 4, trigger=completion.ASKED_FOR)
    assert answer is not None
    assert answer.text == "another"


@on_loop
async def test_what_is_old_is_not_shown(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(window.feature, "_suggestions", generation.Suggestions(lambda: now[0]))
    window.open(TEXT)
    assert await window.ask(1, 4) is not None
    now[0] = generation.REMEMBERED_S + 1
    assert await window.ask(1, 4) is not None
    assert len(window.client.requests) == 2


@on_loop
async def test_a_selected_entry_is_asked_about_by_itself(window: Window) -> None:
    document = window.open("xs.\n")
    assert await window.ask(0, 3) is not None
    selected = Edit(Position(0, 3), Position(0, 3), "append")
    assert await window.ask(0, 3, selected=selected) is not None
    assert len(window.client.requests) == 2
    type_at(document, 0, 3, "append")
    assert await window.ask(0, 9) is not None
    assert len(window.client.requests) == 3


async def begin(window: Window, *steps: object) -> asyncio.Task[completion.Completion | None]:
    """A request whose generation has said the steps, and hangs."""
    window.client.steps = [*steps, HANG]
    asking = asyncio.create_task(window.ask(1, 4))
    await window.client.hanging.wait()
    return asking


@pytest.mark.parametrize("typed", ["", "re", "return a"])
@on_loop
async def test_a_generation_that_still_fits_goes_on(window: Window, typed: str) -> None:
    document = window.open(TEXT)
    ended = asyncio.Event()

    async def until_typed(*_: object) -> AsyncGenerator[Delta | Done, None]:
        window.client.hanging.set()
        yield Delta(1, "ret", 1)
        await ended.wait()
        yield Delta(1, "urn a * b\n", 5)
        yield Done(1, FinishReason.STOP, Usage(90, 80, 6), Timings(0, 0, 0))

    window.client.generate = until_typed  # type: ignore[method-assign, assignment]
    older = asyncio.create_task(window.ask(1, 4))
    await window.client.hanging.wait()
    type_at(document, 1, 4, typed)
    newer = asyncio.create_task(window.ask(1, 4 + len(typed)))
    assert await older is None
    ended.set()
    answer = await newer
    assert answer is not None
    assert answer.text == "return a * b"[len(typed) :]
    assert window.verdicts == [Verdict.SUPERSEDED, Verdict.SHOWN]
    assert window.traces._traces[-1].source is Source.UNDER_WAY


@on_loop
async def test_one_that_fits_no_more_ends_at_once(window: Window) -> None:
    document = window.open(TEXT)
    older = await begin(window, "return")
    type_at(document, 1, 4, "pa")
    window.client.steps = ["ss"]
    answer = await window.ask(1, 6)
    assert answer is not None
    assert answer.text == "ss"
    assert await older is None
    assert window.client.closed == 2


@pytest.mark.parametrize(("typed", "goes_on"), [("", False), ("ret", True), ("x", False)])
@on_loop
async def test_a_cancelled_request_leaves_only_what_is_typed_along(
    window: Window, typed: str, *, goes_on: bool
) -> None:
    document = window.open(TEXT)
    asking = await begin(window, "return")
    type_at(document, 1, 4, typed)
    running = window.feature._generation
    assert running is not None
    asking.cancel()
    await asyncio.wait({asking})
    assert (window.feature._generation is running) is goes_on
    if goes_on:
        assert window.client.closed == 0
        window.feature.stop()
    await asyncio.wait({running.task})
    assert window.client.closed == 1


@on_loop
async def test_what_came_late_is_shown_the_next_time(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completion, "DEADLINE_S", 0.01)
    said = asyncio.Event()

    async def late(*_: object) -> AsyncGenerator[Delta | Done, None]:
        window.client.requests.append(cast("tuple[Layout, Tail, Sampling, Priority]", _))
        await said.wait()
        yield Delta(1, SAID, 5)

    window.client.generate = late  # type: ignore[method-assign, assignment]
    window.open(TEXT)
    assert await window.ask(1, 4) is None
    assert window.verdicts == [Verdict.LATE]
    running = window.feature._generation
    assert running is not None
    said.set()
    await running.task
    answer = await window.ask(1, 4)
    assert answer is not None
    assert answer.text == "return a * b"
    assert len(window.client.requests) == 1


PIECES = st.sampled_from(["a", "b", " ", "(", ")", "\n", "return ", "a * b", "\r\n", "é"])
TRACES = st.lists(
    st.one_of(
        PIECES,
        st.integers(-6, -1),  # characters to delete
        st.tuples(st.integers(0, 5), st.integers(0, 9)),  # where the cursor goes
    ),
    min_size=1,
    max_size=14,
)
ANSWERS = ["return a * b\n", "a * b", "", "b)\n    a\n", "(a)"]


class _Typist:
    """Types a trace, asks after each key, and holds what the model said for which text."""

    def __init__(self) -> None:
        self.window = Window()
        self.document = self.window.open(TEXT)
        self.cursor = Position(1, 4)
        self.said: list[tuple[str, str, str]] = []  # before the cursor, behind it, what was said
        self.window.feature._client = lambda: cast("InferenceClient", self)
        self.endpoint = self.window.client.endpoint
        self._around: dict[int, tuple[str, str]] = {}  # the text, by the tail that shows it
        self._tails: list[Tail] = []
        self._at = self.window.context.at
        self.window.context.at = self._show  # type: ignore[method-assign]

    def _show(self, document: Document, cursor: Position) -> tuple[Layout, Tail]:
        layout, tail = self._at(document, cursor)
        self._tails.append(tail)
        self._around[id(tail)] = self.around()
        return layout, tail

    async def generate(
        self, _layout: Layout, tail: Tail, *_: object
    ) -> AsyncGenerator[Delta | Done, None]:
        text = ANSWERS[len(self.said) % len(ANSWERS)]
        self.said.append((*self._around[id(tail)], text))
        await asyncio.sleep(0)
        for piece in (text[:3], text[3:]):
            yield Delta(1, piece, 1)
            await asyncio.sleep(0)
        yield Done(1, FinishReason.STOP, Usage(9, 8, 2), Timings(0, 0, 0))

    def around(self) -> tuple[str, str]:
        lines = self.document.lines
        at = sum(map(len, lines[: self.cursor.line])) + self.cursor.column
        text = "".join(lines)
        return text[:at], text[at:]

    def press(self, key: str | int | tuple[int, int]) -> None:
        if isinstance(key, tuple):
            line = min(key[0], len(self.document.lines) - 1)
            length = len(self.document.lines[line].rstrip("\r\n"))
            self.cursor = Position(line, min(key[1], length))
            return
        before, _ = self.around()
        if isinstance(key, int):
            start = self._place(before[:key])
            do(self.document, start, self.cursor, "")
            self.cursor = start
        else:
            type_at(self.document, self.cursor.line, self.cursor.column, key)
            self.cursor = self._place(before + key)

    def _place(self, before: str) -> Position:
        anew = Document("file:///b.py", "python", 1, before)
        return Position(len(anew.lines) - 1, len(anew.lines[-1]))


@given(trace=TRACES, waits=st.booleans())
@settings(max_examples=150, deadline=None)
def test_what_is_shown_always_continues_a_text_that_the_model_saw(
    trace: list[str | int | tuple[int, int]], *, waits: bool
) -> None:
    async def run() -> None:
        typist = _Typist()
        asked: list[asyncio.Task[None]] = []
        for key in trace:
            typist.press(key)
            asking = asyncio.create_task(_ask_and_check(typist))
            asked.append(asking)
            if waits:
                await asking
            else:
                await asyncio.sleep(0)
        await asyncio.gather(*asked)
        running = typist.window.feature._generation
        typist.window.feature.stop()
        if running is not None:
            await asyncio.wait({running.task})

    asyncio.run(run())


async def _ask_and_check(typist: _Typist) -> None:
    version, cursor = typist.document.version, typist.cursor
    before, behind = typist.around()
    answer = await typist.window.ask(cursor.line, cursor.column)
    if answer is None:
        return
    assert typist.document.version == version
    assert (answer.start, answer.end) == (cursor, cursor)
    assert any(
        behind == its_behind and (its_before + text).startswith(before + answer.text)
        for its_before, its_behind, text in typist.said
    ), (before, answer, typist.said)


def test_an_anchor_tells_where_the_cursor_is() -> None:
    document = Document("file:///a.py", "python", 1, TEXT)
    anchor = Anchor.at(document, Position(1, 4))
    type_at(document, 1, 4, "if a:\n        b")
    assert anchor.cursor(document) == Position(2, 9)
    assert anchor.typed(document) == "if a:\n        b"
    assert anchor.typed(document, Position(2, 8)) is None
