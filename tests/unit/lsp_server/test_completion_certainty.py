"""A completion whose model says how sure it is: what is asked, cut and hidden by that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference.protocol import Capabilities
from lsp_server.completions.calibration import Calibration
from lsp_server.features import completion
from lsp_server.trace import Verdict
from tests.unit.lsp_server.completion_window import TELLS_LOGPROBS, Window, patient_window
from tests.unit.lsp_server.on_loop import on_loop


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Window:
    return patient_window(monkeypatch)


@pytest.mark.parametrize(
    ("capabilities", "logprobs"),
    [
        (None, None),
        (replace(TELLS_LOGPROBS, logprobs=False), None),
        (replace(TELLS_LOGPROBS, references=True), 0),
        (TELLS_LOGPROBS, 0),
    ],
)
@on_loop
async def test_how_sure_it_is_is_asked_of_an_engine_that_tells(
    window: Window, capabilities: Capabilities | None, logprobs: int | None
) -> None:
    window.client.capabilities = capabilities
    window.client.logprob = -0.5 if logprobs is not None else None
    window.client.steps = ["1", "2"]
    window.open("x = \n")
    assert await window.ask(0, 4) is not None
    assert window.client.requests[0][2].logprobs == logprobs
    assert window.trace.mean_logprob == window.client.logprob


@on_loop
async def test_who_asks_by_hand_is_shown_what_is_unsure(window: Window) -> None:
    window.calibration = Calibration(-2.0, 300, 1)
    window.client.capabilities = TELLS_LOGPROBS
    window.client.logprob = -2.5
    window.client.steps = ["1"]
    window.open("x = \n")
    assert await window.ask(0, 4, trigger=completion.ASKED_FOR) is not None
    assert await window.ask(0, 4) is None  # what is remembered is as unsure
    assert window.verdicts == [Verdict.SHOWN, Verdict.UNSURE]


@on_loop
async def test_a_text_ends_where_the_model_becomes_unsure(window: Window) -> None:
    window.client.capabilities = replace(TELLS_LOGPROBS, least_chance=0.25)
    window.client.logprob = -0.5
    window.client.steps = ["first", "(", "sec", "ond", ")"]
    window.open("x = \n")
    shown = await window.ask(0, 4)
    assert shown is not None
    assert shown.text == "first("
    assert "unsure" in window.trace.stopped
    assert window.trace.mean_logprob == -0.5
    assert window.client.closed == 1
    assert window.client.taken == 3
    by_hand = await window.ask(0, 4, trigger=completion.ASKED_FOR)
    assert by_hand is not None
    assert by_hand.text == "first(second)"


@on_loop
async def test_what_is_likelier_wrong_than_right_is_not_shown(window: Window) -> None:
    window.client.capabilities = replace(TELLS_LOGPROBS, least_chance=0.25)
    window.client.logprob = -1.5
    window.client.steps = ["first", "(second)"]
    window.open("x = \n")
    assert await window.ask(0, 4) is None
    assert window.verdicts == [Verdict.UNSURE]
    assert window.trace.detail
