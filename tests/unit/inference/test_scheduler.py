"""Who generates next, and that no slot is ever lost or handed out twice."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.errors import Overloaded
from inference.protocol import Priority
from inference.scheduler import Scheduler

T = TypeVar("T")
repeatable = settings(derandomize=True, deadline=None)


def run(scenario: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(scenario)


async def settle() -> None:
    """Lets every task go as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


class Request:
    """A task that takes a slot and holds it until it is let go."""

    def __init__(
        self, scheduler: Scheduler, priority: Priority, log: list[Request], client: str = ""
    ) -> None:
        self.priority = priority
        self.client = client
        self.holding = False
        self._scheduler = scheduler
        self._log = log
        self._let_go = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with self._scheduler.slot(self.priority, self.client):
            self.holding = True
            self._log.append(self)
            try:
                await self._let_go.wait()
            finally:
                self.holding = False

    def let_go(self) -> None:
        self._let_go.set()


async def end(requests: list[Request]) -> None:
    for request in requests:
        request.task.cancel()
    await asyncio.gather(*(request.task for request in requests), return_exceptions=True)


def test_slots_are_handed_out_up_to_their_number() -> None:
    async def scenario() -> None:
        scheduler, log = Scheduler(2), list[Request]()
        requests = [Request(scheduler, Priority.CHAT, log) for _ in range(5)]
        await settle()
        assert (scheduler.running, scheduler.queued) == (2, 3)
        await end(requests)
        assert (scheduler.running, scheduler.queued) == (0, 0)

    run(scenario())


def test_the_lower_class_first_and_in_a_class_who_came_first() -> None:
    async def scenario() -> None:
        scheduler, log = Scheduler(1), list[Request]()
        arrivals = [Priority.WARM_UP, *reversed(Priority), *Priority]
        requests = [Request(scheduler, priority, log) for priority in arrivals]
        for number in range(len(requests)):
            await settle()
            assert scheduler.running == 1
            log[number].let_go()
        await settle()
        first, *others = log
        assert first is requests[0], "a free slot is taken at once"
        order = [(request.priority, requests.index(request)) for request in others]
        assert order == sorted(order)
        assert len(log) == len(requests)

    run(scenario())


def test_one_who_is_cancelled_while_waiting_is_passed_over() -> None:
    async def scenario() -> None:
        scheduler, log = Scheduler(1), list[Request]()
        first, second, third = (Request(scheduler, Priority.CHAT, log) for _ in range(3))
        await settle()
        second.task.cancel()
        await settle()
        assert scheduler.queued == 1
        first.let_go()
        await settle()
        assert log == [first, third]
        await end([third])
        assert (scheduler.running, scheduler.queued) == (0, 0)

    run(scenario())


def test_one_who_is_cancelled_as_the_slot_comes_hands_it_on() -> None:
    async def scenario() -> None:
        scheduler, log = Scheduler(1), list[Request]()
        first, second, third = (Request(scheduler, Priority.CHAT, log) for _ in range(3))
        await settle()
        first.let_go()
        await asyncio.sleep(0)  # one step: the slot is the second one's, who has not seen it
        assert scheduler.queued == 1
        assert not second.holding
        second.task.cancel()
        await settle()
        assert log == [first, third]
        await end([second, third])
        assert (scheduler.running, scheduler.queued) == (0, 0)

    run(scenario())


def test_a_slot_is_free_again_after_an_error() -> None:
    async def scenario() -> None:
        scheduler = Scheduler(1)

        async def fail() -> None:
            async with scheduler.slot(Priority.EDIT):
                raise ValueError("the engine")

        with pytest.raises(ValueError, match="the engine"):
            await fail()
        async with asyncio.timeout(20), scheduler.slot(Priority.EDIT):
            assert scheduler.running == 1

    run(scenario())


def test_too_many_waiting_is_told_and_those_waiting_are_served() -> None:
    async def scenario() -> None:
        scheduler, log = Scheduler(1, max_queued=2), list[Request]()
        requests = [Request(scheduler, Priority.CHAT, log) for _ in range(3)]
        await settle()
        with pytest.raises(Overloaded, match="2 requests of the class chat") as caught:
            async with scheduler.slot(Priority.CHAT):
                pytest.fail("no slot is free")
        assert caught.value.hint
        requests[1].task.cancel()
        await settle()
        late = Request(scheduler, Priority.COMPLETION, log)
        for request in (requests[0], late, requests[2]):
            await settle()
            request.let_go()
        await settle()
        assert log == [requests[0], late, requests[2]]
        assert (scheduler.running, scheduler.queued) == (0, 0)

    run(scenario())


def test_a_class_that_is_full_refuses_no_other() -> None:
    async def scenario() -> None:
        scheduler, log = Scheduler(1, max_queued=2), list[Request]()
        requests = [Request(scheduler, Priority.WARM_UP, log) for _ in range(4)]
        await settle()
        assert isinstance(requests[3].task.exception(), Overloaded)
        completion = Request(scheduler, Priority.COMPLETION, log)
        await settle()
        requests[0].let_go()
        await settle()
        assert log == [requests[0], completion]
        await end([*requests, completion])

    run(scenario())


def test_clients_take_turns_within_a_class() -> None:
    async def scenario() -> None:
        scheduler, log = Scheduler(1), list[Request]()
        arrivals = ["much", "much", "much", "much", "late", "late", "later"]
        requests = [Request(scheduler, Priority.AGENT, log, client) for client in arrivals]
        for number in range(len(requests)):
            await settle()
            log[number].let_go()
        await settle()
        served = [request.client for request in log]
        assert served == ["much", "much", "late", "later", "much", "late", "much"]

    run(scenario())


