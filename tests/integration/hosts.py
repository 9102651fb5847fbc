"""What the tests of hosts share: types of their fixtures, a script, requests, connections by hand."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager

from inference.client import ClientState, ClientStatus, InferenceClient
from inference.content import Layout, LayoutSection, TextChunk
from inference.endpoint import Endpoint
from inference.host import Host
from inference.protocol import (
    PROTOCOL_VERSION,
    Delta,
    Done,
    Generate,
    GetStatus,
    Hello,
    LayoutReady,
    Message,
    Priority,
    PutChunk,
    Refused,
    Role,
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
HANG = {"when": {"prefix_ends_with": "hang"}, "reply": ["first"], "then": "hang"}


def layout_of(*texts: str, path: str = "main.py") -> Layout:
    return Layout.of([LayoutSection(Role.PREFIX, path, tuple(map(TextChunk.of, texts)))])


LAYOUT = layout_of("x = 1\n")


async def collect(
    client: InferenceClient,
    tail: str = "y = ",
    *,
    layout: Layout = LAYOUT,
    priority: Priority = Priority.COMPLETION,
    max_tokens: int = 100,
) -> tuple[str, Done]:
    """The whole answer to a request, and how it ended."""
    text, done = "", None
    stream = client.generate(layout, Tail(tail, ""), Sampling(max_tokens), priority)
    async with aclosing(stream):
        async for message in stream:
            assert done is None, "Done comes last"
            if isinstance(message, Delta):
                text += message.text
            else:
                done = message
    assert done is not None
    return text, done


async def complete(client: InferenceClient, tail: str = "y = ") -> str:
    text, _ = await collect(client, tail)
    return text


@asynccontextmanager
async def ready_clients(
    client_of: ClientOf, model: str, count: int, statuses: list[ClientStatus]
) -> AsyncIterator[list[InferenceClient]]:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(client_of(model, statuses=statuses))
            for _ in range(count)
        ]
        await asyncio.gather(*(client.wait_ready(60) for client in clients))
        yield clients


async def until(check: Callable[[], bool]) -> None:
    while True:
        if check():
            return
        await asyncio.sleep(0.005)


async def until_state(client: InferenceClient, state: ClientState) -> None:
    await until(lambda: client.status.state is state)


async def until_another_host(client: InferenceClient, old: int | None) -> None:
    await until(lambda: client.host_pid not in (None, old))


def host_of_client(client: InferenceClient) -> int:
    pid = client.host_pid
    assert pid is not None
    return pid


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


@asynccontextmanager
async def raw(endpoint: Endpoint, *, put: bool = True) -> AsyncIterator[Channel]:
    """A connection that sends what it is told, greeted and, with `put`, with a layout held."""
    channel = await greet(endpoint)
    if put:
        channel.send(PutChunk("x = 1\n"), LAYOUT.message)
        assert isinstance(await channel.receive(), LayoutReady)
    try:
        yield channel
    finally:
        await channel.close()


def generate(request: int, tail: str, priority: Priority = Priority.CHAT) -> Generate:
    return Generate(request, LAYOUT.id, Tail(tail, ""), Sampling(10_000), priority)


async def until_all(channel: Channel, *requests: int) -> list[Message]:
    """What comes until each of the requests has ended, and then what is left to come."""
    messages: list[Message] = []
    waiting = set(requests)
    while waiting:
        message = await channel.receive()
        assert message is not None
        messages.append(message)
        if isinstance(message, Done | Refused):
            waiting.discard(message.request or 0)
    channel.send(GetStatus())
    while not isinstance(message := await channel.receive(), Status):
        assert message is not None
        messages.append(message)
    return messages


def ends(messages: list[Message]) -> list[tuple[int | None, str]]:
    """How each request ended, in order."""
    return [
        (each.request, each.finish.value if isinstance(each, Done) else each.code)
        for each in messages
        if isinstance(each, Done | Refused)
    ]
