"""What a fix tells while it runs: its stage, what is done there, and the time as it goes on."""

from __future__ import annotations

import asyncio

from lsp_server.agent.pipeline import Progress
from lsp_server.features.fix_progress import telling

from .virtual_time import run_in_no_time


def test_the_time_goes_on_while_a_stage_says_nothing() -> None:
    told: list[str] = []

    async def run() -> None:
        async with telling(told.append) as progress:
            progress.stage(Progress("baseline", "running the tests as they are", 58.9, 600.0))
            await asyncio.sleep(2.5)

    run_in_no_time(run())
    said = "baseline: running the tests as they are"
    assert told == [f"{said} ({at} of 10:00)" for at in ("0:58", "0:59", "1:00")]


def test_a_note_is_told_with_its_stage_and_gone_with_the_next() -> None:
    told: list[str] = []

    async def run() -> None:
        async with telling(told.append) as progress:
            progress.note("waiting for wren")
            progress.stage(Progress("repair", "trying templates", 0.0, 60.0))
            progress.note("1,200 variants tried")
            progress.stage(Progress("validation", "running the tests on 3 candidates", 0.0, 60.0))

    run_in_no_time(run())
    assert told == [
        "waiting for wren (0:00)",
        "repair: trying templates (0:00 of 1:00)",
        "repair: trying templates, 1,200 variants tried (0:00 of 1:00)",
        "validation: running the tests on 3 candidates (0:00 of 1:00)",
    ]


def test_nothing_is_told_before_there_is_something_or_behind_the_end() -> None:
    told: list[str] = []

    async def run() -> None:
        async with telling(told.append):
            await asyncio.sleep(5)
        async with telling(told.append) as progress:
            progress.note("waiting for wren")
        await asyncio.sleep(5)

    run_in_no_time(run())
    assert told == ["waiting for wren (0:00)"]
