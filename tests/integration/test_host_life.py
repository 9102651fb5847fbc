"""The life of a host: started on demand, one for all, ended when idle, replaced when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import operator
import os
import re
import select
import signal
import stat
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path
from typing import Any

import pytest

import inference.endpoint
import inference.host
from inference.client import ClientState, ClientStatus, InferenceClient
from inference.content import Layout, LayoutSection, TextChunk
from inference.endpoint import Endpoint
from inference.errors import EngineFailed, HostUnavailable, InferenceError, NotReady, UnknownModel
from inference.host import Host
from inference.launch import launch_host
from inference.protocol import (
    PROTOCOL_VERSION,
    Delta,
    Generate,
    Goodbye,
    Hello,
    HostState,
    Priority,
    PutChunk,
    Refused,
    Role,
    Shutdown,
    Status,
    Tail,
    Welcome,
)
from inference.sampling import Sampling
from inference.transport import Channel

ClientOf = Callable[..., AbstractAsyncContextManager[InferenceClient]]
HostOf = Callable[..., AbstractAsyncContextManager[Host]]
Script = Callable[..., str]
Serve = Callable[..., subprocess.Popen[str]]
Processes = Callable[[], list[int]]
Eventually = Callable[..., Awaitable[None]]

ANSWER = {"reply": ["1", " + ", "1"]}
HANG = {"reply": ["first"], "then": "hang"}
LAYOUT = Layout.of([LayoutSection(Role.PREFIX, "main.py", (TextChunk.of("x = 1\n"),))])


async def complete(client: InferenceClient, tail: str = "y = ") -> str:
    text = ""
    stream = client.generate(LAYOUT, Tail(tail, ""), Sampling(50), Priority.COMPLETION)
    async with aclosing(stream):
        async for message in stream:
            text += message.text if isinstance(message, Delta) else ""
    return text


async def until(check: Callable[[], bool]) -> None:
    while True:
        if check():
            return
        await asyncio.sleep(0.005)


async def until_state(client: InferenceClient, state: ClientState) -> None:
    await until(lambda: client.status.state is state)


async def until_another_host(client: InferenceClient, old: int | None) -> None:
    await until(lambda: client.host_pid not in (None, old))


async def reach(endpoint: Endpoint) -> tuple[Channel, str]:
    """A connection to a host that may still be starting, and the token to greet it with."""
    while True:
        if (streams := await endpoint.connect()) is not None:
            reader, writer, address = streams
            return Channel(reader, writer), address.token
        await asyncio.sleep(0.005)


async def greet(endpoint: Endpoint) -> Channel:
    channel, token = await reach(endpoint)
    channel.send(Hello(PROTOCOL_VERSION, token, "raw"))
    assert isinstance(await channel.receive(), Welcome)
    return channel


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


def host_of_client(client: InferenceClient) -> int:
    pid = client.host_pid
    assert pid is not None
    return pid


class TestStart:
    async def test_a_client_starts_the_host_and_completes(
        self, client_of: ClientOf, script: Script
    ) -> None:
        statuses: list[ClientStatus] = []
        model = script(ANSWER)
        async with client_of(model, statuses=statuses) as client:
            assert client.status.state is ClientState.STARTING
            await client.wait_ready(60)
            assert await complete(client) == "1 + 1"
            assert client.capabilities is not None
        states = [status.state for status in statuses]
        assert states[-1] is ClientState.READY
        assert ClientState.ERROR not in states
        assert {(status.engine, status.model) for status in statuses} == {("scripted", model)}

    async def test_what_it_leaves_in_the_runtime_folder_is_the_users_alone(
        self, client_of: ClientOf, script: Script, runtime: Path
    ) -> None:
        async with client_of(script()) as client:
            await client.wait_ready(60)
            modes = {
                path: stat.S_IMODE(path.stat().st_mode)
                for path in (client.endpoint.socket, client.endpoint.address_file, runtime)
            }
            assert stat.S_ISSOCK(client.endpoint.socket.stat().st_mode)
        assert [*modes.values()] == [0o600, 0o600, 0o700]

    async def test_eight_clients_at_once_share_one_host(
        self, client_of: ClientOf, script: Script, processes: Processes, eventually: Eventually
    ) -> None:
        model = script(ANSWER)
        statuses: list[ClientStatus] = []
        async with contextlib.AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(client_of(model, statuses=statuses))
                for _ in range(8)
            ]
            await asyncio.gather(*(client.wait_ready(60) for client in clients))
            assert await asyncio.gather(*map(complete, clients)) == ["1 + 1"] * 8
            (pid,) = {host_of_client(client) for client in clients}
            await eventually(lambda: processes() == [pid], "the end of all hosts but one")
            assert (await clients[0].stats()).connections == 8
        assert not [status for status in statuses if status.state is ClientState.ERROR]

    async def test_a_second_host_finds_the_first_and_leaves(
        self, serve: Serve, script: Script, eventually: Eventually
    ) -> None:
        model = script()
        first = serve(model)
        await eventually(Endpoint.of(model).address_file.exists)
        second = serve(model)
        _, said = await asyncio.to_thread(second.communicate, timeout=60)
        assert second.returncode == 0
        assert str(first.pid) in said
        assert first.poll() is None

    async def test_hosts_of_two_models_run_beside_each_other(
        self, client_of: ClientOf, script: Script
    ) -> None:
        async with client_of(script(ANSWER)) as one, client_of("suffix") as other:
            await asyncio.gather(one.wait_ready(60), other.wait_ready(60))
            assert one.host_pid != other.host_pid

    async def test_the_workspace_of_the_user_is_not_imported(
        self,
        runtime: Path,
        script: Script,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        client_of: ClientOf,
    ) -> None:
        decoys = ["inference/__init__.py", "inference/__main__.py", "sitecustomize.py"]
        decoys += ["msgpack.py", "click.py", "filelock.py", "usercustomize.py"]
        for folder in (tmp_path, runtime):
            for decoy in decoys:
                path = folder / decoy
                path.parent.mkdir(exist_ok=True)
                path.write_text(f"open({str(runtime / 'imported')!r}, 'a').write(__name__)\n1 / 0")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "msgpack.py"))
        monkeypatch.setenv("PYTHONHOME", str(tmp_path))
        async with client_of(script(ANSWER)) as client:
            await client.wait_ready(60)
            assert await complete(client) == "1 + 1"
        assert not (runtime / "imported").exists()

    async def test_a_relative_runtime_folder_works(
        self, runtime: Path, script: Script, monkeypatch: pytest.MonkeyPatch, client_of: ClientOf
    ) -> None:
        model = script(ANSWER)
        monkeypatch.chdir(runtime)
        monkeypatch.setenv("SPARROW_RUNTIME_DIR", "r")
        async with client_of(model, idle_minutes=0.05) as client:
            await client.wait_ready(60)
            assert await complete(client) == "1 + 1"

    async def test_a_host_that_cannot_start_is_told_with_its_last_words(
        self, client_of: ClientOf, script: Script, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        broken = tmp_path / "python"
        broken.write_text("#!/bin/sh\necho 'no such library' >&2\nexit 3\n")
        broken.chmod(0o700)
        monkeypatch.setattr("sys.executable", str(broken))
        async with client_of(script()) as client:
            with pytest.raises(HostUnavailable, match="no such library") as caught:
                await client.wait_ready(60)
            assert str(client.endpoint.log_file) in caught.value.hint

    async def test_a_runtime_folder_that_cannot_be_is_told(
        self, client_of: ClientOf, runtime: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (runtime / "file").write_text("")
        monkeypatch.setenv("SPARROW_RUNTIME_DIR", str(runtime / "file"))
        async with client_of("suffix") as client:
            with pytest.raises(HostUnavailable) as caught:
                await client.wait_ready(60)
            assert "SPARROW_RUNTIME_DIR" in caught.value.hint


class TestLoopbackTcp:
    """As on Windows, where there are no Unix sockets."""

    @pytest.fixture(autouse=True)
    def _over_tcp(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(inference.endpoint, "OVER_TCP", True)

    async def test_a_host_listens_on_the_loopback_alone_and_completes(
        self, host_of: HostOf, client_of: ClientOf, script: Script
    ) -> None:
        model = script(ANSWER)
        async with host_of(model), client_of(model) as client:
            address = Endpoint.of(model).read_address()
            assert address is not None
            assert (address.socket, type(address.port)) == (None, int)
            assert not Endpoint.of(model).socket.exists()
            await client.wait_ready(60)
            assert await complete(client) == "1 + 1"
        assert Endpoint.of(model).read_address() is None

    async def test_who_has_not_the_token_is_turned_away(
        self, host_of: HostOf, script: Script
    ) -> None:
        model = script(ANSWER)
        async with host_of(model) as host:
            address = Endpoint.of(model).read_address()
            assert address is not None
            reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
            channel = Channel(reader, writer)
            channel.send(Hello(PROTOCOL_VERSION, "guessed", "stranger"))
            refused = await channel.receive()
            assert isinstance(refused, Refused)
            assert refused.code == "authentication_failed"
            assert await channel.receive() is None
            await channel.close()
            assert host.stats().connections == 0


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


class TestDeath:
    async def test_a_killed_host_ends_its_requests_and_is_replaced(
        self, client_of: ClientOf, script: Script
    ) -> None:
        model = script({"when": {"prefix_ends_with": "wait"}, **HANG}, ANSWER)
        statuses: list[ClientStatus] = []
        async with client_of(model, statuses=statuses) as client:
            await client.wait_ready(60)
            pid = host_of_client(client)
            stream = client.generate(LAYOUT, Tail("wait", ""), Sampling(9), Priority.CHAT)
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
        async with contextlib.AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(client_of(model, statuses=statuses))
                for _ in range(4)
            ]
            await asyncio.gather(*(client.wait_ready(60) for client in clients))
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
            requests = [asyncio.create_task(complete(client)) for _ in range(3)]
            while (await client.stats()).running < 3:
                pass
            await client.close()
            for result in await asyncio.gather(*requests, return_exceptions=True):
                assert isinstance(result, HostUnavailable)


async def test_a_launched_host_outlives_the_process_group_of_its_starter(
    script: Script, runtime: Path, processes: Processes
) -> None:
    model = script()
    process = launch_host(Endpoint.of(model), 1)
    await until(Endpoint.of(model).address_file.exists)
    assert processes() == [process.pid]
    assert os.getsid(process.pid) != os.getsid(0)
    assert os.path.samefile(f"/proc/{process.pid}/cwd", runtime)  # noqa: ASYNC240, PTH121 - not a link
    channel = await greet(Endpoint.of(model))
    channel.send(Shutdown())
    assert await asyncio.to_thread(process.wait, 60) == 0
    await channel.close()
