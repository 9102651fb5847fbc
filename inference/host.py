"""The inference host: one process that owns one engine and serves all of the user's windows.

It opens its socket first and loads the engine behind it, so that a client can watch the loading. It
ends by itself when no client has been connected for the idle time, when a client asks for it, and
when the engine fails: then every client is told why, and the next one starts a new host. There is
no recovery in place.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import time
from typing import Any

from inference import engines
from inference.endpoint import Endpoint
from inference.engines.base import Engine
from inference.errors import EngineFailed
from inference.protocol import Capabilities, Goodbye, HostMessage, HostState, Stats, Status
from inference.scheduler import Scheduler
from inference.session import Session
from inference.store import PromptStore
from inference.transport import Channel

logger = logging.getLogger(__name__)

# A host that could not load waits this long for the client that started it, to tell it why.
FAILURE_GRACE_S = 10.0
# So often a host looks whether new clients can find it.
REACHABLE_S = 5.0


class Host:
    """The state that the sessions share. `run` is its whole life."""

    engine: Engine[Any]
    scheduler: Scheduler
    capabilities: Capabilities
    token: str

    def __init__(self, endpoint: Endpoint, idle_s: float) -> None:
        self._endpoint = endpoint
        self._idle_s = idle_s
        self._idle_timer: asyncio.TimerHandle | None = None
        self._sessions: set[Session] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._channels: set[Channel] = set()
        self._closed_bytes = (0, 0)
        self._stopping = asyncio.Event()
        self._goodbye = Goodbye("host_stopped", "the host was stopped", "")
        self._failed = False
        self._started = time.monotonic()
        self._engine_name = ""
        self.ready = asyncio.Event()
        self.pid = os.getpid()
        self.status = Status(HostState.LOADING, "", endpoint.model, "starting", None, None)
        self.store = PromptStore()
        self.request_count = 0
        self.cancelled_count = 0
        self.generated_tokens = 0

    @property
    def log_file(self) -> str:
        return str(self._endpoint.log_file)

    async def run(self) -> int:
        """Serves until it is told to stop; the caller holds the endpoint's lock.

        Returns the exit status of the process: 0, or 1 if the engine failed.
        """
        server, address = await self._endpoint.listen(self._on_connection)
        self.token = address.token
        loading = asyncio.create_task(self._load())
        try:
            while not await self._stops_within(REACHABLE_S):
                if not self._endpoint.is_reachable():
                    server = await self._listen_again(server)
        finally:
            server.close()
            self._endpoint.remove()
            loading.cancel()
            await asyncio.gather(loading, return_exceptions=True)
            await self._end_sessions()
            if self.ready.is_set():
                await self.engine.close()
        logger.info("ended: %s", self._goodbye.message)
        return 1 if self._failed else 0

    async def _stops_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._stopping.wait()
        return False

    async def _listen_again(self, server: asyncio.Server) -> asyncio.Server:
        """For somebody removed the socket or the address file. Those connected notice nothing.

        New clients would find nobody, and could start no other host: this one holds the lock.
        """
        logger.warning("the socket or its address file is gone; both are made anew")
        try:
            again, address = await self._endpoint.listen(self._on_connection)
        except OSError as error:  # no space, say: it is tried again
            logger.warning("they cannot be made: %s", error)
            return server
        server.close()
        self.token = address.token
        return again

    def admit(self, session: Session) -> None:
        """A client has shown its token."""
        self._sessions.add(session)
        self._watch_idleness()
        if self._failed:
            session.channel.send(self._goodbye)
            self._stopping.set()

    def dismiss(self, session: Session) -> None:
        if session in self._sessions:  # one that was never admitted is no use of the host
            self._sessions.discard(session)
            self._watch_idleness()

    def stop(self, code: str, message: str, hint: str = "") -> None:
        """Ends the host; `run` returns once the clients have been told."""
        self._goodbye = Goodbye(code, message, hint)
        self._stopping.set()

    def fail(self, error: EngineFailed) -> None:
        """The engine is of no use any more: tells the clients, and ends the host."""
        logger.error("the engine failed: %s. %s", error.message, error.hint)
        self._failed = True
        self._set_status(HostState.FAILED, error.message, None)
        self._goodbye = Goodbye(error.code, error.message, error.hint)
        if self._sessions:
            self._stopping.set()
        else:
            asyncio.get_running_loop().call_later(FAILURE_GRACE_S, self._stopping.set)

    def stats(self) -> Stats:
        loaded = self.ready.is_set()
        received, sent = self._closed_bytes
        return Stats(
            uptime_s=time.monotonic() - self._started,
            connections=len(self._sessions),
            bytes_received=received + sum(channel.bytes_received for channel in self._channels),
            bytes_sent=sent + sum(channel.bytes_sent for channel in self._channels),
            requests=self.request_count,
            cancelled=self.cancelled_count,
            running=self.scheduler.running if loaded else 0,
            queued=self.scheduler.queued if loaded else 0,
            generated_tokens=self.generated_tokens,
            chunks=self.store.chunk_count,
            chunk_bytes=self.store.chunk_bytes,
            layouts=self.store.layout_count,
        )

    async def _load(self) -> None:
        model = self._endpoint.model
        try:
            arguments = json.loads(self._endpoint.engine_args)
            self.engine = await asyncio.to_thread(engines.create, model, arguments)
            self._engine_name = self.engine.name
            self._set_status(HostState.LOADING, f"loading {model}", None)
            await self.engine.load(self._report)
            self._begin_to_serve()
        except EngineFailed as error:
            self.fail(error)
        except Exception as error:
            logger.exception("loading %s failed", model)
            self.fail(
                EngineFailed(
                    f"{model} could not be loaded: {error}",
                    hint=f"The host's log says more: {self.log_file}",
                )
            )

    def _begin_to_serve(self) -> None:
        """Raises `WireError` for capabilities that cannot be told."""
        self.capabilities = self.engine.capabilities
        self.store.make_room_for(self.capabilities.context_tokens)
        self.scheduler = Scheduler(
            self.capabilities.parallel_requests, engine_queues=self.capabilities.queues
        )
        self.ready.set()
        self._watch_idleness()
        self._set_status(HostState.READY, "", None)
        logger.info("%s is ready", self._endpoint.model)

    def _report(self, message: str, progress: float | None) -> None:
        self._set_status(HostState.LOADING, message, progress)

    def _set_status(self, state: HostState, message: str, progress: float | None) -> None:
        capabilities = self.capabilities if state is HostState.READY else None
        self.status = Status(
            state, self._engine_name, self._endpoint.model, message, progress, capabilities
        )
        self._broadcast(self.status)

    def _broadcast(self, message: HostMessage) -> None:
        for session in self._sessions:
            session.channel.send(message)

    async def _on_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        channel = Channel(reader, writer)
        self._connections.add(task)
        self._channels.add(channel)
        try:
            await Session(self, channel).run()
        except asyncio.CancelledError:
            # Ours: the host is ending. The stream's own callback would report it as an error.
            return
        except Exception:
            logger.exception("a connection failed")
        finally:
            self._connections.discard(task)
            self._channels.discard(channel)
            received, sent = self._closed_bytes
            self._closed_bytes = (received + channel.bytes_received, sent + channel.bytes_sent)

    async def _end_sessions(self) -> None:
        self._broadcast(self._goodbye)
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    def _watch_idleness(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        # A large model may take longer to load than a host may be idle.
        if not self._sessions and self.ready.is_set():
            self._idle_timer = asyncio.get_running_loop().call_later(
                self._idle_s, self.stop, "host_idle", "no client has been connected for a while"
            )
