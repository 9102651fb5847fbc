"""A restart that the host itself does not answer."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from inference import client as client_module
from inference.client import InferenceClient

ClientOf = Callable[..., AbstractAsyncContextManager[InferenceClient]]
Script = Callable[..., str]


async def test_a_host_that_hangs_is_killed_and_replaced(
    client_of: ClientOf, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "HANGING_AFTER_S", 0.2)
    async with client_of(script({"reply": ["1"]})) as client:
        await client.wait_ready(20)
        hanging = client.host_pid
        assert hanging is not None
        os.kill(hanging, signal.SIGSTOP)
        client.restart()
        async with asyncio.timeout(60):
            while client.host_pid in (None, hanging):  # noqa: ASYNC110 - told in a callback
                await asyncio.sleep(0.01)
        await client.wait_ready(20)


async def test_a_host_that_ends_as_it_is_told_is_not_killed(
    client_of: ClientOf, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []
    monkeypatch.setattr(client_module, "kill_host", killed.append)
    async with client_of(script({"reply": ["1"]})) as client:
        await client.wait_ready(20)
        first = client.host_pid
        client.restart()
        async with asyncio.timeout(60):
            while client.host_pid in (None, first):  # noqa: ASYNC110 - told in a callback
                await asyncio.sleep(0.01)
        await client.wait_ready(20)
    assert killed == []
