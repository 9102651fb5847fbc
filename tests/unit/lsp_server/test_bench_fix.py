"""What the benchmark of fixes reports where it was interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from inference.endpoint import RUNTIME_DIR_VARIABLE
from lsp_server.agent.data import Verdict
from lsp_server.agent.tests_found import TestsUnknown
from lsp_server.bench import fix
from lsp_server.bench.fix_programs import Program
from lsp_server.bench.interruption import is_done_before_a_signal
from lsp_server.bench.measure import CouldNotRun
from lsp_server.workspace.store_file import CACHE_DIR_VARIABLE

PROGRAMS = [Program(name, "", "", "", "") for name in ("one", "two", "three")]
RIGHT = fix.Outcome("one", Verdict.VERIFIED, True, "template: off by one", 2.0, "it passes")  # noqa: FBT003


@pytest.fixture
def interrupted_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The programs at which a signal comes; the others are right at once."""
    names: list[str] = []

    async def fix_all(
        programs: list[Program], folder: Path, console: Console, outcomes: list[fix.Outcome]
    ) -> None:
        del folder, console
        for program in programs:
            if program.name in names:
                os.kill(os.getpid(), signal.SIGTERM)
                await asyncio.Event().wait()
            outcomes.append(RIGHT)

    monkeypatch.setattr(fix, "_fix_all", fix_all)
    monkeypatch.setattr(fix, "humanevalfix", lambda _: PROGRAMS)
    # They are set for its hosts, and stay so in a process that does nothing else.
    for variable in (RUNTIME_DIR_VARIABLE, CACHE_DIR_VARIABLE):
        monkeypatch.setenv(variable, "")
    return names


def measure() -> tuple[dict[str, Any], str]:
    console = Console(file=io.StringIO(), width=100)
    result = asyncio.run(fix.run(console, quick=False, data=Path(), only="humanevalfix"))
    assert isinstance(console.file, io.StringIO)
    found = result["humanevalfix"]
    assert (result["humanevalfix_fixed"], result["humanevalfix_tried"]) == (
        found["fixed"],
        found["tried"],
    )
    return found, console.file.getvalue()


def test_it_says_of_how_many_its_figures_are(interrupted_at: list[str]) -> None:
    interrupted_at.append("three")
    found, printed = measure()
    assert (found["programs"], found["tried"], found["fixed"]) == (3, 2, 2)
    assert "interrupted: 2 of 3 programs were tried" in printed
    assert "2 of 2" in printed


def test_nothing_is_said_of_an_interruption_that_was_none(interrupted_at: list[str]) -> None:
    assert interrupted_at == []
    found, printed = measure()
    assert (found["programs"], found["tried"]) == (3, 3)
    assert "interrupted" not in printed


def test_it_has_no_figures_before_the_first_program(interrupted_at: list[str]) -> None:
    interrupted_at.append("one")
    with pytest.raises(CouldNotRun, match="interrupted before"):
        measure()


def test_a_program_whose_tests_did_not_run_is_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def fix_one(program: Program, root: Path, client: object) -> fix.Outcome:
        del root, client
        if program.name == "two":
            raise TestsUnknown("no test ran: it was ended after 12 s")
        return RIGHT

    outcomes: list[fix.Outcome] = []
    monkeypatch.setattr(fix, "host_client", contextlib.nullcontext)
    monkeypatch.setattr(fix, "_fix", fix_one)
    asyncio.run(fix._fix_all(PROGRAMS, tmp_path, Console(file=io.StringIO()), outcomes))
    assert [it.is_right for it in outcomes] == [True, False, True]
    assert outcomes[1].reason == "no test ran: it was ended after 12 s"


def test_what_the_work_raises_is_raised() -> None:
    async def fail() -> None:
        raise ValueError("of its own")

    with pytest.raises(ValueError, match="of its own"):
        asyncio.run(is_done_before_a_signal(fail()))
