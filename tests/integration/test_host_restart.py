"""A restart that the host itself does not answer."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from inference import client as client_module
from inference import host as host_module
from inference.endpoint import Endpoint
from inference.errors import HostHangs

from .hosts import ClientOf, Eventually, HostOf, Script, Serve


async def test_a_host_that_hangs_is_killed_and_replaced(
    client_of: ClientOf, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "HANGING_AFTER_S", 0.2)
    async with client_of(script({"reply": ["1"]})) as client:
        await client.wait_ready(60)
        hanging = client.host_pid
        assert hanging is not None
        os.kill(hanging, signal.SIGSTOP)
        client.restart()
        async with asyncio.timeout(60):
            while client.host_pid in (None, hanging):  # noqa: ASYNC110 - told in a callback
                await asyncio.sleep(0.01)
        await client.wait_ready(60)


async def test_a_host_that_greets_nobody_is_killed_and_replaced(
    client_of: ClientOf,
    script: Script,
    serve: Serve,
    eventually: Eventually,
) -> None:
    model = script({"reply": ["1"]})
    hanging = serve(model)
    await eventually(Endpoint.of(model).address_file.exists)
    hanging.send_signal(signal.SIGSTOP)
    async with client_of(model) as client:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("inference.connection.WELCOME_TIMEOUT_S", 0.2)
            with pytest.raises(HostHangs, match=f"{hanging.pid} does not answer"):
                await client.wait_ready(60)
        client.restart()
        await client.wait_ready(60)
        assert client.host_pid != hanging.pid
    assert hanging.wait(60) == -signal.SIGKILL


async def test_a_host_that_ends_as_it_is_told_is_not_killed(
    client_of: ClientOf, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []
    monkeypatch.setattr(client_module, "kill_host", killed.append)
    async with client_of(script({"reply": ["1"]})) as client:
        await client.wait_ready(60)
        first = client.host_pid
        client.restart()
        async with asyncio.timeout(60):
            while client.host_pid in (None, first):  # noqa: ASYNC110 - told in a callback
                await asyncio.sleep(0.01)
        await client.wait_ready(60)
    assert killed == []


@pytest.mark.parametrize("lost", ["socket", "address_file"])
async def test_a_host_whose_files_are_swept_can_be_found_again(
    client_of: ClientOf, script: Script, monkeypatch: pytest.MonkeyPatch, host_of: HostOf, lost: str
) -> None:
    """As a temporary folder is swept: it holds the lock, so that no other host can start."""
    monkeypatch.setattr(host_module, "REACHABLE_S", 0.01)
    model = script({"reply": ["1"]})
    async with host_of(model) as host, client_of(model) as first:
        await first.wait_ready(60)
        endpoint = first.endpoint
        getattr(endpoint, lost).unlink()
        async with client_of(model) as second:
            await second.wait_ready(60)
            assert first.host_pid == second.host_pid == host.pid
            assert (await first.stats()).connections == 2
