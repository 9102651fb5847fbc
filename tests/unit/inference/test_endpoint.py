"""Where a host lives: its name, its runtime folder and its address file."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
import tempfile
from pathlib import Path

import pytest

import inference.endpoint
from inference.endpoint import RUNTIME_DIR_VARIABLE, Endpoint
from inference.errors import HostUnavailable

unix_only = pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets and modes")


@pytest.fixture
def runtime(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime folder that does not exist yet, of a path short enough for a socket."""
    folder = tmp_path_factory.mktemp("e") / "run"
    monkeypatch.setenv(RUNTIME_DIR_VARIABLE, str(folder))
    return folder


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestName:
    def test_the_same_model_has_one_endpoint(self, runtime: Path) -> None:
        assert Endpoint.of("suffix") == Endpoint.of("suffix")
        assert Endpoint.of("suffix").directory == runtime

    def test_models_have_endpoints_of_their_own(self, runtime: Path) -> None:
        models = ["suffix", "suffix ", "Suffix", "scripted:/a.json", "scripted:/b.json", "näme"]
        endpoints = [Endpoint.of(model) for model in models]
        for kind in ("socket", "address_file", "lock_file", "log_file"):
            assert len({getattr(endpoint, kind) for endpoint in endpoints}) == len(models)
        assert {endpoint.directory for endpoint in endpoints} == {runtime}

    @pytest.mark.usefixtures("runtime")
    @pytest.mark.parametrize(
        ("constant", "value"), [("PROTOCOL_VERSION", 99), ("__version__", "99.0")]
    )
    def test_another_version_has_an_endpoint_of_its_own(
        self, monkeypatch: pytest.MonkeyPatch, constant: str, value: object
    ) -> None:
        ours = Endpoint.of("suffix")
        monkeypatch.setattr(inference.endpoint, constant, value)
        assert Endpoint.of("suffix").socket != ours.socket

    @pytest.mark.usefixtures("runtime")
    def test_other_arguments_of_the_engine_have_an_endpoint_of_their_own(self) -> None:
        ours = Endpoint.of("suffix", {"a": 1, "b": 2})
        assert ours == Endpoint.of("suffix", {"b": 2, "a": 1})
        assert Endpoint.of("suffix") == Endpoint.of("suffix", {})
        sockets = {Endpoint.of("suffix", each).socket for each in ({}, {"a": 1}, {"a": 2})}
        assert len(sockets | {ours.socket}) == 4

    @pytest.mark.usefixtures("runtime")
    def test_the_files_of_a_host_lie_together_and_are_told_apart(self) -> None:
        endpoint = Endpoint.of("../../etc/passwd")
        files = [endpoint.socket, endpoint.address_file, endpoint.lock_file, endpoint.log_file]
        assert len(set(files)) == len(files)
        assert {file.parent for file in files} == {endpoint.directory}


