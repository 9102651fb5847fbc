"""However an editor goes, its server ends, quietly."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from pygls.exceptions import JsonRpcException

from .lsp_session import on_loop, serving
from .place import Place, place


@pytest.fixture(scope="module")
def where() -> Iterator[Place]:
    """Of all servers here; they find their model running."""
    with place() as made:
        yield made


def settings(model: str) -> dict[str, Any]:
    return {"completion": {"model": model}}


def hanging(where: Place) -> str:
    return where.script({"reply": ["x"], "then": "hang"})


@pytest.mark.parametrize(
    "last_words",
    [
        b"",
        b"Content-Length: 100",
        b"Content-Length: 100\r\n\r\n",
        b'Content-Length: 100\r\n\r\n{"jsonrpc"',
        b"Content-Length: 99999999999\r\n\r\n{}",
        b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n{}",
        b"no header",
        b"x" * 1_000_000,
        b"\0\xff\r\n\r\n\r\n",
    ],
    ids=[
        "nothing",
        "header",
        "no body",
        "half a body",
        "huge",
        "digits",
        "text",
        "no end",
        "bytes",
    ],
)
@on_loop
async def test_the_end_of_input_ends_the_server_quietly(where: Place, last_words: bytes) -> None:
    async with serving(where, settings(where.script({"reply": ["x"]}))) as server:
        await server.ready()
        uri = server.open((where.folder / "a.py").as_uri(), "x = \n")
        assert await server.complete(uri, 0, 4) == "x"
        server.write(last_words)
        assert server.process.stdin is not None
        server.process.stdin.close()
        assert await server.ended() == 0
        assert "Traceback" not in await server.errors()


@on_loop
async def test_the_end_of_input_in_a_request_ends_the_server_quietly(where: Place) -> None:
    async with serving(where, settings(hanging(where))) as server:
        await server.ready()
        uri = server.open((where.folder / "a.py").as_uri(), "x = \n")
        server.ask(uri, 0, 4, token="t")
        await server.until(lambda: bool(server.said.progress))
        assert server.process.stdin is not None
        server.process.stdin.close()
        assert await server.ended() == 0
        assert "Traceback" not in await server.errors()


@pytest.mark.parametrize("when", ["at rest", "during a request"])
@on_loop
async def test_exit_without_shutdown_ends_with_one_and_quietly(where: Place, when: str) -> None:
    async with serving(where, settings(hanging(where))) as server:
        await server.ready()
        if when == "during a request":
            uri = server.open((where.folder / "a.py").as_uri(), "x = \n")
            server.ask(uri, 0, 4, token="t")
            await server.until(lambda: bool(server.said.progress))
        server.client.exit(None)
        assert await server.ended() == 1
        assert await server.errors() == ""


@on_loop
async def test_shutdown_in_a_request_ends_it(where: Place) -> None:
    async with serving(where, settings(hanging(where))) as server:
        await server.ready()
        uri = server.open((where.folder / "a.py").as_uri(), "x = \n")
        _, answer = server.ask(uri, 0, 4, token="t")
        await server.until(lambda: bool(server.said.progress))
        assert await server.stop() == 0
        outcome = (await asyncio.gather(answer, return_exceptions=True))[0]
        assert outcome is None or isinstance(outcome, JsonRpcException)
        assert "Traceback" not in await server.errors()


@on_loop
async def test_an_editor_that_is_gone_ends_the_server_quietly(where: Place) -> None:
    """Its end of standard output is closed while the server still has something to say."""
    async with serving(where, settings(where.script({"reply": ["x"]}))) as server:
        await server.ready()
        reader = server.process.stdout
        assert reader is not None
        reader._transport.close()  # type: ignore[attr-defined]
        for _ in range(3):
            server.send(
                {"jsonrpc": "2.0", "id": 1, "method": "sparrow/explainCompletion", "params": {}}
            )
        assert server.process.stdin is not None
        server.process.stdin.close()
        assert await server.ended() == 0
