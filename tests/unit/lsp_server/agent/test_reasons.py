"""Why a fix ended without a repair, as the user is told."""

from __future__ import annotations

import pytest

from lsp_server.agent.data import TestCommand
from lsp_server.agent.reasons import why
from tests.unit.lsp_server.agent.fake_chat import FakeBaseline

PYTEST = TestCommand("pytest", ("python", "-m", "pytest"))


@pytest.mark.parametrize(
    ("had_time", "reason"),
    [
        (True, "nothing that was tried makes a failing test pass"),
        (False, "the time was up before a repair could be tried: the tests alone take 39 s here"),
    ],
)
def test_what_was_not_tried_is_not_said_to_have_failed(reason: str, *, had_time: bool) -> None:
    baseline = FakeBaseline(("a",), (), seconds=38.7)
    told = why(None, (), baseline, PYTEST, has_model=False, had_time=had_time)
    assert told.startswith(reason)
