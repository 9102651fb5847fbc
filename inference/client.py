"""The client of one model's host: starts it on demand, follows its state, and survives its death.

`InferenceClient` keeps one connection alive in the background. A host that dies is started again,
later each time it dies early; what it held is sent again with the next request. Requests never wait
for a host: without one they raise `HostUnavailable`, since a completion that comes late is of no use.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inference import errors
from inference.connection import Connection
from inference.content import Layout, Message
from inference.endpoint import Endpoint
from inference.errors import (
    HostHangs,
    HostUnavailable,
    InferenceError,
    NotReady,
    UnknownChunk,
    UnknownLayout,
    UnknownModel,
)
from inference.launch import kill_host, kill_listening_host, last_log_line, launch_host
from inference.protocol import (
    Answer,
    Capabilities,
    Delta,
    Done,
    Goodbye,
    HostState,
    LayoutReady,
    Priority,
    Stats,
    Tail,
)
from inference.sampling import Sampling

logger = logging.getLogger(__name__)

START_TIMEOUT_S = 30.0
_POLL_S = 0.01
HANGING_AFTER_S = 20.0  # vLLM takes some seconds to end
FIRST_BACK_OFF_S = 0.25
MAX_BACK_OFF_S = 60.0
HEALTHY_AFTER_S = 60.0  # a host that lived so long starts the back-off anew


class ClientState(enum.StrEnum):
    IDLE = "idle"  # `start` has not been called yet
    STARTING = "starting"  # the host is being started or reached
    LOADING = "loading"  # the host loads its engine
    READY = "ready"
    ERROR = "error"  # it failed; it is tried again later, or on `restart`


@dataclass(frozen=True, slots=True)
class ClientStatus:
    state: ClientState
    engine: str
    model: str
    message: str = ""
    progress: float | None = None


def served_by_vllm(model: str) -> bool:
    """Whether a model takes a GPU's memory here: a preset by its name, or a checkpoint."""
    from inference.models import preset

    kind, colon, _ = model.partition(":")
    if colon:
        return kind == "vllm"
    try:
        preset(model)
    except UnknownModel:
        return False
    return True


