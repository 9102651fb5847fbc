"""The server and a model with a prefix cache and a bounded context, which the script has in name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from inference.client import InferenceClient
from inference.protocol import Stats

from .lsp_session import Server, on_loop, serving
from .place import PATIENCE_S, Place

CODE = "".join(f"value_{number} = {number} + offset\n" for number in range(600))


def settings(model: str, **more: Any) -> dict[str, Any]:
    return {"completion": {"model": model}, **more}


async def stats_when(client: InferenceClient, holds: Callable[[Stats], bool]) -> Stats:
    async with asyncio.timeout(PATIENCE_S):
        while not holds(stats := await client.stats()):
            pass
    return stats


async def caught_up(server: Server) -> None:
    """By the last answer the server has read what its host had sent before the first question."""
    for _ in range(10):
        await server.explain()


@on_loop
async def test_a_model_reads_ahead_and_nothing_is_said_of_it(where: Place) -> None:
    model = where.script({"reply": ["x"]}, cache_block_tokens=16)
    async with (
        serving(where, settings(model)) as server,
        where.inference_client(model) as client,
    ):
        await server.ready()
        said = len(server.said.statuses)
        server.open((where.folder / "b.py").as_uri(), "import shelf\n")
        uri = server.open((where.folder / "a.py").as_uri(), "x = \ny = 1\n")
        await stats_when(client, lambda it: it.requests == 1 and not it.running)
        assert await server.complete(uri, 0, 4) == "x"
        assert "Warmed up" not in await server.explain()
        # The user pauses: now the cursor is known.
        await stats_when(client, lambda it: it.requests == 3 and not it.running)
        await caught_up(server)
        server.change(uri, 2, (0, 4, 0, 4, "y +"))
        assert await server.complete(uri, 0, 7) == "x"
        assert "| Warmed up |" in await server.explain()
        assert len(server.said.statuses) == said
        assert server.said.logged == []


@on_loop
async def test_a_key_ends_it_and_a_pause_begins_it_anew(where: Place) -> None:
    model = where.script({"reply": ["x"], "then": "hang"}, cache_block_tokens=16)
    async with (
        serving(where, settings(model)) as server,
        where.inference_client(model) as client,
    ):
        await server.ready()
        server.open((where.folder / "b.py").as_uri(), "import shelf\n")
        uri = server.open((where.folder / "a.py").as_uri(), "x = \n")
        await stats_when(client, lambda it: it.running == 1)
        server.change(uri, 2, (0, 4, 0, 4, "1"))
        await stats_when(client, lambda it: it.cancelled == 1)
        stats = await stats_when(client, lambda it: it.running == 1)
        assert (stats.requests, stats.cancelled, stats.queued) == (2, 1, 0)


@on_loop
async def test_a_file_that_was_open_before_the_model_was_ready_is_read(where: Place) -> None:
    loaded = where.runtime / "loaded"
    model = where.script({"reply": ["x"]}, cache_block_tokens=16, load_until=str(loaded))
    async with serving(where, settings(model)) as server:
        server.open((where.folder / "b.py").as_uri(), "import shelf\n")
        server.open((where.folder / "a.py").as_uri(), "x = \n")
        await caught_up(server)
        loaded.touch()
        await server.ready()
        async with where.inference_client(model) as client:
            await stats_when(client, lambda it: it.requests == 1)


@on_loop
async def test_large_files_are_completed_with_a_small_context(where: Place) -> None:
    model = where.script({"reply": ["x, "]}, context_tokens=2048, cache_block_tokens=16)
    async with serving(where, settings(model)) as server:
        await server.ready()
        for name in ("c.py", "b.py"):
            server.open((where.folder / name).as_uri(), CODE)
        uri = server.open((where.folder / "a.py").as_uri(), CODE)
        for line in (300, 310, 599, 0):
            assert await server.complete(uri, line, 0) == "x, "
        said = await server.explain()
        assert "| Left out |" in said
        assert "c.py" in said
