"""Completion requests that overtake one another, come too late, or find the document changed."""

from __future__ import annotations

import asyncio

import pytest

from inference.errors import PromptTooLong
from lsp_server.features import completion
from lsp_server.trace import Verdict
from tests.unit.lsp_server.completion_window import HANG, URI, Window, patient_window
from tests.unit.lsp_server.on_loop import on_loop


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Window:
    return patient_window(monkeypatch)


@on_loop
async def test_a_newer_request_ends_the_older_ones(window: Window) -> None:
    window.open("a + b + c + d\n")
    window.client.steps = [HANG]
    older = []
    for column in (0, 1, 3, 5, 7):
        older.append(asyncio.create_task(window.ask(0, column)))
        window.client.hanging.clear()
        await window.client.hanging.wait()
    window.client.steps = ["new + "]
    newest = await window.ask(0, 4)
    assert newest is not None
    assert newest.text == "new + "
    assert await asyncio.gather(*older) == [None] * 5
    assert window.verdicts == [Verdict.SUPERSEDED] * 5 + [Verdict.SHOWN]
    assert window.client.closed == 6


@on_loop
async def test_requests_that_come_at_once_leave_the_newest(window: Window) -> None:
    window.open("x = \n")
    window.client.steps = ["new"]
    answers = await asyncio.gather(*(window.ask(0, 4) for _ in range(5)))
    assert [it and it.text for it in answers] == [None] * 4 + ["new"]
    assert window.verdicts == [Verdict.SUPERSEDED] * 4 + [Verdict.SHOWN]
    assert window.client.closed == len(window.client.requests)


@on_loop
async def test_of_an_older_request_a_late_cancellation_does_not_end_the_newer(
    window: Window,
) -> None:
    window.open("x = \n")
    window.client.steps = [HANG]
    older = asyncio.create_task(window.ask(0, 4))
    await window.client.hanging.wait()
    window.client.hanging.clear()
    newer = asyncio.create_task(window.ask(0, 1))
    await window.client.hanging.wait()
    older.cancel()
    await asyncio.wait({older})
    assert not newer.done()
    newer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await newer


@on_loop
async def test_at_the_deadline_what_is_there_is_shown(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completion, "DEADLINE_S", 0.05)
    window.open("x = \n")
    window.client.steps = ["part", HANG]
    answer = await window.ask(0, 4)
    assert answer is not None
    assert answer.text == "part"
    assert (window.trace.verdict, window.trace.late) == (Verdict.SHOWN, True)
    assert window.client.closed == 0
    generation = window.feature._generation
    assert generation is not None
    window.feature.stop()
    await asyncio.wait({generation.task})
    assert window.client.closed == 1


@pytest.mark.parametrize("event", ["edited", "closed", "opened anew", "replaced"])
@on_loop
async def test_of_a_document_that_moved_on_nothing_is_shown(window: Window, event: str) -> None:
    document = window.open("x = \n")

    def move_on() -> None:
        if event == "edited":
            document.version += 1
        elif event == "replaced":
            document.replace("")
            document.version += 1
        else:
            window.documents.close(URI)
            if event == "opened anew":
                window.open("y\n")

    window.client.steps = ["a", move_on]
    assert await window.ask(0, 4) is None
    assert window.trace.verdict is Verdict.STALE


@on_loop
async def test_a_prompt_that_is_too_long_is_tried_again_once_and_shorter(window: Window) -> None:
    window.documents.open("file:///b.py", "python", 1, "a line of words\n" * 500)
    window.open("x = \n")
    refusals = [PromptTooLong("too long")]

    def refuse() -> None:
        if refusals:
            raise refusals.pop()

    window.client.steps = [refuse, "a"]
    assert await window.ask(0, 4) is not None
    first, second = (
        sum(len(chunk.text) for chunk in layout.chunks()) for layout, *_ in window.client.requests
    )
    assert second < first
    assert window.trace.verdict is Verdict.SHOWN
    assert "the rest of file:///b.py" in window.trace.left_out


@on_loop
async def test_a_document_that_moved_on_is_not_tried_again(window: Window) -> None:
    document = window.open("x = \n")

    def refuse() -> None:
        document.version += 1
        raise PromptTooLong("too long")

    window.client.steps = [refuse]
    assert await window.ask(0, 4) is None
    assert window.trace.verdict is Verdict.STALE
    assert len(window.client.requests) == 1
