"""The server indexes and watches its workspace, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lsprotocol import types

from lsp_server.workspace.store_file import store_file
from lsp_server.workspace.store_reader import StoreReader

from .live_index import processes_of, wait_for_no_processes
from .lsp_session import serving
from .place import PATIENCE_S, Place, place

SHOWS_PROGRESS = types.ClientCapabilities(
    window=types.WindowClientCapabilities(work_done_progress=True)
)


@pytest.fixture
def where() -> Iterator[Place]:
    with place() as made:
        for number in range(20):
            (made.folder / f"m{number}.py").write_text(f"def made_{number}(): ...\n")
        yield made
        made.kill_hosts()  # they outlive their servers, and inherit the environment
        wait_for_no_processes(made.runtime / "cache")


def indexed(where: Place) -> list[str]:
    """The paths in the workspace's store, as another process sees them."""
    store = StoreReader.open(store_file(where.runtime / "cache", where.folder))
    if store is None:
        return []
    paths = store.paths()
    store.close()
    return paths


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_a_workspace_is_indexed_watched_and_left(where: Place) -> None:
    model = where.script({"reply": ["x"]})
    settings = {"completion": {"model": model}}
    async with serving(where, settings, capabilities=SHOWS_PROGRESS) as server:

        def took_create(_: types.WorkDoneProgressCreateParams) -> None:
            """An editor says yes."""

        server.client.feature(types.WINDOW_WORK_DONE_PROGRESS_CREATE)(took_create)
        await server.until(lambda: any(it == "done" for _, it in server.said.progress))
        shown = [message for _, message in server.said.progress]
        assert shown[-2:] == ["20 of 20 files", "done"]
        assert len(indexed(where)) == 20
        (where.folder / "later.py").write_text("def later(): ...\n")
        await until(lambda: "later.py" in indexed(where))
        (where.folder / "later.py").unlink()
        await until(lambda: "later.py" not in indexed(where))
        uri = server.open((where.folder / "m1.py").as_uri(), "def made_1(): ...\n")
        server.change(uri, 2, (0, 4, 0, 10, "renamed"))
        server.save(uri)
        server.close(uri)
        started = time.monotonic()
        assert await server.stop() == 0
        assert time.monotonic() - started < PATIENCE_S / 2
        assert "Traceback" not in await server.errors()


async def test_what_indexes_ends_with_a_server_that_is_killed(where: Place) -> None:
    async with serving(where, {"completion": {"model": where.script()}}) as server:
        cache = where.runtime / "cache"
        await until(lambda: len(processes_of(cache)) > 1 and len(indexed(where)) == 20)
        server.process.kill()
        await server.ended()
        where.kill_hosts()
        wait_for_no_processes(cache)


async def test_who_wants_no_index_has_none(where: Place) -> None:
    settings = {"completion": {"model": where.script()}, "index": {"enable": False}}
    async with serving(where, settings) as server:
        await server.ready()
        uri = server.open((where.folder / "m1.py").as_uri(), "def made_1(): ...\n")
        server.change(uri, 2, (0, 4, 0, 10, "renamed"))
        assert await server.complete(uri, 0, 0) is None
        assert not _exists(where.runtime / "cache")


def _exists(path: Path) -> bool:
    return path.exists()
