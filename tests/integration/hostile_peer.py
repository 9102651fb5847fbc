"""A peer of a host that keeps to no protocol, and the frames that it sends."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

import msgpack

from inference.content import TextChunk
from inference.endpoint import Endpoint
from inference.protocol import (
    FRAME_HEADER,
    MAX_FRAME_BYTES,
    PROTOCOL_VERSION,
    Cancel,
    Delta,
    Generate,
    GetStats,
    GetStatus,
    Goodbye,
    Hello,
    Message,
    Priority,
    PutChunk,
    PutLayout,
    Role,
    Section,
    Tail,
    Welcome,
    encode,
)
from inference.sampling import Sampling
from inference.transport import Channel

from .hosts import LAYOUT

GENERATE = Generate(1, LAYOUT.id, Tail("", ""), Sampling(9), Priority.CHAT)


class Peer:
    """A connection whose bytes the test writes itself."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str
    ) -> None:
        self._channel = Channel(reader, writer)
        self._writer = writer
        self.token = token

    @classmethod
    async def to(cls, endpoint: Endpoint, *, greeted: bool = True) -> Peer:
        streams = await endpoint.connect()
        assert streams is not None
        reader, writer, address = streams
        peer = cls(reader, writer, address.token)
        if greeted:
            peer.say(Hello(PROTOCOL_VERSION, peer.token, "peer"))
            assert isinstance(await peer.hear(), Welcome)
        return peer

    def say(self, *said: Message | bytes) -> None:
        for each in said:
            self._writer.write(each if isinstance(each, bytes) else encode(each))

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self._writer.write_eof()

    async def hear(self) -> Message | None:
        return await self._channel.receive()

    async def hear_all(self) -> list[Message]:
        """All that the host says until it closes the connection."""
        messages: list[Message] = []
        while (message := await self.hear()) is not None:
            messages.append(message)
        return messages

    async def close(self) -> None:
        await self._channel.close()


def framed(*fields: Any) -> bytes:
    body = bytes(msgpack.packb(fields))
    return FRAME_HEADER.pack(len(body)) + body


class Fuzz:
    """Hostile frames of every kind, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - not for secrets

    def valid(self) -> bytes:
        """A frame that may come at any time of a connection, and ends nothing but it."""
        chance = self._random
        chunk = TextChunk.of(f"chunk {chance.randrange(50)}\n")
        sections = (Section(chance.choice(list(Role)), "a.py", (chunk.id, chance.randbytes(16))),)
        known = PutLayout((Section(Role.PREFIX, "a.py", (chunk.id,)),))
        request = Generate(
            chance.randrange(5),
            chance.choice([LAYOUT.id, chance.randbytes(16), b""]),
            Tail(chance.choice(["hang", "", "\0"]), ""),
            Sampling(chance.choice([1, 100, 2**40])),
            chance.choice(list(Priority)),
        )
        messages: list[Message] = [
            PutChunk(chunk.text),
            PutLayout(sections),
            known,
            PutLayout(()),
            LAYOUT.message,
            request,
            request,
            Cancel(chance.randrange(5)),
            GetStatus(),
            GetStats(),
            Hello(PROTOCOL_VERSION, "token", "again"),
            Delta(1, "text", 1),
            Goodbye("host_stopped", "", ""),
        ]
        return encode(chance.choice(messages))

    def frame(self) -> bytes:
        chance = self._random
        kind = chance.randrange(6)
        if kind == 0:
            body = chance.randbytes(chance.randrange(200))
            return FRAME_HEADER.pack(len(body)) + body
        if kind == 1:
            return chance.randbytes(chance.randrange(1, 64))
        if kind == 2:
            frame = self.valid()
            return frame[: chance.randrange(len(frame))]
        if kind == 3:
            mutated = bytearray(self.valid())
            for _ in range(chance.randrange(1, 4)):
                mutated[chance.randrange(len(mutated))] = chance.randrange(256)
            return bytes(mutated)
        if kind == 4:
            return FRAME_HEADER.pack(chance.randrange(MAX_FRAME_BYTES, 2**32)) + b"x" * 100
        return self.valid()


async def attack(endpoint: Endpoint, seed: int, frames: int) -> int:
    """Sends so many frames over as many connections as it takes; returns how many those were."""
    fuzz, chance = Fuzz(seed), random.Random(seed)  # noqa: S311
    connections = 0
    while frames > 0:
        peer = await Peer.to(endpoint, greeted=False)
        connections += 1
        if chance.random() < 0.8:
            peer.say(Hello(PROTOCOL_VERSION, peer.token, "hostile"))
        if chance.random() < 0.5:
            peer.say(PutChunk("x = 1\n"), LAYOUT.message)
        count = min(frames, chance.randrange(1, 8))
        for _ in range(count):
            peer.say(fuzz.frame())
        frames -= count
        if chance.random() < 0.8:
            peer.end()
            async with asyncio.timeout(20):
                await peer.hear_all()
        await peer.close()
    return connections
