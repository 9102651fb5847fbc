"""A host whose engine loads, or cannot: what clients are told, and when it is tried again."""

from __future__ import annotations

import asyncio
import operator
import re
from pathlib import Path
from typing import Any

import pytest

import inference.endpoint
import inference.host
from inference.client import ClientState, ClientStatus, InferenceClient
from inference.endpoint import Endpoint
from inference.errors import EngineFailed, HostUnavailable, InferenceError, NotReady, UnknownModel
from inference.host import Host
from inference.protocol import PROTOCOL_VERSION, Goodbye, Hello, HostState, Status, Welcome

from .hosts import (
    ANSWER,
    LAYOUT,
    ClientOf,
    Eventually,
    HostOf,
    Processes,
    Script,
    Serve,
    complete,
    greet,
    reach,
    until,
    until_state,
)


class TestLoading:
    async def test_the_socket_is_open_while_the_engine_loads(
        self, client_of: ClientOf, script: Script, runtime: Path
    ) -> None:
        statuses: list[ClientStatus] = []
        loaded = runtime / "loaded"
        model = script(ANSWER, load_until=str(loaded), load_seconds=0.2)
        async with client_of(model, statuses=statuses) as client:
            await until_state(client, ClientState.LOADING)
            with pytest.raises(NotReady):
                await complete(client)
            assert client.capabilities is None
            assert (await client.stats()).connections == 1
            loaded.touch()
            await client.wait_ready(60)
            assert await complete(client) == "1 + 1"
        loading = [status for status in statuses if status.state is ClientState.LOADING]
        progress = [status.progress for status in loading if status.progress is not None]
        assert len(progress) == 10
        assert progress == sorted(progress)
        assert any("script.json" in status.message for status in loading)

    async def test_a_layout_sent_while_loading_is_answered_when_ready(
        self, host_of: HostOf, script: Script, runtime: Path
    ) -> None:
        loaded = runtime / "loaded"
        model = script(ANSWER, load_until=str(loaded))
        endpoint = Endpoint.of(model)
        running = host_of(model)
        entering = asyncio.create_task(running.__aenter__())
        channel, token = await reach(endpoint)
        channel.send(Hello(PROTOCOL_VERSION, token, "raw"), LAYOUT.message)
        answers: list[Any] = [await channel.receive()]
        loaded.touch()
        while len(answers) < 3 or isinstance(answers[-1], Status):
            answers.append(await channel.receive())
        assert isinstance(answers[0], Welcome)
        assert answers[0].status.state is HostState.LOADING
        assert answers[-1].code == "unknown_chunk", "it was resolved once the engine was there"
        await channel.close()
        await entering
        await running.__aexit__(None, None, None)

    async def test_a_failure_is_told_and_a_mended_model_comes_back_by_itself(
        self, client_of: ClientOf, script: Script
    ) -> None:
        statuses: list[ClientStatus] = []
        model = script(fail_load="no memory left for 35 billion parameters")
        async with client_of(model, statuses=statuses) as client:
            with pytest.raises(EngineFailed, match="no memory left"):
                await client.wait_ready(60)
            assert client.status.state is ClientState.ERROR
            assert "no memory left" in client.status.message
            with pytest.raises(InferenceError, match="no memory left"):
                await complete(client)
            script(ANSWER)
            await until_state(client, ClientState.READY)
            assert await complete(client) == "1 + 1"

    async def test_capabilities_that_cannot_be_told_are_a_failure_and_no_endless_loading(
        self, host_of: HostOf, script: Script, runtime: Path
    ) -> None:
        loaded = runtime / "loaded"
        model = script(ANSWER, load_until=str(loaded), context_tokens=2**70)
        running = host_of(model)
        entering = asyncio.create_task(running.__aenter__())
        channel = await greet(Endpoint.of(model))
        loaded.touch()
        while isinstance(message := await channel.receive(), Status):
            pass
        assert isinstance(message, Goodbye)
        assert message.code == EngineFailed.code
        assert "a number that 64 bits cannot hold" in message.message
        await channel.close()
        await entering
        await running.__aexit__(None, None, None)

    async def test_a_failing_model_is_tried_again_later_and_later(
        self, script: Script, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr("inference.client.FIRST_BACK_OFF_S", 0.1)
        waits_s: list[float] = []
        loop = asyncio.get_running_loop()

        def note(status: ClientStatus) -> None:
            if status.state is ClientState.ERROR:
                waits_s.append(-loop.time())
            elif status.state is ClientState.STARTING and waits_s:
                waits_s[-1] += loop.time()

        client = InferenceClient(
            script(fail_load="never"), name="test", idle_minutes=1, on_status=note
        )
        client.start()
        await until(lambda: len(waits_s) == 4)
        await client.close()
        # A busy machine may make any of them longer, so each is held against what was announced.
        announced_s = [float(found) for found in re.findall(r"again in ([\d.]+) s", caplog.text)]
        assert announced_s == [0.1, 0.2, 0.4, 0.8]
        assert all(map(operator.ge, waits_s[:3], announced_s))

    async def test_an_unknown_model_is_told_and_waits_for_the_user(
        self, client_of: ClientOf, eventually: Eventually, processes: Processes
    ) -> None:
        statuses: list[ClientStatus] = []
        async with client_of("gpt-17", statuses=statuses) as client:
            with pytest.raises(UnknownModel, match="gpt-17") as caught:
                await client.wait_ready(60)
            assert caught.value.hint in client.status.message
            await eventually(lambda: processes() == [], "the end of the host")
            count = len(statuses)
            with pytest.raises(UnknownModel):
                await client.wait_ready(1)
            assert len(statuses) == count, "nothing changes until the user does something"
            client.restart()
            await eventually(lambda: len(statuses) > count, "another attempt")

    async def test_a_host_that_cannot_load_ends_with_status_1(
        self, serve: Serve, script: Script, eventually: Eventually
    ) -> None:
        model = script(fail_load="no memory left")
        host = serve(model)
        endpoint = Endpoint.of(model)
        await eventually(endpoint.address_file.exists)
        messages = []
        channel, token = await reach(endpoint)
        channel.send(Hello(PROTOCOL_VERSION, token, "raw"))
        while (message := await channel.receive()) is not None:
            messages.append(message)
        await channel.close()
        goodbyes = [message for message in messages if isinstance(message, Goodbye)]
        assert goodbyes
        assert {(each.code, each.message) for each in goodbyes} == {
            ("engine_failed", "no memory left")
        }
        assert await asyncio.to_thread(host.wait, 60) == 1

    async def test_a_host_that_cannot_load_ends_without_a_client_as_well(
        self, script: Script, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(inference.host, "FAILURE_GRACE_S", 0.05)
        endpoint = Endpoint.of(script(fail_load="no memory left"))
        async with asyncio.timeout(60):
            assert await Host(endpoint, idle_s=60).run() == 1

    async def test_waiting_for_a_host_that_loads_too_long_says_so(
        self, client_of: ClientOf, script: Script
    ) -> None:
        async with client_of(script(load_seconds=30)) as client:
            await until_state(client, ClientState.LOADING)
            with pytest.raises(HostUnavailable, match=r"not ready within 0\.01 s") as caught:
                await client.wait_ready(0.01)
            assert str(client.endpoint.log_file) in caught.value.hint
