"""Why a fix ended as it did, in a clause for the user. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from lsp_server.agent.data import Evidence, TestCommand
from lsp_server.agent.missing import find_missing_package
from lsp_server.agent.python_runs import PythonTests
from lsp_server.agent.task import Request


class Baseline(Protocol):
    """What the tests say before anything is changed; see `validate.py`."""

    @property
    def failing(self) -> tuple[str, ...]: ...
    @property
    def passing(self) -> tuple[str, ...]: ...
    @property
    def seconds(self) -> float: ...
    @property
    def output(self) -> str: ...


def why_not_tried(baseline: Baseline, command: TestCommand | None, paths: Iterable[str]) -> str:
    """Why no repair can help; empty where one may. `paths` are the workspace's files."""
    if command is None or not baseline.failing:
        return ""
    package = find_missing_package(baseline.output, paths)
    return package and (
        f"the tests cannot be imported, since {command.argv[0]} has no package {package}:"
        " install what the project needs there, or choose another interpreter"
    )


def why_nothing_to_mend(request: Request, baseline: Baseline | None) -> str:
    """Why there is nothing to do, where tests are named and nothing else is said; or an empty string."""
    if baseline is None or baseline.failing or not request.tests or request.issue.strip():
        return ""
    if len(request.tests) == 1:
        return f"{request.tests[0]} does not fail here, or not each time"
    return f"none of the {len(request.tests)} tests that are named fails here, or not each time"


def why_nowhere(issue: str, baseline: Baseline | None) -> str:
    """Why no file is suspicious."""
    if issue.strip():
        return "nothing in the issue leads to a file"
    if baseline is not None and not baseline.failing and not baseline.passing:
        said = baseline.output.strip().splitlines()
        return f"no test was run: {said[-1].strip() if said else 'the command said nothing'}"
    return "no test fails, and nothing was said of what is wrong"


def why(
    best: Evidence | None,
    evidence: Sequence[Evidence],
    baseline: Baseline | None,
    command: TestCommand | None,
    *,
    has_model: bool,
    had_time: bool,
) -> str:
    """Why the best is what it is, or why there is none. `had_time`: for a repair at all."""
    if best is not None:
        return best.reason
    if evidence:
        return f"none of {len(evidence)} candidates held; the last one: {evidence[-1].reason}"
    if baseline is None or not baseline.failing:
        return "nothing was found to try"
    if command is not None and PythonTests.of(command) is None and not has_model:
        return "without a model that chats, repairs are tried on Python alone"
    if not had_time:
        return (
            "the time was up before a repair could be tried: the tests alone take "
            f"{baseline.seconds:.0f} s here. Give it more time, or fewer tests"
        )
    return "nothing that was tried makes a failing test pass"
