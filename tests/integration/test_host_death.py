"""Hosts that die or hang: their clients are told why, and find the next one."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import aclosing
from typing import Any

import pytest

from inference.client import ClientState, ClientStatus, InferenceClient
from inference.endpoint import Endpoint
from inference.errors import EngineFailed, HostUnavailable
from inference.protocol import Delta, Priority, Tail
from inference.sampling import Sampling

from .hosts import (
    ANSWER,
    HANG,
    LAYOUT,
    ClientOf,
    Eventually,
    HostOf,
    Script,
    Serve,
    complete,
    host_of_client,
    ready_clients,
    until_another_host,
    until_state,
)


class TestDeath:
    async def test_a_killed_host_ends_its_requests_and_is_replaced(
        self, client_of: ClientOf, script: Script
    ) -> None:
        model = script(HANG, ANSWER)
        statuses: list[ClientStatus] = []
        async with client_of(model, statuses=statuses) as client:
            await client.wait_ready(60)
            pid = host_of_client(client)
            stream = client.generate(LAYOUT, Tail("hang", ""), Sampling(9), Priority.CHAT)
            async with aclosing(stream):
                assert isinstance(await anext(stream), Delta)
                statuses.clear()
                os.kill(pid, signal.SIGKILL)
                with pytest.raises(HostUnavailable):
                    await anext(stream)
            await until_another_host(client, pid)
            await until_state(client, ClientState.READY)
            assert await complete(client) == "1 + 1", "the chunks were sent again"
        assert statuses[0].state is ClientState.ERROR
        assert statuses[-1].state is ClientState.READY

    async def test_every_client_of_a_killed_host_finds_the_same_new_one(
        self, client_of: ClientOf, script: Script
    ) -> None:
        model = script(ANSWER)
        statuses: list[ClientStatus] = []
        async with ready_clients(client_of, model, 4, statuses) as clients:
            pid = host_of_client(clients[0])
            os.kill(pid, signal.SIGKILL)
            for client in clients:
                await until_another_host(client, pid)
                await until_state(client, ClientState.READY)
            assert len({client.host_pid for client in clients}) == 1
            assert await asyncio.gather(*map(complete, clients)) == ["1 + 1"] * 4
        errors = [status.message for status in statuses if status.state is ClientState.ERROR]
        assert not [message for message in errors if "token" in message]

    async def test_a_dead_engine_says_goodbye_to_everyone_and_comes_back(
        self, client_of: ClientOf, script: Script, serve: Serve, eventually: Eventually
    ) -> None:
        model = script({"when": {"prefix_ends_with": "die"}, "reply": ["a"], "then": "die"}, ANSWER)
        host = serve(model)
        await eventually(Endpoint.of(model).address_file.exists)
        statuses: list[ClientStatus] = []
        async with client_of(model) as one, client_of(model, statuses=statuses) as other:
            await asyncio.gather(one.wait_ready(60), other.wait_ready(60))
            assert one.host_pid == other.host_pid == host.pid
            statuses.clear()
            with pytest.raises(EngineFailed, match="dies here"):
                await complete(one, "die")
            assert await asyncio.to_thread(host.wait, 60) == 1
            for client in (one, other):
                await until_another_host(client, host.pid)
                await until_state(client, ClientState.READY)
                assert await complete(client) == "1 + 1"
        assert statuses[0].state is ClientState.ERROR
        assert "dies here" in statuses[0].message, "who asked nothing is told the reason too"

    async def test_a_token_that_was_replaced_while_connecting_is_no_error(
        self, script: Script, client_of: ClientOf, host_of: HostOf
    ) -> None:
        """A client may read the address of a dead host just before a new one replaces it."""
        model = script(ANSWER)
        endpoint = Endpoint.of(model)
        statuses: list[ClientStatus] = []
        async with host_of(model):
            right = endpoint.address_file.read_text()
            stale = json.loads(right) | {"token": "of the dead host"}
            endpoint.address_file.write_text(json.dumps(stale))
            real_connect = Endpoint.connect

            async def connect(self: Endpoint) -> Any:
                streams = await real_connect(self)
                endpoint.address_file.write_text(right)
                return streams

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Endpoint, "connect", connect)
                async with client_of(model, statuses=statuses) as client:
                    await client.wait_ready(60)
        assert ClientState.ERROR not in [status.state for status in statuses]

    async def test_a_host_that_does_not_answer_is_told(
        self,
        client_of: ClientOf,
        script: Script,
        serve: Serve,
        eventually: Eventually,
    ) -> None:
        model = script(ANSWER)
        host = serve(model)
        await eventually(Endpoint.of(model).address_file.exists)
        host.send_signal(signal.SIGSTOP)
        try:
            async with client_of(model) as client:
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr("inference.connection.WELCOME_TIMEOUT_S", 0.2)
                    with pytest.raises(HostUnavailable, match="does not answer"):
                        await client.wait_ready(60)
                host.send_signal(signal.SIGCONT)
                await until_state(client, ClientState.READY)
                assert client.host_pid == host.pid
        finally:
            host.send_signal(signal.SIGCONT)

    async def test_a_client_outlives_an_error_in_what_listens_to_it(
        self, script: Script, host_of: HostOf
    ) -> None:
        model = script(ANSWER)

        def fail(status: ClientStatus) -> None:
            raise RuntimeError(f"no interest in {status.state}")

        async with host_of(model):
            client = InferenceClient(model, name="test", idle_minutes=1, on_status=fail)
            client.start()
            await client.wait_ready(60)
            await client.close()
