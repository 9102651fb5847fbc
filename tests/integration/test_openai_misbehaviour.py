"""The engine against servers that stall, cut connections, redirect and talk nonsense."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from inference.engines.openai import OpenAiEngine
from inference.engines.openai_server import KEY_VARIABLE
from inference.errors import EngineFailed, InferenceError, RequestRefused
from inference.protocol import Priority
from inference.sampling import Sampling

from .played_server import (
    LIMITS,
    PROMPT,
    SHORT,
    Exchange,
    Route,
    complete,
    events,
    json_of,
    loaded,
    other,
    playing,
    said,
    text_of,
)


async def cut(exchange: Exchange) -> None:
    exchange.writer.transport.abort()


async def cut_in_mid_stream(exchange: Exchange) -> None:
    await exchange.start_stream()
    await exchange.send_event(said("1"))
    exchange.writer.close()


async def stall(exchange: Exchange) -> None:
    await exchange.start_stream()
    await exchange.send_event(said("1"))
    await exchange.peer_closes()


async def stall_in_the_head(exchange: Exchange) -> None:
    await exchange.write(b"HTTP/1.1 200 OK\r\ncontent-type: text")
    await exchange.peer_closes()


async def garbage(exchange: Exchange) -> None:
    await exchange.write(b"\x00\x01\x02 this is not HTTP\r\n\r\n")
    exchange.writer.close()


class TestMisbehaviour:
    @pytest.mark.parametrize(
        ("route", "words"),
        [
            (cut, "was lost"),
            (cut_in_mid_stream, "was lost"),
            (stall, "sent nothing for 1 s"),
            (stall_in_the_head, "sent nothing for 1 s"),
            (garbage, "was lost"),
            (json_of({"error": "out of order"}, 500), "out of order"),
            (events({"error": {"message": "broke", "code": 500}}, "[DONE]"), "broke"),
        ],
    )
    async def test_of_one_request_refuses_that_request(self, route: Route, words: str) -> None:
        limits = SHORT if route in (stall, stall_in_the_head) else LIMITS
        async with playing(other(route)) as server, loaded(server.url, limits=limits) as engine:
            with pytest.raises(RequestRefused, match=words):
                await complete(engine)
            server.routes["/v1/completions"] = events(said("1", "stop"), "[DONE]")
            assert text_of(await complete(engine)) == "1"

    async def test_what_came_before_it_was_delivered(self) -> None:
        async with playing(other(cut_in_mid_stream)) as server, loaded(server.url) as engine:
            pieces = engine.generate(PROMPT, Sampling(9), Priority.COMPLETION)
            assert (await anext(pieces)).text == "1"
            with pytest.raises(RequestRefused):
                await anext(pieces)

    @pytest.mark.parametrize("route", [cut, cut_in_mid_stream, stall, json_of({}, 500)])
    async def test_of_the_whole_server_fails_the_engine(self, route: Route) -> None:
        async with playing(other(route)) as server, loaded(server.url, limits=SHORT) as engine:
            server.routes["/v1/models"] = json_of({}, 500)
            with pytest.raises(EngineFailed, match="it answers 500"):
                await complete(engine)

    async def test_a_server_that_is_gone_fails_the_engine(self) -> None:
        async with playing(other(events(said("1", "stop")))) as server:
            engine = OpenAiEngine(server.url, {"fim_order": "psm"}, limits=LIMITS)
            await engine.load(lambda _message, _progress: None)
        for _ in range(2):
            with pytest.raises(EngineFailed, match="cannot be reached"):
                await complete(engine)
        await engine.close()

    async def test_nobody_at_the_address(self) -> None:
        closed = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
        port = closed.sockets[0].getsockname()[1]
        closed.close()
        await closed.wait_closed()
        engine = OpenAiEngine(f"http://127.0.0.1:{port}/v1", {}, limits=LIMITS)
        with pytest.raises(EngineFailed, match="cannot be reached") as caught:
            await engine.load(lambda _message, _progress: None)
        assert "Start it" in caught.value.hint

    @pytest.mark.parametrize("route", [stall_in_the_head, garbage, cut])
    async def test_at_load(self, route: Route) -> None:
        async with playing({"/v1/models": route}) as server:
            with pytest.raises(EngineFailed, match=r"does not answer in time|cannot be reached"):
                async with loaded(server.url, limits=SHORT):
                    pass

    async def test_a_plain_server_under_an_https_address(self) -> None:
        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)  # of a greeting that it does not understand
            writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(EngineFailed, match="no secure connection") as caught:
                async with loaded(f"https://127.0.0.1:{port}"):
                    pass
        assert "https" in caught.value.hint

    async def test_a_redirect_is_not_followed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(KEY_VARIABLE, "sk-secret")
        async with playing({}) as thief, playing({}) as server:

            async def elsewhere(exchange: Exchange) -> None:
                await exchange.write(
                    f"HTTP/1.1 307 Moved\r\nlocation: {thief.url}/models\r\n"
                    "content-length: 0\r\n\r\n".encode()
                )

            server.routes["/v1/models"] = elsewhere
            with pytest.raises(EngineFailed, match="redirects elsewhere"):
                async with loaded(server.url):
                    pass
            assert server.exchanges[0].headers["authorization"] == "Bearer sk-secret"
            assert thief.connections == 0

    async def test_the_environments_proxy_is_for_servers_elsewhere(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with playing({}) as proxy, playing(other(events(said("1", "stop")))) as server:
            for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            for name in ("no_proxy", "NO_PROXY"):
                monkeypatch.delenv(name, raising=False)
            async with loaded(server.url) as engine:
                assert text_of(await complete(engine)) == "1"
            assert proxy.connections == 0
            with pytest.raises(EngineFailed, match="cannot be reached"):
                async with loaded("https://elsewhere.example/v1"):
                    pass
            (asked,) = proxy.exchanges
            assert (asked.method, asked.path) == ("CONNECT", "elsewhere.example:443")

    async def test_a_flood_of_broken_requests_leaves_no_connection(self) -> None:
        async with playing(other(cut_in_mid_stream)) as server, loaded(server.url) as engine:

            async def fail() -> None:
                with contextlib.suppress(InferenceError):
                    await complete(engine)

            await asyncio.gather(*(fail() for _ in range(40)))
            server.routes["/v1/completions"] = events(said("1", "stop"))
            assert text_of(await complete(engine)) == "1"
