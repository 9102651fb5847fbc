"""How a host starts: on demand, one for all, apart from the workspace, and over loopback TCP."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path

import pytest

import inference.endpoint
import inference.host
from inference.client import ClientState, ClientStatus
from inference.endpoint import Endpoint
from inference.errors import HostUnavailable
from inference.launch import launch_host
from inference.protocol import PROTOCOL_VERSION, Hello, Refused, Shutdown
from inference.transport import Channel

from .hosts import (
    ANSWER,
    ClientOf,
    Eventually,
    HostOf,
    Processes,
    Script,
    Serve,
    complete,
    greet,
    host_of_client,
    ready_clients,
    until,
)


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
        async with ready_clients(client_of, model, 8, statuses) as clients:
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

    async def test_a_host_of_another_version_than_its_client_says_so(
        self, client_of: ClientOf, script: Script, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It would listen under another name, where a client from before an update never looks."""
        monkeypatch.setattr("inference.endpoint.__version__", "before the update")
        async with client_of(script()) as client:
            with pytest.raises(HostUnavailable, match="restart the language server"):
                await client.wait_ready(60)

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

    async def test_who_has_taken_the_port_of_a_dead_host_is_not_taken_for_it(
        self, client_of: ClientOf, script: Script
    ) -> None:
        asked: list[bytes] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.read(100))
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        stranger = await asyncio.start_server(answer, "127.0.0.1", 0)
        model = script(ANSWER)
        endpoint = Endpoint.of(model)
        endpoint.prepare()
        left = {"pid": 1, "socket": None, "port": stranger.sockets[0].getsockname()[1]}
        endpoint.address_file.write_text(json.dumps({**left, "token": "of the dead host"}))
        async with client_of(model) as client:
            await client.wait_ready(60)
        stranger.close()
        assert asked == []

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
