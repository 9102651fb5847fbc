"""What comes after an accept, and beside what is shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from types import SimpleNamespace

import pytest

from inference.content import Layout
from inference.protocol import Delta, Done, FinishReason, Priority, Tail, Timings, Usage
from inference.sampling import Sampling
from lsp_server.completion_events import Accepted, Answered, Asked, Written
from lsp_server.config import Config
from lsp_server.features import alternatives
from lsp_server.features.completion import ASKED_FOR, TYPING, Request
from lsp_server.trace import Source
from lsp_server.workspace.documents import Document, Edit, Position
from tests.unit.lsp_server.completion_window import HANG, URI, Window, patient_window
from tests.unit.lsp_server.on_loop import on_loop

TEXT = "def area(a, b):\n    \n\nprint(area(1, 2))\n"


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Window:
    made = patient_window(monkeypatch)
    made.client.steps = ["x = a\n"]
    return made


def edit(window: Window, document: Document, start: Position, end: Position, text: str) -> None:
    """As the editor tells it."""
    document.apply(Edit(start, end, text))
    document.version += 1
    window.feature.changed(document, [Edit(start, end, text)])


async def accept_first(window: Window) -> Document:
    document = window.open(TEXT)
    answer = await window.ask(1, 4)
    assert answer is not None
    window.client.steps = ["\n    return x"]
    edit(window, document, Position(1, 4), Position(1, 4), answer.text)
    return document


@on_loop
async def test_behind_an_accept_the_model_goes_on_before_it_is_asked(window: Window) -> None:
    await accept_first(window)
    await asyncio.sleep(0)
    assert len(window.client.requests) == 2
    answer = await window.ask(1, 9)
    assert answer is not None
    assert answer.text == "\n    return x"
    assert len(window.client.requests) == 2
    assert window.traces.last is not None
    assert window.traces.last.source in (Source.AHEAD, Source.REMEMBERED)


@on_loop
async def test_a_request_that_finds_it_under_way_says_so(window: Window) -> None:
    await accept_first(window)
    window.client.steps = ["\n    return", HANG]
    asked = asyncio.create_task(window.ask(1, 9))
    await window.client.hanging.wait()
    window.feature.stop()
    await asked
    assert list(window.traces)[-1].source is Source.AHEAD


@pytest.mark.parametrize("text", ["y", "\n"])
@on_loop
async def test_what_typing_parts_from_ends_without_a_request(window: Window, text: str) -> None:
    document = await accept_first(window)
    window.client.steps = [" + b", HANG]
    await window.client.hanging.wait()
    before = window.client.closed
    edit(window, document, Position(1, 9), Position(1, 9), text)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert window.client.closed == before + 1


@on_loop
async def test_what_is_typed_along_goes_on(window: Window) -> None:
    document = await accept_first(window)
    window.client.steps = [" + b", HANG]
    await window.client.hanging.wait()
    before = window.client.closed
    edit(window, document, Position(1, 9), Position(1, 9), " ")
    await asyncio.sleep(0)
    assert window.client.closed == before
    window.feature.stop()


@on_loop
async def test_a_word_keeps_the_rest_alive_and_asks_nobody(window: Window) -> None:
    document = window.open(TEXT)
    assert await window.ask(1, 4) is not None
    edit(window, document, Position(1, 4), Position(1, 4), "x =")
    answer = await window.ask(1, 7)
    assert answer is not None
    assert answer.text == " a"
    assert len(window.client.requests) == 1
    (accepted,) = (it for it in window.events if isinstance(it, Accepted))
    assert (accepted.text, accepted.is_whole) == ("x =", False)


@on_loop
async def test_what_was_undone_and_done_again_asks_nobody(window: Window) -> None:
    document = await accept_first(window)
    await window.ask(1, 9)
    asked = len(window.client.requests)
    edit(window, document, Position(1, 4), Position(1, 9), "")
    edit(window, document, Position(1, 4), Position(1, 4), "x = a")
    await asyncio.sleep(0)
    assert len(window.client.requests) == asked


@pytest.mark.parametrize("off", ["setting", "excluded"])
@on_loop
async def test_where_nothing_is_completed_nothing_goes_ahead(window: Window, off: str) -> None:
    document = window.open(TEXT)
    answer = await window.ask(1, 4)
    assert answer is not None
    if off == "setting":
        window.config = Config(enable=False)
    else:
        window.excluded = "a reason"
    edit(window, document, Position(1, 4), Position(1, 4), answer.text)
    await asyncio.sleep(0)
    assert len(window.client.requests) == 1


@on_loop
async def test_each_request_and_generation_is_told(window: Window) -> None:
    window.open(TEXT, "python")
    await window.ask(1, 4)
    kinds = [type(it) for it in window.events]
    assert kinds.count(Asked) == kinds.count(Answered) == kinds.count(Written) == 1
    (written,) = (it for it in window.events if isinstance(it, Written))
    assert (written.language, written.model, written.tokens) == ("python", "fake", 2)


class Drawing:
    """A client whose answers are those of a list, as several samples or one by one."""

    def __init__(self, *texts: str, at_once: bool) -> None:
        self.texts = list(texts)
        self.capabilities = SimpleNamespace(samples=at_once)
        self.endpoint = SimpleNamespace(model="fake")
        self.samplings: list[Sampling] = []

    async def generate(
        self, layout: Layout, tail: Tail, sampling: Sampling, priority: Priority
    ) -> AsyncGenerator[Delta | Done, None]:
        del layout, tail, priority
        self.samplings.append(sampling)
        for sample in range(sampling.samples):
            if self.texts:
                yield Delta(1, self.texts.pop(0), 1, sample)
        yield Done(1, FinishReason.STOP, Usage(9, 0, 1), Timings(0, 0, 0))


@pytest.mark.parametrize("at_once", [True, False])
@on_loop
async def test_who_asks_by_hand_has_a_choice(window: Window, at_once: bool) -> None:  # noqa: FBT001
    window.open(TEXT)
    request = Request(URI, Position(1, 4), ASKED_FOR)
    first = await window.feature.complete(request)
    assert first is not None
    drawing = Drawing("return a", "x = a\n", "return b", "never", at_once=at_once)
    window.client = drawing  # type: ignore[assignment]
    others = await window.feature.beside(request, first)
    assert [it.text for it in others] == ["return a", "return b"]
    assert [(it.start, it.end) for it in others] == [(first.start, first.end)] * 2
    samples = [it.samples for it in drawing.samplings]
    assert samples == ([3] if at_once else [1, 1, 1])
    assert all(it.temperature > 0 for it in drawing.samplings)


@on_loop
async def test_who_always_says_the_same_is_asked_twice(window: Window) -> None:
    window.open(TEXT)
    request = Request(URI, Position(1, 4), ASKED_FOR)
    first = await window.feature.complete(request)
    drawing = Drawing("return a", "return a", "return b", at_once=False)
    window.client = drawing  # type: ignore[assignment]
    assert [it.text for it in await window.feature.beside(request, first)] == ["return a"]
    assert len(drawing.samplings) == 2


@on_loop
async def test_what_is_drawn_too_late_is_left_out(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alternatives, "PATIENCE_S", 0.01)
    window.open(TEXT)
    request = Request(URI, Position(1, 4), ASKED_FOR)
    first = await window.feature.complete(request)
    window.client.steps = ["return b", HANG]
    assert [it.text for it in await window.feature.beside(request, first)] == ["return b"]
    assert window.client.closed == len(window.client.requests)


@on_loop
async def test_who_types_is_shown_one(window: Window) -> None:
    window.open(TEXT)
    request = Request(URI, Position(1, 4), TYPING)
    first = await window.feature.complete(request)
    assert await window.feature.beside(request, first) == []
    assert len(window.client.requests) == 1


@pytest.mark.parametrize(
    ("uri", "shown"), [("file:///a.py", None), ("vscode-notebook-cell:/a.ipynb#W0s", "sum(values)")]
)
@on_loop
async def test_in_a_notebook_other_cells_define_names(
    window: Window, uri: str, shown: str | None
) -> None:
    window.documents.open(uri, "python", 1, "total = ")
    window.client.steps = ["sum(values)"]
    answer = await window.ask(0, 8, uri=uri)
    assert (answer.text if answer else None) == shown
