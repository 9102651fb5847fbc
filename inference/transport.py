"""Messages over asyncio streams: one frame in, one frame out, each direction counted in bytes."""

from __future__ import annotations

import asyncio
import contextlib

from inference.protocol import FRAME_HEADER, MAX_FRAME_BYTES, Message, decode, encode, frame_length

# A peer that lets this much pile up has stopped reading; its connection is dropped.
MAX_UNSENT_BYTES = 32 * 1024 * 1024


class Channel:
    """One end of a connection. Sending never waits; receiving yields whole messages."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.bytes_received = 0
        self.bytes_sent = 0

    async def receive(self, max_bytes: int = MAX_FRAME_BYTES) -> Message | None:
        """The next message, or None at the end of the connection, in mid-frame or not.

        Raises `WireError` for what is not this protocol, or over `max_bytes`; the channel is of no
        use afterwards.
        """
        try:
            header = await self._reader.readexactly(FRAME_HEADER.size)
            body = await self._reader.readexactly(frame_length(header, max_bytes))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        self.bytes_received += len(header) + len(body)
        return decode(body)

    def send(self, *messages: Message) -> None:
        """Queues messages as one write; a connection that is gone swallows them.

        Raises `WireError` for a message that cannot be encoded; then nothing is sent.
        """
        data = b"".join(encode(message) for message in messages)
        if self._writer.is_closing():
            return
        self._writer.write(data)
        self.bytes_sent += len(data)
        if self._writer.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self._abort()

    async def drain(self, patience_s: float | None = None) -> None:
        """Waits until the peer has taken most of what was sent; a lost connection ends the wait.

        A peer that does not read for `patience_s` is dropped.
        """
        try:
            async with asyncio.timeout(patience_s):
                await self._writer.drain()
        except TimeoutError:
            self._abort()
        except ConnectionError:
            pass

    async def close(self) -> None:
        """Sends what is queued and closes. A peer that does not read is given a second."""
        self._writer.close()
        try:
            async with asyncio.timeout(1):
                await self._writer.wait_closed()
        except (TimeoutError, ConnectionError):
            pass
        finally:
            self._abort()

    def _abort(self) -> None:
        """Drops the connection; nothing, where it has closed."""
        # In Python 3.11 a transport that wrote its last bytes while closing does not know that it
        # has closed, and misses its loop.
        with contextlib.suppress(AttributeError):
            self._writer.transport.abort()
