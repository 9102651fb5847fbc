"""Every way out of a completion has its verdict, and errors are told without being shown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from inference.errors import (
    EngineFailed,
    HostUnavailable,
    InferenceError,
    NotReady,
    Overloaded,
    PromptTooLong,
    UnsupportedRequest,
)
from lsp_server.completions.calibration import Calibration
from lsp_server.config import Config
from lsp_server.features import completion, writing
from lsp_server.trace import Verdict
from lsp_server.workspace.documents import Edit, Position
from tests.unit.lsp_server.completion_window import (
    HANG,
    TELLS_LOGPROBS,
    URI,
    Window,
    patient_window,
)
from tests.unit.lsp_server.on_loop import on_loop


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Window:
    return patient_window(monkeypatch)


async def shown(window: Window) -> None:
    window.client.steps = ["1"]
    assert await window.ask(0, 4) is not None


async def disabled(window: Window) -> None:
    window.config = Config(enable=False)
    assert await window.ask(0, 4) is None


async def unknown_document(window: Window) -> None:
    assert await window.ask(uri="file:///b.py") is None


async def unfit_document(window: Window) -> None:
    window.open("\ud83d\n")
    assert await window.ask() is None


async def within_word(window: Window) -> None:
    window.open("xy\n")
    assert await window.ask(0, 1) is None


async def excluded(window: Window) -> None:
    window.excluded = "a reason"
    assert await window.ask(0, 4) is None


async def outside(window: Window) -> None:
    assert await window.ask(7, 0) is None


async def not_ready(window: Window) -> None:
    window.client.steps = [NotReady("the model is still loading")]
    assert await window.ask(0, 4) is None


async def no_idea(window: Window) -> None:
    window.client.steps = [" \n", "\n"]
    assert await window.ask(0, 4) is None


async def repeats(window: Window) -> None:
    window.open("f()\n")
    window.client.steps = [")"]
    assert await window.ask(0, 2) is None


async def superseded(window: Window) -> None:
    window.client.steps = [HANG]
    older = asyncio.create_task(window.ask(0, 4))
    await window.client.hanging.wait()
    window.client.steps = ["a"]
    assert await window.ask(0, 1) is not None
    assert await older is None
    window.traces._traces.pop()  # the newer one, which was shown


async def cancelled(window: Window) -> None:
    window.client.steps = [HANG]
    asking = asyncio.create_task(window.ask(0, 4))
    await window.client.hanging.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def stale(window: Window) -> None:
    document = window.open("x = \n")

    def type_on() -> None:
        document.apply(Edit(Position(0, 4), Position(0, 4), "y"))
        document.version += 1

    window.client.steps = ["a", type_on]
    assert await window.ask(0, 4) is None


async def undone(window: Window) -> None:
    document = window.documents.get(URI)
    assert document is not None
    for end, text in ((Position(0, 4), "long"), (Position(0, 8), "")):
        edit = Edit(Position(0, 4), end, text)
        document.apply(edit)
        document.version += 1
        window.feature.changed(document, [edit])
    assert await window.ask(0, 4) is None


async def unbalanced(window: Window) -> None:
    window.open("x = ;\n", "java")
    window.client.steps = ["f(a"]
    assert await window.ask(0, 4) is None


async def unknown_name(window: Window) -> None:
    window.client.steps = ["invented(1)"]
    assert await window.ask(0, 4) is None


async def unsure(window: Window) -> None:
    window.calibration = Calibration(-2.0, 300, 1)
    window.client.capabilities = TELLS_LOGPROBS
    window.client.logprob = -2.5
    window.client.steps = ["1"]
    assert await window.ask(0, 4) is None


async def breaks_syntax(window: Window) -> None:
    window.client.steps = ["f(]"]
    assert await window.ask(0, 4) is None


async def late(window: Window) -> None:
    window.client.steps = [HANG]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(completion, "DEADLINE_S", 0.01)
        patch.setattr(writing, "GENERATION_S", 0.05)
        assert await window.ask(0, 4) is None
        generation = window.feature._generation
        assert generation is not None  # it goes on, for the next request; but not for ever
        await asyncio.wait({generation.task})


async def busy(window: Window) -> None:
    window.client.steps = [Overloaded("too many requests")]
    assert await window.ask(0, 4) is None


async def failed(window: Window) -> None:
    window.client.steps = [UnsupportedRequest("it cannot")]
    assert await window.ask(0, 4) is None


OUTCOMES: dict[Verdict, tuple[Callable[[Window], Awaitable[None]], str, bool]] = {
    # what leads to a verdict, its detail, and whether a model was asked
    Verdict.SHOWN: (shown, "", True),
    Verdict.DISABLED: (disabled, "python", False),
    Verdict.UNKNOWN_DOCUMENT: (unknown_document, "", False),
    Verdict.UNFIT_DOCUMENT: (
        unfit_document,
        "the file holds characters that UTF-8 cannot express",
        False,
    ),
    Verdict.EXCLUDED: (excluded, "a reason", False),
    Verdict.WITHIN_WORD: (within_word, "", False),
    Verdict.UNDONE: (undone, "", False),
    Verdict.OUTSIDE: (outside, "it has 2 lines", False),
    Verdict.NOT_READY: (not_ready, "the model is still loading", True),
    Verdict.NO_IDEA: (no_idea, "", True),
    Verdict.REPEATS: (repeats, "", True),
    Verdict.UNBALANCED: (unbalanced, "", True),
    Verdict.BREAKS_SYNTAX: (breaks_syntax, "", True),
    Verdict.UNKNOWN_NAME: (unknown_name, "invented", True),
    Verdict.UNSURE: (unsure, "of 300 that it was as unsure of, 1 were taken", True),
    Verdict.SUPERSEDED: (superseded, "", True),
    Verdict.CANCELLED: (cancelled, "", True),
    Verdict.STALE: (stale, "", True),
    Verdict.LATE: (late, "", True),
    Verdict.BUSY: (busy, "too many requests", True),
    Verdict.FAILED: (failed, "it cannot", True),
}


@pytest.mark.parametrize("verdict", Verdict)
@on_loop
async def test_every_way_out_is_recorded(window: Window, verdict: Verdict) -> None:
    lead, detail, asked = OUTCOMES[verdict]
    window.feature.opened(window.open("x = \n", "python"))
    await lead(window)
    assert (window.trace.verdict, window.trace.detail) == (verdict, detail)
    assert window.trace.total_ms > 0
    assert bool(window.client.requests) is asked
    assert window.client.closed == len(window.client.requests)


@on_loop
async def test_what_was_only_said_again_is_told_from_nothing(window: Window) -> None:
    window.open("total = 1\n\n", "python")
    for said, verdict in (("total = 1\n", Verdict.REPEATS), ("\n", Verdict.NO_IDEA)):
        window.client.steps = [said]
        assert await window.ask(1, 0, trigger=completion.ASKED_FOR) is None
        assert window.verdicts[-1] is verdict


@on_loop
async def test_a_cancelled_request_is_closed_and_disturbs_no_other(window: Window) -> None:
    window.open("x = \n")
    await cancelled(window)
    assert window.client.closed == 1
    window.client.steps = ["a"]
    assert await window.ask(0, 4) is not None
    assert window.verdicts == [Verdict.CANCELLED, Verdict.SHOWN]


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (HostUnavailable("gone"), Verdict.NOT_READY),
        (NotReady("gone"), Verdict.NOT_READY),
        (EngineFailed("gone"), Verdict.FAILED),
        (PromptTooLong("gone"), Verdict.FAILED),
        (InferenceError("gone"), Verdict.FAILED),
    ],
)
@pytest.mark.parametrize("before", [[], ["some text"]])
@on_loop
async def test_what_a_host_refuses_is_told(
    window: Window, error: InferenceError, verdict: Verdict, before: list[str]
) -> None:
    window.open("x = \n")
    window.client.steps = [*before, error]
    assert await window.ask(0, 4) is None
    assert (window.trace.verdict, window.trace.detail) == (verdict, "gone")


@pytest.mark.parametrize("place", ["the model", "the context", "the editor"])
@on_loop
async def test_an_error_of_our_own_is_logged_and_no_more(
    window: Window, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    window.open("x = \n")
    window.client.steps = ["a"]

    def fail(*_: object) -> None:
        raise KeyError("a mistake")

    if place == "the model":
        window.client.steps = ["a", KeyError("a mistake")]
    elif place == "the context":
        monkeypatch.setattr(window.context, "at", fail)
    with caplog.at_level(logging.ERROR):
        on_text = fail if place == "the editor" else lambda _: None
        assert await window.ask(0, 4, on_text=on_text) is None
    assert window.trace.verdict is Verdict.FAILED
    assert "a mistake" in window.trace.detail
    assert "Traceback" in caplog.text
    assert window.client.closed == len(window.client.requests)
