"""Connections to a host that are lost, or that speak nonsense: nobody waits for them."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

import pytest

from inference.connection import Connection
from inference.endpoint import Endpoint
from inference.errors import HostUnavailable, WireError
from inference.protocol import Goodbye, Hello, HostMessage, Priority, Tail
from inference.sampling import Sampling

from .hosts import ANSWER, LAYOUT, ClientOf, Eventually, HostOf, Script, collect, layout_of


class TestLostConnection:
    async def test_nothing_waits_for_a_connection_that_has_ended(
        self, host_of: HostOf, script: Script
    ) -> None:
        model = script(ANSWER)
        async with host_of(model):
            connection = await Connection.open(Endpoint.of(model), "test")
            assert connection is not None
            connection.shut_down_host()
            assert isinstance(await connection.run(lambda: None), Goodbye)
            async with asyncio.timeout(60):
                with pytest.raises(HostUnavailable):
                    await anext(
                        connection.generate(LAYOUT, Tail("", ""), Sampling(1), Priority.CHAT)
                    )
                with pytest.raises(HostUnavailable):
                    await connection.stats()

    async def test_a_host_that_goes_during_an_upload_ends_the_request(
        self, host_of: HostOf, script: Script, client_of: ClientOf, eventually: Eventually
    ) -> None:
        model = script(ANSWER)
        layout = layout_of(*(f"# {number}\n" * 100_000 for number in range(20)))
        async with host_of(model) as host, client_of(model) as client:
            await client.wait_ready(60)
            asking = [asyncio.create_task(collect(client, layout=layout)) for _ in range(3)]
            await eventually(lambda: host.store.chunk_count > 2)
            host.stop("host_stopped", "in the middle")
            async with asyncio.timeout(60):
                results = await asyncio.gather(*asking, return_exceptions=True)
            assert [type(result) for result in results] == [HostUnavailable] * 3

    async def test_requests_at_the_moment_a_host_dies_end(
        self, script: Script, client_of: ClientOf
    ) -> None:
        """A keystroke never waits: it is served, or told that there is no host."""
        async with client_of(script(ANSWER)) as client:
            await client.wait_ready(60)
            pid = client.host_pid
            assert pid is not None
            requests = [asyncio.create_task(collect(client)) for _ in range(5)]
            os.kill(pid, signal.SIGKILL)
            while client.host_pid == pid:
                requests.append(asyncio.create_task(collect(client)))
                requests.append(asyncio.create_task(collect(client, layout=layout_of("z\n"))))
                await asyncio.sleep(0)
            async with asyncio.timeout(60):
                results = await asyncio.gather(*requests, return_exceptions=True)
            assert {type(result) for result in results} <= {tuple, HostUnavailable}
            assert HostUnavailable in map(type, results)

    @pytest.mark.parametrize(
        "said",
        [
            pytest.param(Hello(1, "", ""), id="a client's message"),
            pytest.param(b"\xff\xff\xff\xff", id="a frame too large"),
            pytest.param(b"\0\0\0\1\xc1", id="no msgpack"),
        ],
    )
    async def test_a_host_that_speaks_nonsense_is_an_error(
        self, host_of: HostOf, script: Script, said: HostMessage | bytes
    ) -> None:
        model = script(ANSWER)
        async with host_of(model) as host:
            connection = await Connection.open(Endpoint.of(model), "test")
            assert connection is not None
            (session,) = host._sessions
            if isinstance(said, bytes):
                session.channel._writer.write(said)
            else:
                session.channel.send(said)
            with pytest.raises(WireError):
                await connection.run(lambda: None)
            with suppress(HostUnavailable):
                await connection.stats()
