"""Messages of the Language Server Protocol as bytes, and all that a server wrote of them."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

_HEADER = re.compile(rb"Content-Length: (\d+)\r\nContent-Type: [^\r\n]+\r\n\r\n")


class Recorder:
    """Reads for pygls, and keeps all bytes."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self.data = bytearray()

    async def readline(self) -> bytes:
        line = await self._reader.readline()
        self.data += line
        return line

    async def readexactly(self, n: int) -> bytes:
        try:
            body = await self._reader.readexactly(n)
        except asyncio.IncompleteReadError as error:
            body = error.partial
        self.data += body
        return body


def frame(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def frames(data: bytes) -> list[Any]:
    """The messages in a server's output. Fails where there is anything else in it."""
    messages = []
    at = 0
    while at < len(data):
        header = _HEADER.match(data, at)
        assert header is not None, f"not a frame: {data[at : at + 80]!r}"
        end = header.end() + int(header[1])
        messages.append(json.loads(data[header.end() : end]))
        at = end
    return messages
