"""The process that refactors, and its end in the server."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from lsp_server.refactor import worker_client
from lsp_server.refactor.job import Job
from lsp_server.refactor.organize import organize_imports
from lsp_server.refactor.refusal import RefactorRefused
from lsp_server.refactor.worker_client import RefactorWorker

TEXT = "def f():\n    return 1\n\n\nf()\n"
JOB = Job("rename", "/nowhere", "a.py", (0, 4), (0, 4), "g", ("a.py",), {"a.py": TEXT})


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


async def until(look: Callable[[], Any]) -> Any:
    async with asyncio.timeout(60):
        while not (found := look()):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.001)
    return found


def test_one_process_does_one_job_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    async def work() -> None:
        worker = RefactorWorker()
        outcomes = await asyncio.gather(worker.perform(JOB), worker.perform(JOB))
        assert [it.files[0].after for it in outcomes] == [TEXT.replace("f()", "g()")] * 2
        pid = worker.pid
        with pytest.raises(RefactorRefused, match="is no name that Python allows"):
            await worker.perform(
                Job("rename", "/nowhere", "a.py", (0, 4), (0, 4), "1", (), JOB.texts)
            )
        assert worker.pid == pid
        await worker.close()
        assert worker.pid is None

    run(work)
    assert list(tmp_path.iterdir()) == []


def test_what_takes_too_long_is_ended_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    silent = (sys.executable, "-c", "import sys; sys.stdin.read()")

    async def work() -> None:
        worker = RefactorWorker(silent, limit_s=0.05)
        with pytest.raises(RefactorRefused, match=r"takes longer than 0\.05 s"):
            await worker.perform(JOB)
        assert worker.pid is None
        await worker.close()

    run(work)
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_nobody_waits_for_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_client, "_END_TIMEOUT_S", 60.0)  # it is seen to be gone below
    silent = (sys.executable, "-c", "import sys; sys.stdin.read()")

    async def work() -> None:
        worker = RefactorWorker(silent)
        job = asyncio.create_task(worker.perform(JOB))
        pid = await until(lambda: worker.pid)
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)
        assert job.cancelled()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        await worker.close()

    run(work)


def test_a_process_that_dies_is_told_and_another_one_started(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    dies_once = (
        "import os, runpy, sys\n"
        f"if not os.path.exists({str(flag)!r}):\n"
        f"    open({str(flag)!r}, 'w').close(); sys.stdin.readline(); os._exit(3)\n"
        "runpy.run_module('lsp_server.refactor.worker', run_name='__main__')\n"
    )

    async def work() -> None:
        worker = RefactorWorker((sys.executable, "-c", dies_once))
        with pytest.raises(RefactorRefused, match="ended unexpectedly"):
            await worker.perform(JOB)
        assert (await worker.perform(JOB)).files
        await worker.close()

    run(work)


def test_a_process_that_waits_has_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else they would stay where it is killed together with the server."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    async def work() -> None:
        worker = RefactorWorker()
        assert (await worker.perform(JOB)).files
        assert worker.pid is not None
        assert os.listdir(tmp_path) == []  # noqa: PTH208 - a call, where a path would be asked
        await worker.close()

    run(work)


def test_a_place_that_cannot_be_written_to_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))

    async def work() -> None:
        worker = RefactorWorker()
        with pytest.raises(RefactorRefused, match=r"cannot be written below .*gone: No such file"):
            await worker.perform(JOB)
        await worker.close()

    run(work)


def test_an_idle_process_ends() -> None:
    async def work() -> None:
        worker = RefactorWorker(idle_s=0.0)
        await worker.perform(JOB)
        await until(lambda: worker.pid is None)
        await worker.close()

    run(work)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "import os\nimport sys\n\nimport httpx\n\nimport mine\n"),
        (
            {"pyproject.toml": "[tool.ruff.lint.isort]\nno-sections = true\n"},
            "import httpx\nimport mine\nimport os\nimport sys\n",
        ),
        (
            {
                "ruff.toml": 'extend = "/etc/elsewhere.toml"\n[lint.isort]\nforce-sort-within-sections=1\n'
            },
            None,
        ),
        (
            {"ruff.toml": 'extend = "/etc/elsewhere.toml"\n'},
            "import os\nimport sys\n\nimport httpx\n\nimport mine\n",
        ),
    ],
)
def test_imports_are_sorted_as_the_workspace_has_it(
    tmp_path: Path, settings: dict[str, str], expected: str | None
) -> None:
    (tmp_path / "mine.py").touch()
    for name, text in settings.items():
        (tmp_path / name).write_text(text)

    async def work() -> None:
        given = "import mine\nimport sys\nimport httpx\nimport os\n"
        file = tmp_path / "a.py"
        if expected is None:
            with pytest.raises(RefactorRefused, match="ruff failed"):
                await organize_imports(given, file, tmp_path)
            return
        sorted_ = await organize_imports(given, file, tmp_path)
        assert sorted_ == expected
        assert await organize_imports(sorted_, file, tmp_path) == expected
        assert not file.exists()

    run(work)
