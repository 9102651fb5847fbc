"""The life of a client beside its host's: without one, closed, muted, started again."""

from __future__ import annotations

import asyncio

import pytest

from inference.client import ClientStatus, InferenceClient
from inference.errors import HostUnavailable

from .hosts import ANSWER, HANG, LAYOUT, ClientOf, HostOf, Script, complete


class TestClient:
    async def test_without_a_host_nothing_waits(self, script: Script) -> None:
        client = InferenceClient(script(ANSWER), name="test", idle_minutes=1)
        with pytest.raises(HostUnavailable):
            await complete(client)
        with pytest.raises(HostUnavailable):
            await client.stats()
        with pytest.raises(HostUnavailable):
            await client.wait_ready(0.01)
        assert client.token_counts(LAYOUT) is None
        assert client.capabilities is None
        client.restart()
        await client.close()
        await client.close()

    async def test_a_closed_client_can_be_started_again(
        self, script: Script, host_of: HostOf, client_of: ClientOf
    ) -> None:
        model = script(ANSWER)
        async with host_of(model), client_of(model) as client:
            await client.wait_ready(60)
            await client.close()
            client.start()
            await client.wait_ready(60)
            assert await complete(client) == "1 + 1"

    async def test_closing_in_the_middle_of_starting_is_quiet(
        self, script: Script, client_of: ClientOf
    ) -> None:
        async with client_of(script(ANSWER)):
            await asyncio.sleep(0)

    async def test_a_muted_client_reports_nothing(
        self, script: Script, host_of: HostOf, client_of: ClientOf
    ) -> None:
        model = script(ANSWER)
        statuses: list[ClientStatus] = []
        async with client_of(model, statuses=statuses) as client:
            client.mute()
            statuses.clear()
            async with host_of(model):
                await client.wait_ready(60)
        assert statuses == []

    async def test_closing_ends_the_requests_under_way(
        self, script: Script, host_of: HostOf, client_of: ClientOf
    ) -> None:
        model = script(HANG)
        async with host_of(model), client_of(model) as client:
            await client.wait_ready(60)
            requests = [asyncio.create_task(complete(client, "hang")) for _ in range(3)]
            while (await client.stats()).running < 3:
                pass
            await client.close()
            for result in await asyncio.gather(*requests, return_exceptions=True):
                assert isinstance(result, HostUnavailable)
