"""Requests that are given up, and models that die: the editor goes on, and is told why."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from pygls.exceptions import JsonRpcException

from inference.client import InferenceClient

from .lsp_session import COMMAND, Shared, on_loop, serving, sharing
from .place import PATIENCE_S, Place

HANGS = {"reply": ["a", "b"], "then": "hang"}


@pytest.fixture(scope="module")
def shared() -> Iterator[Shared]:
    with sharing({"reply": ["x"]}) as made:
        yield made


def settings(model: str, **more: Any) -> dict[str, Any]:
    return {"completion": {"model": model, **more}}


async def idle(client: InferenceClient) -> tuple[int, int]:
    """The requests that were cancelled and all requests, once none is running."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            stats = await client.stats()
            if stats.running == stats.queued == 0:
                return stats.cancelled, stats.requests


@on_loop
async def test_a_cancelled_request_frees_the_engine_at_once(where: Place) -> None:
    model = where.script(HANGS)
    async with (
        serving(where, settings(model)) as server,
        where.inference_client(model) as client,
    ):
        await server.ready()
        uri = server.open((where.folder / "a.py").as_uri(), "x = \n")
        request, answer = server.ask(uri, 0, 4, token="t")
        await server.until(lambda: bool(server.said.progress))
        assert (await client.stats()).running == 1
        server.cancel(request)
        with pytest.raises(JsonRpcException, match="cancel"):
            await answer
        assert await idle(client) == (1, 1)
        assert "cancelled" in await server.explain()


@on_loop
async def test_many_keys_leave_nothing_behind(where: Place) -> None:
    model = where.script({"when": {"prefix_ends_with": "!"}, "reply": ["end, "]}, HANGS)
    async with (
        serving(where, settings(model)) as server,
        where.inference_client(model) as client,
    ):
        await server.ready()
        uri = server.open((where.folder / "a.py").as_uri(), "\n")
        answers = []
        for key in range(60):
            server.change(uri, key + 2, (0, key, 0, key, "k"))
            request, answer = server.ask(uri, 0, key + 1)
            answers.append(answer)
            if key % 3 == 0:
                server.cancel(request)
        # Before all of it: one that is under way and silent might still come to say what is behind it.
        server.change(uri, 99, (0, 0, 0, 0, "!"))
        assert await server.complete(uri, 0, 1) == "end, "
        outcomes = await asyncio.gather(*answers, return_exceptions=True)
        assert all(it is None or isinstance(it, JsonRpcException) for it in outcomes)
        cancelled, requests = await idle(client)
        assert cancelled == requests - 1


@on_loop
async def test_a_request_outlives_its_host_and_so_does_the_server(where: Place) -> None:
    model = where.script({"when": {"prefix_ends_with": "later."}, "reply": ["x"]}, HANGS)
    async with serving(where, settings(model)) as server:
        await server.ready()
        uri = server.open((where.folder / "a.py").as_uri(), "now.\nlater.\n")
        _, answer = server.ask(uri, 0, 4, token="t")
        await server.until(lambda: bool(server.said.progress))
        seen = len(server.said.statuses)
        (host,) = where.host_pids()
        os.kill(host, signal.SIGKILL)
        assert await answer is None
        assert "not ready" in await server.explain()
        await server.until(lambda: "ready" in server.said.states[seen:])
        states = server.said.states[seen:]
        assert states[0] == "error"
        assert states[-1] == "ready"
        assert server.said.statuses[seen]["message"]
        assert await server.complete(uri, 1, 6) == "x"


@on_loop
async def test_an_engine_that_dies_says_why(where: Place) -> None:
    model = where.script({"reply": ["a"], "then": "die"})
    async with serving(where, settings(model)) as server:
        await server.ready()
        uri = server.open((where.folder / "a.py").as_uri(), "x = \n")
        assert await server.complete(uri, 0, 4) is None
        await server.until(lambda: "error" in server.said.states)
        told = next(it for it in server.said.statuses if it["state"] == "error")
        assert "the script says that the engine dies here" in told["message"]
        await server.until(lambda: any("engine dies here" in line for line in server.said.logged))


@on_loop
async def test_a_request_that_the_engine_refuses_is_a_reason(where: Place) -> None:
    async with serving(where, settings(where.script())) as server:
        await server.ready()
        uri = server.open((where.folder / "a.py").as_uri(), "x = \n")
        assert await server.complete(uri, 0, 4) is None
        assert "no rule of" in await server.explain()


@on_loop
async def test_while_the_model_loads_nothing_is_waited_for(where: Place) -> None:
    loaded = where.runtime / "loaded"
    model = where.script({"reply": ["x"]}, load_until=str(loaded))
    async with serving(where, settings(model)) as server:
        uri = server.open((where.folder / "a.py").as_uri(), "x = \n")
        assert await server.complete(uri, 0, 4) is None
        assert "The model is not ready" in await server.explain()
        await server.until(lambda: "loading" in server.said.states)
        loaded.touch()
        await server.ready()
        assert await server.complete(uri, 0, 4) == "x"


@pytest.mark.parametrize(
    "model",
    ["nonsense", "scripted:/nowhere.json", "-x", "a\0b", "\ud800", "x" * 5000, "Ünïcode 😀"],
    ids=["unknown", "no script", "dash", "nul", "surrogate", "long", "unicode"],
)
@on_loop
async def test_a_model_that_cannot_be_had_is_an_error_and_no_more(
    shared: Shared, model: str
) -> None:
    server = shared.server
    works = server.said.statuses[-1]["model"]
    server.tell({"sparrow": settings(model)})
    await server.until(lambda: "error" in server.said.states or bool(server.said.logged))
    uri = server.open(shared.uri("a.py"), "x = \n")
    assert await server.complete(uri, 0, 4) is None
    server.tell({"sparrow": settings(works)})
    await server.ready_with(works)
    assert await server.complete(uri, 0, 4) == "x"


@on_loop
async def test_a_server_may_start_with_a_model_that_cannot_be_had(where: Place) -> None:
    works = where.script({"reply": ["x"]})
    async with serving(where, settings("nonsense")) as server:
        await server.until(lambda: "error" in server.said.states)
        server.tell({"sparrow": settings(works)})
        await server.ready_with(works)


@on_loop
async def test_a_slow_model_is_cut_off_in_time(where: Place) -> None:
    model = where.script(
        {"when": {"prefix_ends_with": "some."}, "reply": ["part"], "then": "hang"},
        {"reply": [], "then": "hang"},
    )
    async with serving(where, settings(model), command=COMMAND) as server:
        await server.ready()
        uri = server.open((where.folder / "a.py").as_uri(), "some.\nnone.\n")
        assert await server.complete(uri, 0, 5) == "part"
        assert await server.ask(uri, 1, 5)[1] is None
        assert "took too long" in await server.explain()
        async with where.inference_client(model) as client:
            cancelled, requests = await idle(client)
            assert cancelled == requests >= 2  # or more, where the first answer was cut off as well
