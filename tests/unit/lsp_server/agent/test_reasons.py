"""Why a fix ended without a repair, as the user is told."""

from __future__ import annotations

import pytest

from lsp_server.agent.data import TestCommand
from lsp_server.agent.reasons import why, why_nothing_to_mend
from lsp_server.agent.task import Request
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


@pytest.mark.parametrize(
    ("request_", "failing", "reason"),
    [
        (Request(tests=("test_a.py::test_it",)), (), "test_a.py::test_it does not fail here"),
        (Request(tests=("a", "b")), (), "none of the 2 tests that are named fails here"),
        (Request(tests=("a", "b")), ("b",), ""),
        (Request("It is wrong.", ("a",)), (), ""),  # the issue says what to look for
        (Request(), (), ""),
    ],
)
def test_named_tests_that_pass_leave_nothing_to_mend(
    request_: Request, failing: tuple[str, ...], reason: str
) -> None:
    told = why_nothing_to_mend(request_, FakeBaseline(failing, ("c",)))
    assert told.startswith(reason)
    assert bool(told) == bool(reason)


def test_where_no_tests_are_known_none_is_said_to_pass() -> None:
    assert why_nothing_to_mend(Request(tests=("a",)), None) == ""
