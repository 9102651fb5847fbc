"""One client's connection, as the host sees it: the handshake, then messages in order.

Requests run as tasks of the session, so a slow one never holds up a cancellation behind it; they
all end with the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import time
from typing import TYPE_CHECKING

from inference import __version__
from inference.engines.base import Piece
from inference.errors import (
    AuthenticationFailed,
    EngineFailed,
    InferenceError,
    MalformedMessage,
    NotReady,
    UnknownChunk,
    VersionMismatch,
    WireError,
)
from inference.prompt import Prompt
from inference.protocol import (
    PROTOCOL_VERSION,
    Cancel,
    Delta,
    Done,
    FinishReason,
    Generate,
    GetStats,
    GetStatus,
    Hello,
    HostState,
    LayoutReady,
    PutChunk,
    PutLayout,
    Refused,
    Shutdown,
    Timings,
    Usage,
    Welcome,
    layout_id,
)

if TYPE_CHECKING:
    from inference.host import Host
    from inference.transport import Channel

logger = logging.getLogger(__name__)

HELLO_TIMEOUT_S = 5.0
# A client that takes nothing for so long is dropped: its request holds a slot of the engine.
READ_PATIENCE_S = 10.0


class Session:
    def __init__(self, host: Host, channel: Channel) -> None:
        self._host = host
        self.channel = channel
        self._requests: dict[int, asyncio.Task[None]] = {}
        self._layouts: dict[bytes, asyncio.Task[None]] = {}  # the latest of each name
        self._layout_tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serves the client until it goes, or breaks the protocol. Raises nothing of the wire's."""
        try:
            if not await self._welcome():
                return
            while (message := await self.channel.receive()) is not None:
                self._handle(message)
        except WireError as error:
            logger.warning("closing a connection: %s", error)
            self.channel.send(_refused(None, error))
        finally:
            await self._end()

    async def _welcome(self) -> bool:
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                hello = await self.channel.receive()
        except TimeoutError:
            raise AuthenticationFailed("no greeting came in time") from None
        if hello is None:
            return False
        if not isinstance(hello, Hello):
            raise AuthenticationFailed("a connection starts with Hello")
        if not hmac.compare_digest(hello.token.encode(), self._host.token.encode()):
            raise AuthenticationFailed("the token is wrong")
        if hello.version != PROTOCOL_VERSION:
            raise VersionMismatch(
                f"the client speaks version {hello.version}, this host {PROTOCOL_VERSION}",
                hint="Update Sparrow, then restart the language server.",
            )
        logger.info("%.100r connected", hello.client)
        host = self._host
        self.channel.send(Welcome(PROTOCOL_VERSION, __version__, host.pid, host.status))
        host.admit(self)
        return True

    def _handle(self, message: object) -> None:
        match message:
            case PutChunk(text):
                self._host.store.put_chunk(text)
            case PutLayout():
                self._start_layout(message)
            case Generate():
                self._start(message)
            case Cancel(request):
                if task := self._requests.get(request):
                    task.cancel()
            case GetStatus():
                self.channel.send(self._host.status)
            case GetStats():
                self.channel.send(self._host.stats())
            case Shutdown():
                self._host.stop("host_stopped", "a client asked the host to end")
            case _:
                raise MalformedMessage(f"a client does not send {type(message).__name__}")

    def _start_layout(self, message: PutLayout) -> None:
        name = layout_id(message.sections)

        def forget(task: asyncio.Task[None]) -> None:
            self._layout_tasks.discard(task)
            if self._layouts.get(name) is task:
                del self._layouts[name]

        task = asyncio.create_task(self._put_layout(name, message))
        self._layouts[name] = task
        self._layout_tasks.add(task)
        task.add_done_callback(forget)

    async def _put_layout(self, name: bytes, message: PutLayout) -> None:
        try:
            await self._host.ready.wait()
            layout = await self._host.store.put_layout(message, self._host.engine)
        except UnknownChunk as error:
            self.channel.send(_refused(None, error))
        except EngineFailed as error:
            self._host.fail(error)
        except Exception:
            logger.exception("a layout could not be encoded")
        else:
            counts = tuple(section.token_count for section in layout.sections)
            exact = self._host.capabilities.exact_token_counts
            self.channel.send(LayoutReady(name, counts, exact))

    def _start(self, message: Generate) -> None:
        if message.request in self._requests:
            raise MalformedMessage(f"request {message.request} is running already")
        self._host.request_count += 1
        arrived = time.perf_counter()
        task = asyncio.create_task(self._generate(message, arrived))
        self._requests[message.request] = task

        def finish(task: asyncio.Task[None]) -> None:
            del self._requests[message.request]
            if task.cancelled():  # before its first step, too
                self._host.cancelled_count += 1
                elapsed_ms = (time.perf_counter() - arrived) * 1000
                timings = Timings(elapsed_ms, elapsed_ms, elapsed_ms)
                none = Usage(0, 0, 0)
                self.channel.send(Done(message.request, FinishReason.CANCELLED, none, timings))

        task.add_done_callback(finish)

    async def _generate(self, message: Generate, arrived: float) -> None:
        request = message.request
        try:
            self.channel.send(await self._stream(message, arrived))
        except EngineFailed as error:
            self.channel.send(_refused(request, error))
            self._host.fail(error)
        except InferenceError as error:
            self.channel.send(_refused(request, error))
        except Exception:
            logger.exception("request %d failed", request)
            own = InferenceError(
                "the host met an error of its own", hint=f"Its log says more: {self._host.log_file}"
            )
            self.channel.send(_refused(request, own))

    async def _stream(self, message: Generate, arrived: float) -> Done:
        """Sends the deltas of one generation and returns what ends it."""
        host = self._host
        if host.status.state is not HostState.READY:
            raise NotReady("the model is still loading", hint="Completions start by themselves.")
        if pending := self._layouts.get(message.layout):
            await asyncio.wait([pending])
        prompt = Prompt(host.store.layout(message.layout), message.tail)
        generated = 0
        first_token: float | None = None
        last: Piece | None = None
        async with host.scheduler.slot(message.priority):
            started = time.perf_counter()
            pieces = host.engine.generate(prompt, message.sampling, message.priority)
            async with contextlib.aclosing(pieces):
                async for last in pieces:
                    first_token = first_token or time.perf_counter()
                    generated += last.token_count
                    host.generated_tokens += last.token_count
                    if last.text:
                        self.channel.send(Delta(message.request, last.text, last.token_count))
                        await self.channel.drain(READ_PATIENCE_S)
        ended = time.perf_counter()
        if last is None or last.finish is None:
            raise RuntimeError(f"the engine {host.engine.name} ended without a finish reason")
        return Done(
            message.request,
            last.finish,
            Usage(prompt.layout.token_count, last.cached_tokens, generated),
            Timings(
                queued_ms=(started - arrived) * 1000,
                first_token_ms=((first_token or ended) - arrived) * 1000,
                total_ms=(ended - arrived) * 1000,
            ),
        )

    async def _end(self) -> None:
        self._host.dismiss(self)
        tasks = [*self._requests.values(), *self._layout_tasks]
        for task in tasks:
            task.cancel()
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            await self.channel.close()


def _refused(request: int | None, error: InferenceError) -> Refused:
    return Refused(request, error.code, error.message, error.hint)
