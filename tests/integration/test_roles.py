"""Two models for two roles: which hosts run, what the editor is told, and whose key goes where."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from inference.client import ClientState, ClientStatus
from inference.endpoint import API_KEY_VARIABLE
from lsp_server.api_keys import ApiKeys
from lsp_server.config import Config
from lsp_server.models import Models
from lsp_server.protocol import ModelRole

from .lsp_session import on_loop, serving
from .place import PATIENCE_S, Place
from .played_server import PlayedServer, events, other, playing, said

BOTH: tuple[ModelRole, ...] = ("completion", "chat")
KEY, NEWER_KEY = "sk-first-4711", "sk-second-0815"


class Told:
    """What `Models` told of its models, and a wait for it."""

    def __init__(self) -> None:
        self.statuses: list[tuple[tuple[ModelRole, ...], ClientStatus]] = []
        self._changed = asyncio.Event()

    def __call__(self, roles: tuple[ModelRole, ...], status: ClientStatus) -> None:
        self.statuses.append((roles, status))
        self._changed.set()

    def states(self, model: str) -> list[str]:
        return [status.state for _, status in self.statuses if status.model == model]

    def roles(self, model: str) -> tuple[ModelRole, ...]:
        return [roles for roles, status in self.statuses if status.model == model][-1]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def ready(self, model: str) -> None:
        await self.until(lambda: self.states(model)[-1:] == [ClientState.READY])


@contextlib.asynccontextmanager
async def made(told: Told, config: Config) -> AsyncIterator[Models]:
    models = Models(told)
    models.configure(config)
    try:
        yield models
    finally:
        await models.close()


@on_loop
async def test_a_second_model_starts_when_it_is_needed(where: Place) -> None:
    small, large = where.script({"reply": ["small"]}), where.script({"reply": ["large"]})
    told = Told()
    async with made(told, Config(completion_model=small, chat_model=large)) as models:
        await told.ready(small)
        assert len(where.host_pids()) == 1
        assert told.states(large) == [ClientState.IDLE]
        assert (told.roles(small), told.roles(large)) == (("completion",), ("chat",))
        models.restart()
        await told.ready(small)
        assert told.states(large) == [ClientState.IDLE]  # a restart is no need
        client = models.for_chat()
        assert client is not models.completion
        assert models.for_chat() is client
        await client.wait_ready(PATIENCE_S)
        assert await where.hosts(2)


@on_loop
async def test_one_model_for_both_roles_is_one_host(where: Place) -> None:
    model = where.script({"reply": ["x"]})
    told = Told()
    for chat in ("", model):
        async with made(told, Config(completion_model=model, chat_model=chat)) as models:
            await models.for_chat().wait_ready(PATIENCE_S)
            assert models.for_chat() is models.completion
            assert told.roles(model) == BOTH
            assert len(where.host_pids()) == 1


@on_loop
async def test_roles_move_without_a_restart(where: Place) -> None:
    small, large = where.script({"reply": ["small"]}), where.script({"reply": ["large"]})
    told = Told()
    async with made(told, Config(completion_model=small)) as models:
        await told.ready(small)
        pids = where.host_pids()
        models.configure(Config(completion_model=small, chat_model=large))
        assert (told.roles(small), told.roles(large)) == (("completion",), ("chat",))
        await models.for_chat().wait_ready(PATIENCE_S)
        # What chatted completes now, and is not loaded again.
        models.configure(Config(completion_model=large))
        assert told.roles(large) == BOTH
        assert models.completion.status.state is ClientState.READY
        assert set(pids) < set(where.host_pids())
        assert len(where.host_pids()) == 2


@on_loop
async def test_a_host_whose_share_changes_makes_room_for_its_successor(
    where: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lsp_server.models.served_by_vllm", lambda _: True)
    small, large = where.script({"reply": ["small"]}), where.script({"reply": ["large"]})
    told = Told()
    async with made(told, Config(completion_model=small)) as models:
        await told.ready(small)
        (alone,) = where.host_pids()
        models.configure(Config(completion_model=small, chat_model=large))
        async with asyncio.timeout(PATIENCE_S):
            while where.host_pids() in ([], [alone]):  # noqa: ASYNC110 - the kernel tells nobody
                await asyncio.sleep(0.01)
        await told.ready(small)
        (beside,) = await where.hosts(1)
        assert beside != alone
        assert "shares_gpu_with" in command_lines()


@on_loop
async def test_a_restart_ends_the_hosts_of_both(where: Place) -> None:
    small, large = where.script({"reply": ["small"]}), where.script({"reply": ["large"]})
    told = Told()
    async with made(told, Config(completion_model=small, chat_model=large)) as models:
        await told.ready(small)
        await models.for_chat().wait_ready(PATIENCE_S)
        before = set(where.host_pids())
        models.restart()
        await told.ready(small)
        await told.ready(large)
        assert not before & set(await where.hosts(2))


@on_loop
async def test_a_chat_model_that_fails_leaves_completion_alone(where: Place) -> None:
    works, fails = where.script({"reply": ["x"]}), where.script(fail_load="no memory")
    settings = {"completion": {"model": works}, "chat": {"model": fails}}
    async with serving(where, settings) as server:
        await server.until(
            lambda: (
                {("completion",): "ready", ("chat",): "idle"}.items()
                <= {tuple(it["roles"]): it["state"] for it in server.said.statuses}.items()
            )
        )
        uri = server.open((where.folder / "a.py").as_uri(), "x = \n")
        assert await server.complete(uri, 0, 4) == "x"
        assert len(where.host_pids()) == 1
    told = Told()
    async with made(told, Config(completion_model=works, chat_model=fails)) as models:
        models.for_chat()
        await told.until(lambda: ClientState.ERROR in told.states(fails))
        await told.ready(works)
        assert ClientState.ERROR not in told.states(works)


def guarded() -> contextlib.AbstractAsyncContextManager[PlayedServer]:
    """A server that any key will do for, and that keeps the headers of each request."""
    return playing(other(events(said("x", "stop"), "[DONE]")))


def shown(server: PlayedServer) -> list[str]:
    """The keys that the server was shown, each once, in order."""
    keys = [
        it.headers.get("authorization", "none").removeprefix("Bearer ") for it in server.exchanges
    ]
    return list(dict.fromkeys(keys))


def written(where: Place) -> str:
    """All that is in the files of a test."""
    files = [it for it in where.runtime.parent.rglob("*") if it.is_file()]
    assert any(it.suffix == ".log" for it in files)
    return "\n".join(it.read_text(errors="replace") for it in files)


def command_lines() -> str:
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            lines.append((process / "cmdline").read_text(errors="replace"))
    return "\n".join(lines)


def openai(server: PlayedServer) -> dict[str, Any]:
    arguments = {"fim_family": "qwen", "fim_order": "psm"}
    return {"completion": {"model": f"openai:{server.url}#qwen", "engineArgs": arguments}}


@pytest.mark.skipif(sys.platform == "win32", reason="looks into /proc")
@on_loop
async def test_a_key_goes_to_its_server_and_into_nothing_that_is_kept(where: Place) -> None:
    async with guarded() as server:
        keys = [{"server": server.url, "key": KEY}, {"server": "https://other", "key": "sk-other"}]
        given = {"initialization_options": {"settings": openai(server), "apiKeys": keys}}
        async with serving(where, initialize=given) as editor:
            await editor.ready()
            assert shown(server) == [KEY]
            uri = editor.open((where.folder / "a.py").as_uri(), "x = \n")
            assert await editor.complete(uri, 0, 4) == "x"
            lines = command_lines()

            # A new key is taken by the host at once, and the old one is gone.
            seen = len(editor.said.statuses)
            newer = {"apiKeys": [{"server": server.url, "key": NEWER_KEY}]}
            editor.client.protocol.notify("sparrow/setApiKeys", newer)
            await editor.until(lambda: editor.said.states[seen:][-1:] == ["ready"])
            assert shown(server) == [KEY, NEWER_KEY]
            lines += command_lines()

            # Told again, nothing happens: it is as every window tells it.
            (pid,) = await where.hosts(1)
            editor.client.protocol.notify("sparrow/setApiKeys", newer)
            editor.client.protocol.notify("sparrow/setApiKeys", {"apiKeys": newer["apiKeys"] * 2})
            assert await editor.complete(uri, 0, 4) == "x"
            assert where.host_pids() == [pid]

            # Cleared.
            seen = len(editor.said.statuses)
            editor.client.protocol.notify("sparrow/setApiKeys", {"apiKeys": []})
            await editor.until(lambda: editor.said.states[seen:][-1:] == ["ready"])
            assert shown(server) == [KEY, NEWER_KEY, "none"]
        sent = bytes(editor.recorder.data).decode() + await editor.errors()
        for secret in (KEY, NEWER_KEY, "sk-other"):
            assert secret not in sent
            assert secret not in lines
            assert secret not in written(where)


@pytest.mark.parametrize("sent", [None, 5, {"apiKeys": 5}, {"apiKeys": [{"key": KEY}]}, [KEY]])
@on_loop
async def test_keys_that_cannot_be_read_are_passed_over_and_not_shown(
    where: Place, sent: Any
) -> None:
    model = where.script({"reply": ["x"]})
    async with serving(where, {"completion": {"model": model}}) as server:
        await server.ready()
        server.send({"jsonrpc": "2.0", "method": "sparrow/setApiKeys", "params": sent})
        uri = server.open((where.folder / "a.py").as_uri(), "x = \n")
        assert await server.complete(uri, 0, 4) == "x"
    assert KEY not in await server.errors() + bytes(server.recorder.data).decode()


@pytest.mark.usefixtures("where")
@on_loop
async def test_the_variable_of_the_environment_is_for_one_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(API_KEY_VARIABLE, KEY)
    async with guarded() as first, guarded() as second:
        config = Config(
            completion_model=f"openai:{first.url}#qwen",
            chat_model=f"openai:{second.url}#qwen",
            completion_engine_args={"fim_order": "psm"},
            chat_engine_args={"fim_order": "psm"},
        )
        async with made(Told(), config) as models:
            await models.completion.wait_ready(PATIENCE_S)
            await models.for_chat().wait_ready(PATIENCE_S)
            assert (shown(first), shown(second)) == ([KEY], ["none"])
            assert os.environ[API_KEY_VARIABLE] == KEY

            models.set_api_keys(ApiKeys({second.url: NEWER_KEY}))
            await models.for_chat().wait_ready(PATIENCE_S)
            assert (shown(first), shown(second)) == ([KEY], ["none", NEWER_KEY])
