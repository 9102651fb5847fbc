"""A host with more to do than it can: who goes first, what is refused, and slow readers."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

import inference.connection
import inference.session
from inference.content import Layout, LayoutSection, TextChunk
from inference.endpoint import Endpoint
from inference.errors import Overloaded
from inference.protocol import Cancel, Delta, Done, Priority, Role, Tail
from inference.sampling import Sampling
from inference.scheduler import Scheduler

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


class TestLoad:
    async def test_urgent_requests_go_first_under_load(
        self, host_of: HostOf, client_of: ClientOf, script: Script, eventually: Eventually
    ) -> None:
        model = script(HANG, ANSWER)
        async with host_of(model) as host, client_of(model) as client:
            await client.wait_ready(60)
            hanging = [asyncio.create_task(collect(client, "hang")) for _ in range(4)]
            await eventually(lambda: host.scheduler.running == 4, "a full engine")
            order: list[Priority] = []

            async def ask(priority: Priority) -> None:
                await collect(client, priority=priority)
                order.append(priority)

            asked = [Priority.WARM_UP, Priority.AGENT, Priority.CHAT, Priority.EDIT] * 2
            asked += [Priority.COMPLETION] * 2
            waiting = []
            for count, priority in enumerate(asked, 1):
                waiting.append(asyncio.create_task(ask(priority)))
                await eventually(lambda count=count: host.scheduler.queued == count)
            hanging[0].cancel()  # one slot: they go one by one
            await asyncio.gather(*waiting)
            assert order == sorted(asked)
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)

    async def test_too_many_requests_are_refused_and_the_rest_served(
        self, host_of: HostOf, script: Script, client_of: ClientOf, eventually: Eventually
    ) -> None:
        model = script(HANG, ANSWER)
        async with host_of(model) as host, client_of(model) as client:
            await client.wait_ready(60)
            host.scheduler = Scheduler(1, max_queued=3)
            tasks = [asyncio.create_task(collect(client, "hang")) for _ in range(10)]
            await eventually(lambda: sum(task.done() for task in tasks) == 6)
            refused = [task.exception() for task in tasks if task.done()]
            assert [type(error) for error in refused] == [Overloaded] * 6
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await eventually(lambda: host.scheduler.running == 0)
            assert (await collect(client))[0] == "1 + 1"

    async def test_what_a_client_remembers_of_its_layouts_is_bounded(
        self, script: Script, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(inference.connection, "MAX_HELD_LAYOUTS", 2)
        async with client_of(script(ANSWER)) as client:
            await client.wait_ready(60)
            for number in (*range(5), 0):
                chunk = TextChunk.of(f"{number}\n")
                layout = Layout.of([LayoutSection(Role.PREFIX, "a.py", (chunk,))])
                tail, sampling = Tail("", ""), Sampling(8)
                stream = client.generate(layout, tail, sampling, Priority.COMPLETION)
                async with aclosing(stream):
                    assert [it async for it in stream if isinstance(it, Done)]
                held = client._connection
                assert held is not None
                assert len(held._held_layouts) <= 2
                assert len(held._held_chunks) <= 2
                assert len(held.token_counts) <= 2

    async def test_a_flood_of_cancelled_requests_leaves_nothing(
        self, host_of: HostOf, script: Script, client_of: ClientOf
    ) -> None:
        model = script(HANG, ANSWER)
        async with host_of(model) as host, raw(Endpoint.of(model)) as channel:
            numbers = range(1, 5001)
            for first in range(1, 5001, 500):
                batch = range(first, first + 500)
                channel.send(*(each for n in batch for each in (generate(n, "hang"), Cancel(n))))
                await channel.drain()
            messages = await until_all(channel, *numbers)
            assert len(ends(messages)) == len(numbers)
            assert {how for _, how in ends(messages)} <= {"cancelled", "overloaded"}
            assert host.scheduler.running == host.scheduler.queued == 0
            async with client_of(model) as client:
                await client.wait_ready(60)
                assert (await collect(client))[0] == "1 + 1"

    async def test_a_client_that_never_reads_does_not_hold_the_engine(
        self,
        host_of: HostOf,
        script: Script,
        client_of: ClientOf,
        eventually: Eventually,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(inference.session, "READ_PATIENCE_S", 0.3, raising=False)
        large = {"when": {"prefix_ends_with": "large"}, "reply": ["x" * 10_000] * 1000}
        model = script(large, ANSWER)
        async with host_of(model) as host, raw(Endpoint.of(model)) as channel:
            channel.send(*(generate(number, "large") for number in range(4)))
            await eventually(lambda: host.scheduler.running == 4)
            async with client_of(model) as client:
                await client.wait_ready(60)
                async with asyncio.timeout(40):
                    assert (await collect(client))[0] == "1 + 1"

    async def test_a_slow_reader_gets_all_of_it(
        self, host_of: HostOf, script: Script, client_of: ClientOf
    ) -> None:
        model = script({"reply": ["x" * 10_000] * 300})
        async with host_of(model), client_of(model) as client:
            await client.wait_ready(60)
            stream = client.generate(LAYOUT, Tail("", ""), Sampling(1000), Priority.CHAT)
            size = 0
            async with aclosing(stream):
                async for message in stream:
                    size += len(message.text) if isinstance(message, Delta) else 0
                    await asyncio.sleep(0)
            assert size == 3_000_000
