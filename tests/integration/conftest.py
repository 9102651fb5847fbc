"""Fixtures of the integration tests: hosts in a runtime folder of their own, and their clients.

Tests may be coroutines: each runs in a loop of its own, for three minutes at most, and fails when the
loop has to report an error that nobody handled. No process outlives its test.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from inference.client import ClientStatus, InferenceClient
from inference.endpoint import RUNTIME_DIR_VARIABLE, Endpoint
from inference.host import Host
from lsp_server.agent.copies import Copies

from .place import Place, place

# Bounds for machines under load, not times that anything should take.
TEST_LIMIT_S = 180.0
END_LIMIT_S = 30.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What real processes do in bounded time gets a second try; the end of the run names it."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    unhandled: list[dict[str, Any]] = []

    async def limited() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _loop, context: unhandled.append(context)
        )
        async with asyncio.timeout(TEST_LIMIT_S):
            await pyfuncitem.obj(**arguments)
        gc.collect()  # a task that failed unseen is reported when it is collected

    asyncio.run(limited())
    assert not unhandled, f"nobody handled {unhandled}"
    return True


@pytest.fixture
def runtime(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The runtime folder of this test's hosts, with a path short enough for a socket."""
    folder = tmp_path_factory.mktemp("h")
    monkeypatch.setenv(RUNTIME_DIR_VARIABLE, str(folder))
    yield folder
    _end(_processes(folder))
    assert _processes(folder) == []
    for log in folder.glob("*.log"):
        text = log.read_text(errors="replace")
        assert "Traceback" not in text, f"a host logged an error of its own:\n{text[-4000:]}"
        assert "never retrieved" not in text, text[-4000:]


@pytest.fixture
def processes(runtime: Path) -> Callable[[], list[int]]:
    """Lists the processes that run in this test's runtime folder, newest last."""
    return lambda: _processes(runtime)


@pytest.fixture
def script(runtime: Path) -> Callable[..., str]:
    """Writes the script of a scripted engine, anew each time, and returns the model's name."""

    def write(*rules: dict[str, Any], **others: Any) -> str:
        path = runtime / "script.json"
        path.write_text(json.dumps({"rules": rules, **others}))
        return f"scripted:{path}"

    return write


@pytest.fixture
def client_of(
    runtime: Path,  # noqa: ARG001 - where the host of the client runs
) -> Callable[..., contextlib.AbstractAsyncContextManager[InferenceClient]]:
    """Makes a started client of a model; `statuses` collects what it reports."""

    @contextlib.asynccontextmanager
    async def make(
        model: str, *, idle_minutes: float = 5.0, statuses: list[ClientStatus] | None = None
    ) -> AsyncIterator[InferenceClient]:
        collected = statuses if statuses is not None else []
        client = InferenceClient(
            model, name="test", idle_minutes=idle_minutes, on_status=collected.append
        )
        client.start()
        try:
            yield client
        finally:
            await client.close()

    return make


@pytest.fixture
def host_of(
    runtime: Path,  # noqa: ARG001 - where the host runs
) -> Callable[..., contextlib.AbstractAsyncContextManager[Host]]:
    """Runs a host in the test's own process, where its limits can be made small."""

    @contextlib.asynccontextmanager
    async def make(model: str, *, idle_s: float = 60.0, **limits: Any) -> AsyncIterator[Host]:
        endpoint = Endpoint.of(model)
        endpoint.prepare()
        lock = endpoint.try_lock()
        assert lock is not None
        host = Host(endpoint, idle_s)
        for name, value in limits.items():
            setattr(host, name, value)
        with lock:
            running = asyncio.create_task(host.run())
            try:
                async with asyncio.timeout(60):
                    await host.ready.wait()
                yield host
            finally:
                host.stop("host_stopped", "the test is over")
                await running
        lock.release()

    return make


@pytest.fixture
def serve(runtime: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `python -m inference serve` by hand; what it says is on its `stderr`."""
    started = contextlib.ExitStack()

    def start(model: str, *options: str) -> subprocess.Popen[str]:
        return started.enter_context(
            subprocess.Popen(
                [sys.executable, "-P", "-m", "inference", "serve", "--model", model, *options],
                cwd=runtime,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        )

    yield start
    _end(_processes(runtime))
    started.close()


@pytest.fixture
def eventually() -> Callable[..., Awaitable[None]]:
    """Asks again and again until the answer is true; fails after some seconds."""

    async def wait(check: Callable[[], Any], what: str = "it", timeout_s: float = 60.0) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            answer = check()
            if inspect.isawaitable(answer):
                answer = await answer
            if answer:
                return
            assert time.monotonic() < deadline, f"{what} did not come about"
            await asyncio.sleep(0.005)

    return wait


@pytest.fixture
def where() -> Iterator[Place]:
    """Where the servers of this test run, and their hosts."""
    with place() as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty workspace."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def copies(tmp_path: Path) -> Iterator[Copies]:
    """Where copies of a workspace are made; they go with the test."""
    made = Copies(tmp_path / "cache", None)
    yield made
    made.close()


def _processes(folder: Path) -> list[int]:
    """Those whose environment names the folder, or one in it; one that has ended has none."""
    mark = f"{RUNTIME_DIR_VARIABLE}={folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            names = (process / "environ").read_bytes().split(b"\0")
            if any(name == mark or name.startswith(mark + b"/") for name in names):
                found.append(int(process.name))
    return sorted(set(found) - {os.getpid()})


def _end(pids: list[int]) -> None:
    descriptors = {}
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            descriptors[pid] = os.pidfd_open(pid)
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + END_LIMIT_S
    for pid, descriptor in descriptors.items():
        ended, _, _ = select.select([descriptor], [], [], max(0, deadline - time.monotonic()))
        os.close(descriptor)
        if not ended:
            os.kill(pid, signal.SIGKILL)
            pytest.fail(f"host {pid} does not end on SIGTERM")
