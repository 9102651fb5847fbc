"""A fix that is cancelled or killed at any of its stages leaves nothing behind, and can be gone on with."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lsp_server.agent.data import Verdict
from lsp_server.agent.pipeline import Result
from lsp_server.workspace.store_file import CACHE_DIR_VARIABLE

from .fix_runs import FIXED, Place, fix
from .hosts import ClientOf, Eventually, Script

REPOSITORY = Path(__file__).parents[2]
# The commands of a fix without a model, in the order in which they start in the sandbox.
RUNS = {
    "the whole suite": 1,
    "what failed, again": 2,
    "coverage": 3,
    "the text as it is": 4,
    "variants of it": 5,
    "the tests on a candidate": 6,
}
HANGS = {"when": {"message_ends_with": ""}, "reply": [], "then": "hang"}
KILLED_LIMIT_S = 40.0


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = Place.make(tmp_path / "workspace", tmp_path / f"fix_{secrets.token_hex(4)}")
    monkeypatch.setenv(CACHE_DIR_VARIABLE, str(place.cache))
    return place


def check_outcome(where: Place, result: Result) -> None:
    assert result.best is not None
    assert result.best.verdict is Verdict.VERIFIED
    assert result.best.candidate.files == {"cart.py": FIXED}
    assert where.places == []
    assert "verdict" in where.steps.read_text()


@contextlib.asynccontextmanager
async def another_process(
    where: Place, run: int, model: str = ""
) -> AsyncIterator[asyncio.Task[int]]:
    """A fix in it; yields what waits for its end."""
    argv = [sys.executable, "-m", "tests.integration.fix_runs", str(where.folder)]
    process = await asyncio.create_subprocess_exec(
        *argv, str(where.scratch), str(run), model, cwd=REPOSITORY, stdin=subprocess.DEVNULL
    )
    waiting = asyncio.create_task(process.wait())
    try:
        yield waiting
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await waiting


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
async def test_who_cancels_leaves_nothing_and_can_go_on(
    where: Place, run: int, eventually: Eventually
) -> None:
    running: asyncio.Task[Result]

    def cancel(count: int) -> None:
        if count == run:
            running.cancel()

    running = asyncio.create_task(fix(where, on_run=cancel))
    with pytest.raises(asyncio.CancelledError):
        await running
    assert where.places == []
    await eventually(lambda: not where.processes, "the end of the tests")
    check_outcome(where, await fix(where))


@pytest.mark.parametrize("run", [1, 3, 5, 6])
async def test_what_a_kill_leaves_the_next_fix_removes_and_goes_on(
    where: Place, run: int, eventually: Eventually
) -> None:
    async with another_process(where, run) as ended:
        assert await asyncio.wait_for(ended, KILLED_LIMIT_S) == -signal.SIGKILL
    assert where.places != []
    check_outcome(where, await fix(where))
    await eventually(lambda: not where.processes, "the end of the tests")
    # What was known is not found out again.
    stages = [json.loads(it)["stage"] for it in where.steps.read_text().splitlines()]
    assert stages.count("coverage") == 1


async def test_a_request_ends_with_its_fix(
    where: Place, client_of: ClientOf, script: Script, eventually: Eventually
) -> None:
    model = script(HANGS, constraints=True)
    async with client_of(model) as client:
        await client.wait_ready(60)

        async def is_asked() -> bool:
            return (await client.stats()).running == 1

        async def is_quiet() -> bool:
            return (await client.stats()).running == 0

        running = asyncio.create_task(fix(where, model))
        await eventually(is_asked, "a request", KILLED_LIMIT_S)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await eventually(is_quiet, "the end of the cancelled request")
        async with another_process(where, 0, model) as ended:
            await eventually(is_asked, "a request", KILLED_LIMIT_S)
            assert not ended.done()
        assert ended.result() == -signal.SIGKILL
        await eventually(is_quiet, "the end of the killed one's request")
    check_outcome(where, await fix(where))