def test_clients_that_come_again_and_again_overtake_nobody_who_waits() -> None:
    async def scenario() -> None:
        scheduler, log = Scheduler(1), list[Request]()
        requests = [Request(scheduler, Priority.AGENT, log, "much") for _ in range(4)]
        for number in range(12):
            requests.append(Request(scheduler, Priority.AGENT, log, f"client {number % 2}"))
            await settle()
            log[number].let_go()
        await settle()
        assert sum(request.client == "much" for request in log) == 4
        await end(requests)

    run(scenario())


def test_a_client_has_its_share_of_a_class() -> None:
    async def scenario() -> None:
        log: list[Request] = []
        scheduler = Scheduler(1, max_queued=4, max_of_client=2)
        requests = [Request(scheduler, Priority.CHAT, log, "one") for _ in range(4)]
        await settle()
        error = requests[3].task.exception()
        assert isinstance(error, Overloaded)
        assert "of this window" in error.message
        requests += [Request(scheduler, Priority.CHAT, log, "other") for _ in range(3)]
        await settle()
        assert [request.task.done() for request in requests[4:]] == [False, False, True]
        assert scheduler.queued == 4
        await end(requests)

    run(scenario())


def futures() -> int:
    return sum(isinstance(each, asyncio.Future) for each in gc.get_objects())


def test_one_who_is_cancelled_leaves_nothing_behind() -> None:
    """While a slot is held for long, a window that types goes on cancelling."""

    async def scenario() -> None:
        scheduler, log = Scheduler(1), list[Request]()
        holder = Request(scheduler, Priority.CHAT, log)
        await settle()
        gc.collect()
        before = futures()
        for _ in range(1000):
            request = Request(scheduler, Priority.COMPLETION, log)
            await asyncio.sleep(0)
            await end([request])
        assert scheduler.queued == 0
        gc.collect()
        assert futures() < before + 100
        await end([holder])

    run(scenario())


ACTIONS = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(Priority)),
    st.tuples(st.just("let go"), st.integers(0, 9)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("step"), st.integers(1, 3)),
)


@settings(repeatable, max_examples=200)
@given(st.integers(1, 3), st.lists(ACTIONS, max_size=60))
def test_whatever_happens_no_slot_is_lost_or_shared(
    slots: int, actions: list[tuple[str, int]]
) -> None:
    async def scenario() -> None:
        scheduler, log = Scheduler(slots), list[Request]()
        alive: list[Request] = []
        for action, argument in actions:
            if action == "ask":
                alive.append(Request(scheduler, Priority(argument), log))
            elif action == "step":
                for _ in range(argument):
                    await asyncio.sleep(0)
            elif alive:
                request = alive[argument % len(alive)]
                if action == "cancel":
                    request.task.cancel()
                else:
                    request.let_go()
            holding = sum(request.holding for request in alive)
            assert holding <= scheduler.running <= slots
            alive = [request for request in alive if not request.task.done()]
        await settle()
        alive = [request for request in alive if not request.task.done()]
        assert sum(request.holding for request in alive) == scheduler.running
        assert scheduler.running == min(slots, len(alive)), "no slot idles while one waits"
        assert scheduler.queued == len(alive) - scheduler.running
        await end(alive)
        assert (scheduler.running, scheduler.queued) == (0, 0)
        async with asyncio.timeout(20):
            for _ in range(slots):
                await scheduler.slot(Priority.EDIT).__aenter__()
        assert scheduler.running == slots

    run(scenario())


class TestEngineThatQueues:
    def test_completions_do_not_wait_and_no_slot_is_handed_out_for_them(self) -> None:
        async def scenario() -> None:
            log: list[Request] = []
            scheduler = Scheduler(2, engine_queues=True)
            chats = [Request(scheduler, Priority.CHAT, log) for _ in range(3)]
            await settle()
            completions = [Request(scheduler, Priority.COMPLETION, log) for _ in range(2)]
            await settle()
            assert log == [*chats[:2], *completions]
            assert (scheduler.running, scheduler.queued) == (4, 1)
            for request in (completions[0], chats[0]):
                request.let_go()
                await settle()
                assert not chats[2].holding, "two are running still"
            completions[1].let_go()
            await settle()
            assert chats[2].holding
            await end([*chats, *completions])
            assert (scheduler.running, scheduler.queued) == (0, 0)

        run(scenario())

    def test_no_other_class_goes_on(self) -> None:
        async def scenario() -> None:
            log: list[Request] = []
            scheduler = Scheduler(1, engine_queues=True)
            requests = [Request(scheduler, priority, log) for priority in Priority]
            await settle()
            assert [each.priority for each in log] == [Priority.COMPLETION]
            requests[0].let_go()
            await settle()
            assert [each.priority for each in log] == [Priority.COMPLETION, Priority.EDIT]
            await end(requests)

        run(scenario())

    def test_completions_are_bounded_as_well(self) -> None:
        async def scenario() -> None:
            log: list[Request] = []
            scheduler = Scheduler(1, max_queued=2, engine_queues=True)
            requests = [Request(scheduler, Priority.COMPLETION, log) for _ in range(6)]
            await settle()
            assert (len(log), scheduler.running, scheduler.queued) == (3, 3, 2)
            assert isinstance(requests[5].task.exception(), Overloaded)
            for request in requests:
                request.let_go()
            await settle()
            assert len(log) == 5
            assert (scheduler.running, scheduler.queued) == (0, 0)
            await end(requests)

        run(scenario())
