"""A client's end of one connection to a host: what the host holds, and the requests under way."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from typing import Any

from inference import errors, protocol
from inference.content import Layout, Message, TextChunk
from inference.endpoint import Endpoint
from inference.errors import (
    AuthenticationFailed,
    HostHangs,
    HostUnavailable,
    InferenceError,
    WireError,
)
from inference.protocol import (
    PROTOCOL_VERSION,
    Answer,
    Cancel,
    Chat,
    ClientMessage,
    Delta,
    Done,
    Generate,
    GetStats,
    Goodbye,
    Hello,
    LayoutReady,
    MalformedCall,
    Priority,
    PutChunk,
    Refused,
    Shutdown,
    Stats,
    Status,
    Tail,
    ToolCall,
    Welcome,
)
from inference.sampling import Sampling
from inference.transport import Channel

WELCOME_TIMEOUT_S = 5.0
# Chunks go out in groups of about this many characters, so that a whole repository neither makes
# one huge write nor counts as a peer that has stopped reading.
_UPLOAD_CHARACTERS = 1024 * 1024
# A window lives for weeks, and lays several layouts a minute; what it remembers of them is bounded.
MAX_HELD_LAYOUTS = 1_000


class Connection:
    """Made by `open`; `run` reads until the connection ends, and ends the requests with it."""

    def __init__(self, channel: Channel, welcome: Welcome) -> None:
        self._channel = channel
        self._request_numbers = itertools.count(1)
        self._requests: dict[int, asyncio.Queue[Answer | InferenceError]] = {}
        self._stats: list[asyncio.Future[Stats]] = []
        self._counting: dict[bytes, asyncio.Future[LayoutReady]] = {}
        self._held_chunks: set[bytes] = set()
        self._held_layouts: set[bytes] = set()
        self._upload = asyncio.Lock()
        self._is_lost = False
        self.host_pid = welcome.pid
        self.status = welcome.status
        self.token_counts: dict[bytes, LayoutReady] = {}

    @classmethod
    async def open(cls, endpoint: Endpoint, client: str) -> Connection | None:
        """Greets the running host; None where none listens, or it ended before it answered.

        Raises the `WireError` with which the host refused, or `HostHangs`.
        """
        streams = await endpoint.connect()
        if streams is None:
            return None
        reader, writer, address = streams
        channel = Channel(reader, writer)
        channel.send(Hello(PROTOCOL_VERSION, address.token, client))
        try:
            async with asyncio.timeout(WELCOME_TIMEOUT_S):
                answer = await channel.receive()
        except BaseException as error:
            await channel.close()
            if isinstance(error, TimeoutError):
                raise HostHangs(
                    f"the model's process {address.pid} does not answer",
                    hint="Restart the model, which ends it.",
                ) from None
            raise
        if isinstance(answer, Welcome):
            return cls(channel, answer)
        await channel.close()
        if isinstance(answer, Refused):
            if answer.code == AuthenticationFailed.code and endpoint.read_address() != address:
                return None  # a new host has taken the place of the one that was asked for
            raise errors.from_code(answer.code, answer.message, answer.hint)
        return None

    async def run(self, on_status: Callable[[], None]) -> Goodbye | None:
        """Reads until the end; calls back on each change of status.

        Returns the host's goodbye, or None where it went without one.
        """
        try:
            while (message := await self._channel.receive()) is not None:
                if isinstance(message, Goodbye):
                    return message
                self._dispatch(message, on_status)
        finally:
            self._is_lost = True
            for queue in self._requests.values():
                queue.put_nowait(_lost())
            waiting: list[asyncio.Future[Any]] = [*self._stats, *self._counting.values()]
            for future in waiting:
                if not future.done():
                    future.set_exception(_lost())
            await self._channel.close()
        return None

    def _dispatch(self, message: protocol.Message, on_status: Callable[[], None]) -> None:
        match message:
            case Delta(request) | ToolCall(request) | MalformedCall(request) | Done(request):
                if queue := self._requests.get(request):
                    queue.put_nowait(message)
            case Refused():
                self._on_refused(message)
            case Status():
                self.status = message
                on_status()
            case LayoutReady(layout):
                self.token_counts[layout] = message
                if (counting := self._counting.pop(layout, None)) and not counting.done():
                    counting.set_result(message)
            case Stats():
                if self._stats and not (future := self._stats.pop(0)).done():
                    future.set_result(message)
            case _:
                raise WireError(f"a host does not send {type(message).__name__}")

    async def put(self, layout: Layout) -> None:
        """Sends what the host does not hold of a layout. Does not wait for an answer."""
        if layout.id in self._held_layouts:
            return
        async with self._upload:
            if layout.id in self._held_layouts:
                return  # another request has sent it in the meantime
            if len(self._held_layouts) >= MAX_HELD_LAYOUTS:
                # The host has evicted most by now; what it still holds is sent once more.
                self._held_layouts.clear()
                self._held_chunks.clear()
                self.token_counts.clear()
            await self._put_chunks(layout.chunks(), layout.message)
            self._held_layouts.add(layout.id)

    async def count(self, layout: Layout) -> LayoutReady:
        """The host's count of a layout's tokens, which has it sent and encoded.

        A chunk that the host has evicted is not counted: bound the time that you wait. Raises
        `HostUnavailable` when the connection is lost.
        """
        if counted := self.token_counts.get(layout.id):
            return counted
        if self._is_lost:
            raise _lost()
        counting = self._counting.get(layout.id)
        if counting is None:
            counting = asyncio.get_running_loop().create_future()
            self._counting[layout.id] = counting
        self._held_layouts.discard(layout.id)
        await self.put(layout)
        return await asyncio.shield(counting)

    async def put_contents(self, messages: Iterable[Message]) -> None:
        """Sends what the host does not hold of the messages' contents. Waits for no answer."""
        async with self._upload:
            await self._put_chunks(chunk for message in messages for chunk in message.content)

    async def _put_chunks(self, chunks: Iterable[TextChunk], *behind: ClientMessage) -> None:
        """Sends the chunks that the host does not hold, and in the last write what goes behind."""
        group: dict[bytes, ClientMessage] = {}
        size = 0
        for chunk in chunks:
            if chunk.id in self._held_chunks or chunk.id in group:
                continue
            group[chunk.id] = PutChunk(chunk.text)
            size += len(chunk.text)
            if size > _UPLOAD_CHARACTERS:
                self._channel.send(*group.values())
                self._held_chunks.update(group)
                await self._channel.drain()
                group, size = {}, 0
        self._channel.send(*group.values(), *behind)
        self._held_chunks.update(group)

    def forget(self, layout: Layout) -> None:
        """The host has said that it does not hold this: the next `put` sends all of it."""
        self._held_layouts.discard(layout.id)
        self._held_chunks.difference_update(chunk.id for chunk in layout.chunks())
        self.token_counts.pop(layout.id, None)

    def forget_contents(self, messages: Iterable[Message]) -> None:
        """As `forget`, for the contents of messages."""
        for message in messages:
            self._held_chunks.difference_update(chunk.id for chunk in message.content)

    def generate(
        self, layout: Layout, tail: Tail, sampling: Sampling, priority: Priority
    ) -> AsyncGenerator[Answer, None]:
        """Asks for a completion; the layout has been put. See `_answers`."""
        return self._answers(lambda request: Generate(request, layout.id, tail, sampling, priority))

    def chat(
        self,
        messages: Sequence[Message],
        tools: str,
        thinking: bool | None,  # noqa: FBT001 - a setting with three values
        sampling: Sampling,
        priority: Priority,
    ) -> AsyncGenerator[Answer, None]:
        """Asks for the next message; the contents have been put. See `_answers`."""
        named = tuple(message.on_wire() for message in messages)
        return self._answers(
            lambda request: Chat(request, named, tools, thinking, sampling, priority)
        )

    async def _answers(
        self, message_of: Callable[[int], Generate | Chat]
    ) -> AsyncGenerator[Answer, None]:
        """Streams what the host answers and, last, `Done`; closing it early cancels the request.

        Raises the `InferenceError` with which the host refused, or `HostUnavailable` when the
        connection is lost.
        """
        if self._is_lost:
            raise _lost()
        request = next(self._request_numbers)
        queue: asyncio.Queue[Answer | InferenceError] = asyncio.Queue()
        self._requests[request] = queue
        ended = False
        try:
            self._channel.send(message_of(request))
            while not ended:
                message = await queue.get()
                ended = isinstance(message, Done | InferenceError)
                if isinstance(message, InferenceError):
                    raise message
                yield message
        finally:
            del self._requests[request]
            if not ended:
                self._channel.send(Cancel(request))

    async def stats(self) -> Stats:
        if self._is_lost:
            raise _lost()
        future: asyncio.Future[Stats] = asyncio.get_running_loop().create_future()
        self._stats.append(future)
        self._channel.send(GetStats())
        return await future

    def shut_down_host(self) -> None:
        self._channel.send(Shutdown())

    async def close(self) -> None:
        await self._channel.close()

    def _on_refused(self, message: Refused) -> None:
        error = errors.from_code(message.code, message.message, message.hint)
        if message.request is not None:
            if queue := self._requests.get(message.request):
                queue.put_nowait(error)
        elif isinstance(error, WireError):
            raise error
        # What is left is a layout with an evicted chunk: its request is refused as well.


def _lost() -> HostUnavailable:
    return HostUnavailable("the model's process went away during the request")
