"""How a host ends: when nobody uses it, by a signal, and by a restart."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal

import pytest

from inference.client import ClientState, ClientStatus
from inference.endpoint import Endpoint
from inference.errors import EngineFailed, HostUnavailable
from inference.host import Host
from inference.protocol import Generate, Goodbye, Priority, PutChunk, Status, Tail
from inference.sampling import Sampling

from .hosts import (
    ANSWER,
    LAYOUT,
    ClientOf,
    Eventually,
    HostOf,
    Script,
    Serve,
    complete,
    greet,
    host_of_client,
    until_another_host,
    until_state,
)


async def ended(pid: int, timeout_s: float = 60.0) -> bool:
    """Waits until a process has ended, reaped or not."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        ready, _, _ = await asyncio.to_thread(select.select, [descriptor], [], [], timeout_s)
    finally:
        os.close(descriptor)
    return bool(ready)


class TestEnd:
    async def test_a_host_ends_when_nobody_has_used_it(
        self, client_of: ClientOf, script: Script
    ) -> None:
        async with client_of(script(ANSWER), idle_minutes=0.01) as client:
            await client.wait_ready(60)
            pid = host_of_client(client)
        assert await ended(pid)
        assert not client.endpoint.socket.exists()
        assert not client.endpoint.address_file.exists()

    async def test_a_host_does_not_idle_while_a_client_is_connected(
        self, host_of: HostOf, client_of: ClientOf, script: Script, eventually: Eventually
    ) -> None:
        model = script(ANSWER)
        async with host_of(model) as host, client_of(model) as client:
            await client.wait_ready(60)
            host._idle_s = 0.1
            async with client_of(model) as other:
                await other.wait_ready(60)
            await eventually(lambda: host.stats().connections == 1)  # idleness is looked at again
            started = asyncio.get_running_loop().time()
            while asyncio.get_running_loop().time() < started + 0.3:
                assert await complete(client) == "1 + 1"
            assert client.host_pid == os.getpid()

    async def test_a_stranger_does_not_keep_a_host_alive(self, script: Script) -> None:
        endpoint = Endpoint.of(script(ANSWER))
        host = asyncio.create_task(Host(endpoint, idle_s=0.3).run())
        async with asyncio.timeout(60):
            while not host.done():
                if (streams := await endpoint.connect()) is not None:
                    streams[1].close()
                    with contextlib.suppress(ConnectionError):
                        await streams[1].wait_closed()
                await asyncio.sleep(0.05)
        assert host.result() == 0

    async def test_a_client_that_closes_leaves_the_host_to_the_others(
        self, client_of: ClientOf, script: Script
    ) -> None:
        model = script(ANSWER)
        async with client_of(model) as one, client_of(model) as other:
            await asyncio.gather(one.wait_ready(60), other.wait_ready(60))
            pid = host_of_client(one)
            await one.close()
            assert await complete(other) == "1 + 1"
            with pytest.raises(HostUnavailable):
                await complete(one)
        async with client_of(model) as later:
            await later.wait_ready(60)
            assert later.host_pid == pid

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    async def test_a_signal_ends_it_with_a_goodbye(
        self, serve: Serve, script: Script, eventually: Eventually, number: int
    ) -> None:
        model = script()
        host, endpoint = serve(model), Endpoint.of(model)
        await eventually(endpoint.address_file.exists)
        channel = await greet(endpoint)
        host.send_signal(number)
        while not isinstance(message := await channel.receive(), Goodbye):
            assert isinstance(message, Status)
        assert message.code == "host_stopped"
        assert await channel.receive() is None
        await channel.close()
        assert await asyncio.to_thread(host.wait, 60) == 0
        assert not endpoint.socket.exists()

    async def test_a_restart_ends_the_host_for_all_and_comes_back(
        self, client_of: ClientOf, script: Script
    ) -> None:
        model = script(ANSWER)
        statuses: list[ClientStatus] = []
        async with client_of(model) as one, client_of(model, statuses=statuses) as other:
            await asyncio.gather(one.wait_ready(60), other.wait_ready(60))
            before = host_of_client(one)
            one.restart()
            assert await ended(before)
            for client in (one, other):
                await until_another_host(client, before)
                await client.wait_ready(60)
            assert one.host_pid == other.host_pid
            assert [await complete(one), await complete(other)] == ["1 + 1"] * 2
        assert ClientState.ERROR not in [status.state for status in statuses]

    async def test_ready_after_a_restart_means_the_new_host(
        self, client_of: ClientOf, script: Script
    ) -> None:
        async with client_of(script(ANSWER)) as client:
            await client.wait_ready(60)
            before = client.host_pid
            client.restart()
            await client.wait_ready(60)
            assert client.host_pid != before
            assert await complete(client) == "1 + 1"

    async def test_ready_after_a_restart_forgets_the_failure_before(
        self, client_of: ClientOf, script: Script
    ) -> None:
        async with client_of(script(fail_load="broken")) as client:
            with pytest.raises(EngineFailed):
                await client.wait_ready(60)
            script(ANSWER)
            client.restart()
            await client.wait_ready(60)

    async def test_a_client_waits_for_a_host_that_takes_long_to_end(
        self, client_of: ClientOf, script: Script
    ) -> None:
        """The old host has said goodbye, and holds its lock until it is gone."""
        model = script(ANSWER)
        endpoint = Endpoint.of(model)
        endpoint.prepare()
        lock = endpoint.try_lock()
        assert lock is not None
        async with client_of(model) as client:
            await until_state(client, ClientState.STARTING)
            await asyncio.sleep(1)  # what the old host takes to end
            lock.release()
            await client.wait_ready(60)
            assert await complete(client) == "1 + 1"

    async def test_a_restart_is_not_held_up_by_a_window_that_does_not_read(
        self, client_of: ClientOf, script: Script
    ) -> None:
        model = script({"reply": ["x" * 1000] * 2000})
        statuses: list[ClientStatus] = []
        async with client_of(model, statuses=statuses) as client:
            await client.wait_ready(60)
            frozen = await greet(client.endpoint)
            chunks = list(LAYOUT.chunks())
            frozen.send(PutChunk(chunks[0].text), LAYOUT.message)
            for number in range(3):
                frozen.send(
                    Generate(number, LAYOUT.id, Tail("", ""), Sampling(10_000), Priority.WARM_UP)
                )
            while (await client.stats()).generated_tokens < 50:
                pass
            before = client.host_pid
            client.restart()
            await until_another_host(client, before)
            assert ClientState.ERROR not in [status.state for status in statuses]
            await client.wait_ready(60)
            await frozen.close()