class TestRuntimeFolder:
    def test_it_is_made_for_this_user_alone(self, runtime: Path) -> None:
        Endpoint.of("suffix").prepare()
        assert runtime.is_dir()
        if sys.platform != "win32":
            assert mode_of(runtime) == 0o700

    @unix_only
    @pytest.mark.parametrize("mode", [0o755, 0o770, 0o777, 0o701])
    def test_one_that_others_can_enter_is_closed_to_them(self, runtime: Path, mode: int) -> None:
        runtime.mkdir()
        runtime.chmod(mode)
        Endpoint.of("suffix").prepare()
        assert mode_of(runtime) == 0o700

    @unix_only
    def test_a_link_is_refused(self, runtime: Path, tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir(mode=0o755)
        runtime.symlink_to(elsewhere)
        with pytest.raises(HostUnavailable) as caught:
            Endpoint.of("suffix").prepare()
        assert RUNTIME_DIR_VARIABLE in caught.value.hint
        assert mode_of(elsewhere) == 0o755

    @unix_only
    def test_a_link_to_nothing_is_refused(self, runtime: Path, tmp_path: Path) -> None:
        runtime.symlink_to(tmp_path / "nothing")
        with pytest.raises(HostUnavailable):
            Endpoint.of("suffix").prepare()
        assert not (tmp_path / "nothing").exists()

    def test_a_file_in_its_place_is_refused(self, runtime: Path) -> None:
        runtime.write_text("mine")
        with pytest.raises(HostUnavailable):
            Endpoint.of("suffix").prepare()
        assert runtime.read_text() == "mine"

    @unix_only
    def test_one_of_somebody_else_is_refused(
        self, runtime: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        runtime.mkdir(mode=0o700)
        monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
        with pytest.raises(HostUnavailable, match="somebody else") as caught:
            Endpoint.of("suffix").prepare()
        assert RUNTIME_DIR_VARIABLE in caught.value.hint

    @unix_only
    @pytest.mark.parametrize("length", [150, 3000])
    def test_a_path_too_long_for_a_socket_is_replaced_by_a_short_one(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, length: int
    ) -> None:
        def endpoint_below(folder: str) -> Endpoint:
            monkeypatch.setenv(RUNTIME_DIR_VARIABLE, str(tmp_path / folder / ("d" * length)))
            return Endpoint.of("suffix")

        one, same, other = map(endpoint_below, ("one", "one", "other"))
        assert len(os.fsencode(one.socket)) <= 103
        assert one == same
        assert one.directory != other.directory, "each named folder keeps its own hosts"
        assert one.directory.parent == Path(tempfile.gettempdir())

    @unix_only
    @pytest.mark.parametrize("letter", ["d", "ü"])
    def test_every_length_gives_a_path_that_a_socket_can_have(
        self, monkeypatch: pytest.MonkeyPatch, letter: str
    ) -> None:
        kept = 0
        for length in range(1, 120):
            named = Path("/") / (letter * length)
            monkeypatch.setenv(RUNTIME_DIR_VARIABLE, str(named))
            endpoint = Endpoint.of("suffix")
            assert len(os.fsencode(endpoint.socket)) <= 103
            kept += endpoint.directory == named
        assert kept > 30

    def test_a_relative_folder_is_one_place_for_client_and_host(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The host runs in the runtime folder, the client elsewhere."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv(RUNTIME_DIR_VARIABLE, "run")
        assert Endpoint.of("suffix").directory.is_absolute()

    @unix_only
    def test_without_a_named_folder_it_is_one_of_this_user_alone(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.delenv(RUNTIME_DIR_VARIABLE, raising=False)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
        directory = Endpoint.of("suffix").directory
        assert directory.is_absolute()
        if sys.platform.startswith("linux"):
            assert str(os.getuid()) in directory.name
            assert directory.parent == Path(tempfile.gettempdir())


class TestAddress:
    @pytest.mark.parametrize(
        "content",
        [
            None,
            "",
            "{",
            "null",
            "[]",
            "[1, 2, 3, 4]",
            '"text"',
            "{}",
            '{"pid": 1, "socket": null, "port": null}',
            '{"pid": 1, "socket": "a", "port": null, "token": "", "more": 1}',
            '{"pid": 1, "socket": 5, "port": null, "token": ""}',
            '{"pid": 1, "socket": ["a"], "port": null, "token": ""}',
            '{"pid": 1, "socket": null, "port": "80", "token": 7}',
            '{"pid": 1, "socket": null, "port": null, "token": "t"}',
            '{"pid": 1, "socket": "a\\u0000b", "port": null, "token": "t"}',
            '{"pid": 1, "socket": null, "port": 99999999, "token": "t"}',
            "[" * 100_000,
            b"\xff\xfe\x00",
        ],
    )
    def test_a_file_that_leads_nowhere_is_no_host(
        self, runtime: Path, content: str | bytes | None
    ) -> None:
        endpoint = Endpoint.of("suffix")
        endpoint.prepare()
        if content is not None:
            data = content.encode() if isinstance(content, str) else content
            endpoint.address_file.write_bytes(data)
        assert runtime == endpoint.directory
        assert asyncio.run(endpoint.connect()) is None

    @unix_only
    def test_what_a_dead_host_left_is_no_host(self, runtime: Path) -> None:
        endpoint = Endpoint.of("suffix")
        endpoint.prepare()

        async def live_and_die() -> None:
            server, address = await endpoint.listen(lambda _reader, writer: writer.close())
            assert endpoint.read_address() == address
            server.close()

        asyncio.run(live_and_die())
        assert endpoint.read_address() is not None
        assert asyncio.run(endpoint.connect()) is None
        assert runtime == endpoint.directory

    @pytest.mark.usefixtures("runtime")
    def test_each_host_has_a_token_of_its_own(self) -> None:
        endpoint = Endpoint.of("suffix")
        endpoint.prepare()

        async def listen() -> str:
            server, address = await endpoint.listen(lambda _reader, writer: writer.close())
            server.close()
            return address.token

        tokens = {asyncio.run(listen()) for _ in range(5)}
        assert len(tokens) == 5
        assert min(map(len, tokens)) >= 32

    @unix_only
    @pytest.mark.usefixtures("runtime")
    def test_nobody_else_can_read_it_whatever_the_mask(self) -> None:
        endpoint = Endpoint.of("suffix")
        endpoint.prepare()

        async def listen() -> None:
            server, _ = await endpoint.listen(lambda _reader, writer: writer.close())
            assert mode_of(endpoint.socket) == 0o600
            assert mode_of(endpoint.address_file) == 0o600
            server.close()
            endpoint.remove()

        before = os.umask(0)
        try:
            asyncio.run(listen())
            assert os.umask(0) == 0, "the process keeps its own mask"
        finally:
            os.umask(before)
        assert not endpoint.socket.exists()
        assert not endpoint.address_file.exists()

    @unix_only
    @pytest.mark.usefixtures("runtime")
    def test_what_a_dead_host_left_is_replaced(self) -> None:
        endpoint = Endpoint.of("suffix")
        endpoint.prepare()
        for left in (endpoint.socket, endpoint.address_file):
            left.write_text("left")
        endpoint.address_file.with_suffix(".tmp").write_text("left in the middle of writing")

        async def listen() -> None:
            server, address = await endpoint.listen(lambda _reader, writer: writer.close())
            assert json.loads(endpoint.address_file.read_text())["token"] == address.token
            server.close()

        asyncio.run(listen())


@pytest.mark.usefixtures("runtime")
class TestLock:
    def test_it_has_one_holder_and_is_free_after_him(self) -> None:
        endpoint = Endpoint.of("suffix")
        endpoint.prepare()
        lock = endpoint.try_lock()
        assert lock is not None
        assert endpoint.try_lock() is None
        assert Endpoint.of("suffix").try_lock() is None
        other = Endpoint.of("scripted:other").try_lock()
        assert other is not None
        lock.release()
        again = endpoint.try_lock()
        assert again is not None
        again.release()
        other.release()