class InferenceClient:
    def __init__(
        self,
        model: str,
        *,
        name: str,
        idle_minutes: float,
        engine_args: Mapping[str, Any] | None = None,
        api_key: str | None = None,
        on_status: Callable[[ClientStatus], None] = lambda _: None,
    ) -> None:
        """`name` is how the host's log calls this client; `on_status` is called on each change.

        `engine_args` are the engine's own arguments; with others the model has another host.
        `api_key` is given to the hosts that this client will start (see `launch_host`); one that
        runs already keeps its own.
        """
        self.endpoint = Endpoint.of(model, engine_args)
        self._name = name
        self.idle_minutes = idle_minutes  # of the hosts that this client will start
        self.api_key = api_key
        self._on_status = on_status
        self._engine = model.partition(":")[0]
        self._connection: Connection | None = None
        self._supervision: asyncio.Task[None] | None = None
        self._watchdog: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._retry_now = asyncio.Event()
        self._failure: InferenceError | None = None
        self._is_closed = False
        self.status = ClientStatus(ClientState.IDLE, self._engine, model)

    @property
    def capabilities(self) -> Capabilities | None:
        return self._connection.status.capabilities if self._connection else None

    @property
    def host_pid(self) -> int | None:
        return self._connection.host_pid if self._connection else None

    def serves(self, model: str, engine_args: Mapping[str, Any]) -> bool:
        """Whether this is the client of that model with those arguments."""
        return self.endpoint == Endpoint.of(model, engine_args)

    def start(self) -> None:
        """Begins to keep a connection alive; returns at once."""
        if self._supervision is None:
            self._is_closed = False
            self._set_status(ClientState.STARTING, "starting the model's process")
            self._supervision = asyncio.create_task(self._supervise())

    async def wait_ready(self, timeout_s: float) -> None:
        """Waits until requests are served.

        Raises the error that the host failed with, or `HostUnavailable` when the time is over or
        this client is closed.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while self._is_closed or self.status.state is not ClientState.READY:
                    if self._is_closed:
                        raise HostUnavailable(
                            f"{self.endpoint.model} was given up before it was ready",
                            hint="Try again.",
                        )
                    if self.status.state is ClientState.ERROR:
                        raise self._last_failure()
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise HostUnavailable(
                f"{self.endpoint.model} was not ready within {timeout_s:g} s "
                f"({self.status.state}: {self.status.message or 'no message'})",
                hint=f"The host's log says more: {self.endpoint.log_file}",
            ) from None

    async def generate(
        self, layout: Layout, tail: Tail, sampling: Sampling, priority: Priority
    ) -> AsyncGenerator[Delta | Done, None]:
        """Streams deltas and, last, `Done`. Use it in `aclosing`: closing it cancels the request.

        What the host has evicted is sent again, once. Raises `HostUnavailable` or `NotReady` at
        once where no engine is ready, and the host's own error where it refuses.
        """
        for last_attempt in (False, True):
            connection = self._ready_connection()
            await connection.put(layout)
            stream = connection.generate(layout, tail, sampling, priority)
            try:
                async with contextlib.aclosing(stream):
                    async for message in stream:
                        if isinstance(message, Delta | Done):
                            yield message
            except UnknownLayout:
                if last_attempt:
                    raise
                connection.forget(layout)
            else:
                return

    async def chat(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        priority: Priority,
        *,
        tools: str = "",
        thinking: bool | None = None,
    ) -> AsyncGenerator[Answer, None]:
        """Streams the next message of a conversation, as `generate` does a completion.

        `tools` is a JSON array of functions as chat templates take them. Contents that the host
        holds are not sent again: a second turn costs what is new in it.
        """
        for last_attempt in (False, True):
            connection = self._ready_connection()
            await connection.put_contents(messages)
            stream = connection.chat(messages, tools, thinking, sampling, priority)
            try:
                async with contextlib.aclosing(stream):
                    async for message in stream:
                        yield message
            except UnknownChunk:
                if last_attempt:
                    raise
                connection.forget_contents(messages)
            else:
                return

    def token_counts(self, layout: Layout) -> LayoutReady | None:
        """The host's count of a layout's tokens by section, once it has answered."""
        return self._connection.token_counts.get(layout.id) if self._connection else None

    async def count(self, layout: Layout) -> LayoutReady:
        """Has the host count a layout's tokens by section; nothing is generated.

        What it counted it has encoded as well, and need not at the next request. Bound the time that
        you wait. Raises `HostUnavailable` or `NotReady`.
        """
        return await self._ready_connection().count(layout)

    async def stats(self) -> Stats:
        """The host's counters. Raises `HostUnavailable` where there is none."""
        if self._connection is None:
            raise HostUnavailable("the model's process is not running")
        return await self._connection.stats()

    def restart(self) -> None:
        """Ends the host, for all windows, and starts it anew without waiting."""
        self.stop_host()
        if isinstance(self._failure, HostHangs):  # nobody has a connection by which to end it
            kill_listening_host(self.endpoint)
        self._failure = None
        if self._supervision is not None:
            self._set_status(ClientState.STARTING, "starting the model's process anew")
        self._retry_now.set()
        if self._connection is not None:
            self._watchdog = asyncio.create_task(self._end_hanging(self._connection))

    async def _end_hanging(self, connection: Connection) -> None:
        """Kills a host that was told to end and has not. Its engine's processes end with it."""
        await asyncio.sleep(HANGING_AFTER_S)
        if connection is self._connection:
            logger.warning("the model's process %d hangs; it is killed", connection.host_pid)
            kill_host(connection.host_pid)

    def stop_host(self) -> None:
        """Ends the host, for all windows; each that still wants one starts it again."""
        if self._connection is not None:
            self._connection.shut_down_host()

    def mute(self) -> None:
        """No more calls of `on_status`: another client has taken this one's place."""
        self._on_status = lambda _: None

    async def close(self) -> None:
        """Leaves the host, which ends by itself when nobody has used it for its idle time.

        Whoever waits for it to be ready, or for an answer, is told.
        """
        self._is_closed = True
        self._changed.set()
        if self._watchdog is not None:
            self._watchdog.cancel()
        if self._supervision is not None:
            self._supervision.cancel()
            await asyncio.gather(self._supervision, return_exceptions=True)
            self._supervision = None

    def _ready_connection(self) -> Connection:
        if self._connection is None:
            raise self._last_failure()
        if self.status.state is not ClientState.READY:
            raise NotReady("the model is still loading")
        return self._connection

    def _last_failure(self) -> InferenceError:
        """What the host failed with, made anew: an error that is raised twice grows its traceback."""
        failure = self._failure
        if failure is None:
            return HostUnavailable("the model's process is not running yet")
        return errors.from_code(failure.code, failure.message, failure.hint)

    async def _supervise(self) -> None:
        back_off_s = FIRST_BACK_OFF_S
        while True:
            started = time.monotonic()
            failure = await self._serve_once()
            if failure is None:
                back_off_s = FIRST_BACK_OFF_S
                continue
            if time.monotonic() - started > HEALTHY_AFTER_S:
                back_off_s = FIRST_BACK_OFF_S
            self._failure = failure
            self._set_status(ClientState.ERROR, _sentence(failure))
            self._retry_now.clear()
            # A name that no engine knows stays unknown: only the user can change that.
            wait_s = None if isinstance(failure, UnknownModel) else back_off_s
            logger.warning(
                "%s; %s", failure, f"trying again in {wait_s:g} s" if wait_s else "not tried again"
            )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._retry_now.wait()
            back_off_s = min(back_off_s * 2, MAX_BACK_OFF_S)

    async def _serve_once(self) -> InferenceError | None:
        """One host's life, as far as this client sees it; what went wrong, or None."""
        self._set_status(ClientState.STARTING, "starting the model's process")
        try:
            connection = await self._reach()
            self._connection = connection
            self._on_host_status()
            goodbye = await connection.run(self._on_host_status)
        except InferenceError as error:
            return error
        except Exception as error:
            logger.exception("following the model's process failed")
            return HostUnavailable(f"the model's process cannot be followed: {error}")
        finally:
            if self._connection is not None:
                closing, self._connection = self._connection, None
                await closing.close()
        return _failure_of(goodbye)

    async def _reach(self) -> Connection:
        """A connection to the running host, which is started first where there is none."""
        connection = await Connection.open(self.endpoint, self._name)
        if connection is not None:
            return connection
        process = launch_host(self.endpoint, self.idle_minutes, self.api_key)
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while connection is None:
                    await asyncio.sleep(_POLL_S)
                    # One that ends well has found another host, which answers now, unless it
                    # has ended since.
                    if process.poll():
                        raise HostUnavailable(
                            f"the model's process ended as it started, with status "
                            f"{process.returncode}: {last_log_line(self.endpoint)}",
                            hint=f"Its log says more: {self.endpoint.log_file}",
                        )
                    connection = await Connection.open(self.endpoint, self._name)
                    if connection is None and process.returncode == 0:
                        process = launch_host(self.endpoint, self.idle_minutes, self.api_key)
        except TimeoutError:
            raise HostUnavailable(
                f"the model's process did not open its socket within {START_TIMEOUT_S:g} s",
                hint=f"Its log says more: {self.endpoint.log_file}",
            ) from None
        return connection

    def _on_host_status(self) -> None:
        connection = self._connection
        if connection is None:
            return
        status = connection.status
        if status.state is HostState.FAILED:
            return  # the goodbye that follows says it
        self._engine = status.engine or self._engine
        ready = status.state is HostState.READY
        if ready:
            self._failure = None
        self._set_status(
            ClientState.READY if ready else ClientState.LOADING, status.message, status.progress
        )

    def _set_status(
        self, state: ClientState, message: str = "", progress: float | None = None
    ) -> None:
        status = ClientStatus(state, self._engine, self.endpoint.model, message, progress)
        if status != self.status:
            self.status = status
            try:
                self._on_status(status)
            except Exception:
                logger.exception("a listener failed on %s", status)
        self._changed.set()


def _failure_of(goodbye: Goodbye | None) -> InferenceError | None:
    """What a host's end means: a host that was stopped or idle is simply started again."""
    if goodbye is None:
        return HostUnavailable("the model's process ended unexpectedly")
    if goodbye.code in ("host_stopped", "host_idle"):
        return None
    return errors.from_code(goodbye.code, goodbye.message, goodbye.hint)


def _sentence(error: InferenceError) -> str:
    return f"{error.message}. {error.hint}" if error.hint else error.message
