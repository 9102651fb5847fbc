"""Cancelling requests to a host: at any moment, and with the end of a connection."""

from __future__ import annotations

import asyncio

import pytest

from inference.endpoint import Endpoint
from inference.protocol import Cancel, Delta, Done, Priority, Tail
from inference.sampling import Sampling

from .hosts import (
    ANSWER,
    HANG,
    LAYOUT,
    ClientOf,
    Eventually,
    HostOf,
    Script,
    collect,
    ends,
    generate,
    raw,
    until_all,
)


class TestCancellation:
    @pytest.mark.parametrize("way", ["cancel the task", "close the stream"])
    async def test_it_reaches_the_engine_and_frees_the_slot(
        self,
        host_of: HostOf,
        client_of: ClientOf,
        script: Script,
        eventually: Eventually,
        way: str,
    ) -> None:
        model = script(HANG, ANSWER)
        async with host_of(model) as host, client_of(model) as client:
            await client.wait_ready(60)
            for round_number in range(1, 11):  # more than there are slots
                if way == "cancel the task":
                    task = asyncio.create_task(collect(client, "hang"))
                    await eventually(lambda: host.scheduler.running == 1, "its start")
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                else:
                    stream = client.generate(
                        LAYOUT, Tail("hang", ""), Sampling(9), Priority.COMPLETION
                    )
                    assert isinstance(await anext(stream), Delta)
                    assert (await client.stats()).running == 1
                    await stream.aclose()
                await eventually(lambda: host.scheduler.running == 0, "a free slot")
                assert (await client.stats()).cancelled == round_number
            assert (await collect(client))[0] == "1 + 1"

    async def test_a_waiting_request_is_cancelled_as_well(
        self, host_of: HostOf, client_of: ClientOf, script: Script, eventually: Eventually
    ) -> None:
        model = script(HANG, ANSWER)
        async with host_of(model) as host, client_of(model) as client:
            await client.wait_ready(60)
            tasks = [asyncio.create_task(collect(client, "hang")) for _ in range(20)]
            await eventually(lambda: host.scheduler.queued == 16, "a queue")
            for task in tasks[::-1]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await eventually(lambda: host.scheduler.queued + host.scheduler.running == 0)
            assert (await collect(client))[0] == "1 + 1"
            assert (await client.stats()).requests == 21

    async def test_a_request_and_its_cancellation_in_one_write(
        self, host_of: HostOf, script: Script
    ) -> None:
        """Every request is ended, even one that was cancelled before it began."""
        model = script(HANG, ANSWER)
        async with host_of(model) as host, raw(Endpoint.of(model)) as channel:
            channel.send(generate(1, "hang"), Cancel(1), generate(2, ""))
            messages = await until_all(channel, 1, 2)
            assert sorted(ends(messages)) == [(1, "cancelled"), (2, "stop")]
            assert (host.cancelled_count, host.scheduler.running) == (1, 0)

    async def test_a_cancellation_at_any_moment_ends_a_request_once(
        self, host_of: HostOf, script: Script
    ) -> None:
        model = script({"reply": ["a", "b", "c"], "delay_ms": 1})
        async with host_of(model) as host, raw(Endpoint.of(model)) as channel:
            requests = range(1, 101)
            for request in requests:
                channel.send(generate(request, ""))
                for _ in range(request % 12):
                    await asyncio.sleep(0)
                channel.send(*([Cancel(request)] * (request % 3)), Cancel(request + 1000))
                if request % 10 == 0:
                    await asyncio.sleep(0.001 * (request % 7))
            messages = await until_all(channel, *requests)
            assert sorted(request or 0 for request, _ in ends(messages)) == list(requests)
            assert host.scheduler.running == host.scheduler.queued == 0
            ended: set[int] = set()
            for message in messages:
                if isinstance(message, Delta):
                    assert message.request not in ended, "nothing comes behind the end"
                elif isinstance(message, Done):
                    ended.add(message.request)

    async def test_a_cancellation_of_nothing_is_nothing(
        self, host_of: HostOf, script: Script
    ) -> None:
        model = script(ANSWER)
        async with host_of(model) as host, raw(Endpoint.of(model)) as channel:
            channel.send(Cancel(1), Cancel(-1), Cancel(2**63), generate(2, ""))
            messages = await until_all(channel, 2)
            channel.send(Cancel(2))
            assert ends(messages) == [(2, "stop")]
            assert ends(await until_all(channel)) == []
            assert host.cancelled_count == 0

    async def test_the_end_of_a_connection_cancels_its_requests(
        self, host_of: HostOf, script: Script, eventually: Eventually
    ) -> None:
        model = script(HANG, ANSWER)
        async with host_of(model) as host:
            async with raw(Endpoint.of(model)) as channel:
                channel.send(*(generate(number, "hang") for number in range(10)))
                await eventually(lambda: host.scheduler.queued == 6)
            await eventually(lambda: host.scheduler.running + host.scheduler.queued == 0)
            assert host.stats().connections == 0
