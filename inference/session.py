"""One client's connection, as the host sees it: the handshake, then messages in order.

Requests run as tasks of the session, so a slow one never holds up a cancellation behind it; they
all end with the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from inference import __version__
from inference.engines.base import ChatEngine, Piece, UnreadableCall
from inference.errors import (
    AuthenticationFailed,
    EngineFailed,
    InferenceError,
    MalformedMessage,
    NotReady,
    UnknownChunk,
    UnsupportedRequest,
    VersionMismatch,
    WireError,
)
from inference.prompt import Conversation, Prompt
from inference.protocol import (
    MAX_HELLO_BYTES,
    PROTOCOL_VERSION,
    Answer,
    Cancel,
    Capabilities,
    Chat,
    Delta,
    Done,
    FinishReason,
    Generate,
    GetStats,
    GetStatus,
    Hello,
    HostState,
    LayoutReady,
    MalformedCall,
    PutChunk,
    PutLayout,
    Refused,
    SampleEnd,
    Shutdown,
    Timings,
    ToolCall,
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
                hello = await self.channel.receive(MAX_HELLO_BYTES)
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
            case Generate() | Chat():
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

    def _start(self, message: Generate | Chat) -> None:
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

    async def _generate(self, message: Generate | Chat, arrived: float) -> None:
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

    async def _stream(self, message: Generate | Chat, arrived: float) -> Done:
        """Sends the deltas of one generation and returns what ends it."""
        host = self._host
        if host.status.state is not HostState.READY:
            raise NotReady("the model is still loading", hint="Completions start by themselves.")
        _check(message, host.capabilities, host.status.model)
        prompt = await self._prompt(message)
        generated = 0
        first_token: float | None = None
        prompt_tokens: int | None = None
        ends: dict[int, SampleEnd] = {}
        async with host.scheduler.slot(message.priority, self):
            started = time.perf_counter()
            if isinstance(prompt, Prompt):
                pieces = host.engine.generate(prompt, message.sampling, message.priority)
            else:
                engine = cast("ChatEngine[Any]", host.engine)
                pieces = engine.chat(prompt, message.sampling, message.priority)
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    first_token = first_token or time.perf_counter()
                    generated += piece.token_count
                    host.generated_tokens += piece.token_count
                    if piece.finish is not None:
                        ends[piece.sample] = SampleEnd(piece.finish, piece.cached_tokens)
                        prompt_tokens = piece.prompt_tokens
                    if answers := list(_answers(message.request, piece)):
                        self.channel.send(*answers)
                        await self.channel.drain(READ_PATIENCE_S)
        ended = time.perf_counter()
        if len(ends) != message.sampling.samples:
            raise RuntimeError(f"the engine {host.engine.name} ended without a finish reason")
        first, *others = (ends[sample] for sample in sorted(ends))
        if prompt_tokens is None:
            of = prompt.layout if isinstance(prompt, Prompt) else prompt
            prompt_tokens = of.token_count
        return Done(
            message.request,
            first.finish,
            Usage(prompt_tokens, first.cached_tokens, generated),
            Timings(
                queued_ms=(started - arrived) * 1000,
                first_token_ms=((first_token or ended) - arrived) * 1000,
                total_ms=(ended - arrived) * 1000,
            ),
            tuple(others),
        )

    async def _prompt(self, message: Generate | Chat) -> Prompt[Any] | Conversation[Any]:
        """What the message asks about. Raises what is refused: a name that is not held here."""
        host = self._host
        if isinstance(message, Chat):
            messages = await host.store.messages(message.messages, host.engine)
            return Conversation(messages, _tools(message.tools), message.thinking)
        if pending := self._layouts.get(message.layout):
            await asyncio.wait([pending])
        return Prompt(host.store.layout(message.layout), message.tail)

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


def _check(message: Generate | Chat, can: Capabilities, model: str) -> None:
    """Raises `UnsupportedRequest` for what the engine cannot do, and would have to leave out."""
    if isinstance(message, Chat) and not can.chat:
        raise UnsupportedRequest(
            f"{model} cannot chat",
            hint="Choose a model that can: `sparrow models` lists some.",
        )
    sampling = message.sampling
    for asked, possible, what in (
        (sampling.samples > 1, can.samples, "give several answers at once"),
        (sampling.logprobs is not None, can.logprobs, "tell log-probabilities"),
        (
            sampling.seed is not None and sampling.temperature > 0,
            can.seeds,
            "draw by a seed: leave it out, or the temperature at 0",
        ),
        (sampling.constraint is not None, can.constraints, "be held to a form of the answer"),
    ):
        if asked and not possible:
            raise UnsupportedRequest(f"{model} cannot {what}")


def _tools(text: str) -> tuple[dict[str, Any], ...]:
    """The tools of a chat. Raises `UnsupportedRequest` for what is no list of functions."""
    try:
        tools = list[Any]() if not text else json.loads(text)
        if not isinstance(tools, list):
            raise TypeError(f"it is {type(tools).__name__}")  # noqa: TRY301 - told below
        names = [tool["function"]["name"] for tool in tools]
    except (ValueError, TypeError, LookupError) as error:
        raise UnsupportedRequest(
            f"the tools are not a JSON array of functions: {error!r}"
        ) from error
    if not all(isinstance(name, str) for name in names):
        raise UnsupportedRequest("a tool's name is not a text")
    return tuple(tools)


def _answers(request: int, piece: Piece) -> Iterator[Answer]:
    """What of a piece travels: the number of its tokens is told with its text."""
    if piece.text or piece.logprobs:
        yield Delta(
            request, piece.text, piece.token_count, piece.sample, piece.thinking, piece.logprobs
        )
    for call in piece.calls:
        if isinstance(call, UnreadableCall):
            yield MalformedCall(request, piece.sample, call.reason, call.raw)
        else:
            yield ToolCall(request, piece.sample, call)
