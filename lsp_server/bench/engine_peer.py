"""Sparrow's peers: vLLM's own OpenAI server over HTTP, and a bare AsyncLLM inside that server.

The client is as plain as Sparrow's: asyncio streams, one connection that stays open.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.engines.vllm_arguments import PRIVACY
from inference.engines.vllm_plugin import HOST_VARIABLE
from lsp_server.bench import engine_bare
from lsp_server.bench.measure import CouldNotRun

START_TIMEOUT_S = 300.0
KEEP_ALIVE_S = 4 * 3600  # the connection waits for its turn, on a busy machine for many minutes
_END_TIMEOUT_S = 15.0
_POLL_S = 0.2
_MODEL = "peer"
_OK = 200


@dataclass(frozen=True, slots=True)
class Streamed:
    first_token_ms: float
    wire_bytes: int  # both directions, headers included


@dataclass(frozen=True, slots=True)
class BareRun:
    wall_s: float
    cpu_s: float  # of the process that holds the AsyncLLM, without the engine's own
    tokens: int
    first_token_ms: list[float]


class Peer:
    """A running server. Make it with `running_peer`."""

    def __init__(
        self, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.pid = pid
        self._reader = reader
        self._writer = writer
        self._received = 0

    async def stream(self, prompt: str) -> Streamed:
        """One token for a prompt, streamed."""
        started = time.perf_counter()
        body = _completion(prompt, stream=True)
        sent = self._post("/v1/completions", body)
        before = self._received
        first = None
        async for part in self._answer():
            if first is None and b"data: {" in part:
                first = time.perf_counter()
        if first is None:
            raise CouldNotRun("vLLM's server streamed no token")
        return Streamed((first - started) * 1000, sent + self._received - before)

    async def prompt_tokens(self, prompt: str) -> int:
        """How many tokens the server makes of a prompt."""
        answer = await self._json("/v1/completions", _completion(prompt, stream=False))
        return int(answer["usage"]["prompt_tokens"])

    async def bare(
        self, prompts: Sequence[list[int]], clients: int, max_tokens: int, stop_ids: list[int]
    ) -> BareRun:
        """Generates for each of the prompts with the engine alone, by so many at a time."""
        asked = {
            "prompts": prompts,
            "clients": clients,
            "max_tokens": max_tokens,
            "stop_ids": stop_ids,
        }
        return BareRun(**await self._json(engine_bare.PATH, json.dumps(asked).encode()))

    def _post(self, path: str, body: bytes) -> int:
        head = (
            f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        ).encode()
        self._writer.write(head + body)
        return len(head) + len(body)

    async def _json(self, path: str, body: bytes) -> dict[str, Any]:
        self._post(path, body)
        answer: dict[str, Any] = json.loads(b"".join([part async for part in self._answer()]))
        return answer

    async def _answer(self) -> AsyncIterator[bytes]:
        """The parts of an answer's body as they come. Raises `CouldNotRun` for any but 200."""
        head = await self._read_until(b"\r\n\r\n")
        status, headers = parse_head(head)
        parts = self._chunks() if "transfer-encoding" in headers else self._sized(headers)
        if status != _OK:
            said = b"".join([part async for part in parts]).decode(errors="replace")
            raise CouldNotRun(f"vLLM's server answered with {status}: {said[:300]}")
        async for part in parts:
            yield part

    async def _sized(self, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
        yield await self._read(int(headers.get("content-length", "0")))

    async def _chunks(self) -> AsyncIterator[bytes]:
        while size := int(await self._read_until(b"\r\n"), 16):
            yield await self._read(size)
            await self._read(2)
        await self._read(2)

    async def _read_until(self, mark: bytes) -> bytes:
        data = await self._reader.readuntil(mark)
        self._received += len(data)
        return data

    async def _read(self, size: int) -> bytes:
        data = await self._reader.readexactly(size)
        self._received += size
        return data


@contextlib.asynccontextmanager
async def running_peer(
    checkpoint: Path, arguments: Mapping[str, Any], log_file: Path
) -> AsyncIterator[Peer]:
    """A server of vLLM's with those engine arguments, until the end. Raises `CouldNotRun`."""
    port = _free_port()
    command = [
        *(sys.executable, "-P", "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", str(checkpoint), "--served-model-name", _MODEL),
        *("--host", "127.0.0.1", "--port", str(port), "--disable-uvicorn-access-log"),
        *("--middleware", f"{engine_bare.__name__}.{engine_bare.Bare.__name__}"),
        *flags(arguments),
    ]
    # With the host's variable set, vLLM's processes end with this one, also when it is killed.
    environment = {
        **os.environ,
        **PRIVACY,
        HOST_VARIABLE: str(os.getpid()),
        "VLLM_HTTP_TIMEOUT_KEEP_ALIVE": str(KEEP_ALIVE_S),
    }
    with log_file.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=log_file.parent,
            env=environment,
            start_new_session=True,
        )
    try:
        reader, writer = await _reach(process, port, log_file)
        try:
            yield Peer(process.pid, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise CouldNotRun(f"vLLM's server went away: {error}") from error
        finally:
            writer.close()
    finally:
        await _end(process)


def flags(arguments: Mapping[str, Any]) -> list[str]:
    """Engine arguments as vLLM's command line spells them."""
    spelled: list[str] = []
    for name, value in arguments.items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            spelled.append(f"--{option}" if value else f"--no-{option}")
        else:
            spelled += (f"--{option}", str(value))
    return spelled


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """The status and the headers of an HTTP/1.1 answer, names in lower case."""
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}


def _completion(prompt: str, *, stream: bool) -> bytes:
    asked = {
        "model": _MODEL,
        "prompt": prompt,
        "max_tokens": 1,
        "temperature": 0,
        "stream": stream,
    }
    return json.dumps(asked).encode()


async def _reach(
    process: asyncio.subprocess.Process, port: int, log_file: Path
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Streams to the server once it listens, which it does when its engine is ready."""
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            while process.returncode is None:
                try:
                    return await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise CouldNotRun(f"vLLM's server was not ready in {START_TIMEOUT_S:g} s") from None
    said = await asyncio.to_thread(log_file.read_text, errors="replace")
    last = said.strip().rpartition("\n")[2]
    raise CouldNotRun(f"vLLM's server ended as it started: {last or 'without a word'}")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends the server and what it started, which share a process group of their own."""
    if process.returncode is None:
        process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_TIMEOUT_S):
                await process.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
