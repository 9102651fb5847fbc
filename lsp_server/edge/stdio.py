"""The server on standard input and output, until the editor closes it.

Standard output is the protocol: whatever prints goes to standard error from here on. On POSIX the
input is read by the loop itself; pygls' own way is a thread for each line, which costs a keystroke
four switches of threads.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from threading import Event
from typing import TYPE_CHECKING, Any, BinaryIO

from pygls.io_ import StdoutWriter, run_async

if TYPE_CHECKING:
    from lsp_server.server import SparrowServer

logger = logging.getLogger(__name__)


MAX_HEADER_BYTES = 1024


class PipeReader:
    """The loop's own reader, with pygls' convention that nothing means the end."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def readline(self) -> bytes:
        try:
            line = await self._reader.readline()
        except ValueError:  # the reader's own limit
            line = b" " * (MAX_HEADER_BYTES + 1)
        if len(line) > MAX_HEADER_BYTES:
            logger.error("the editor sent a header line without an end; closing")
            return b""
        return line

    async def readexactly(self, n: int) -> bytes:
        try:
            return await self._reader.readexactly(n)
        except asyncio.IncompleteReadError:
            return b""


class ClosableStdout(StdoutWriter):
    """What is written after the editor said `exit` has nobody to read it."""

    def __init__(self, stdout: BinaryIO) -> None:
        super().__init__(stdout)
        self._is_closed = False

    def close(self) -> None:
        self._is_closed = True
        super().close()  # type: ignore[no-untyped-call]

    def write(self, data: bytes) -> None:
        if not self._is_closed:
            super().write(data)


def serve(server: SparrowServer) -> None:
    """Runs the server; returns when the editor is gone or has said `exit`."""
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    if sys.platform == "win32":
        server.start_io(stdin, stdout)
        return
    try:
        asyncio.run(_serve(server, stdin, stdout))
    except BrokenPipeError:
        logger.warning("the editor is gone")


async def _serve(server: SparrowServer, stdin: BinaryIO, stdout: BinaryIO) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_on_stray_error)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), stdin)
    server.protocol.set_writer(ClosableStdout(stdout))
    await run_async(
        stop_event=Event(),
        reader=PipeReader(reader),
        protocol=server.protocol,
        logger=logger,
        error_handler=server.report_server_error,
    )
    await server.close()  # an editor that has gone did not say `shutdown`


def _on_stray_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Logs what no one caught, but for handlers that were at work when the editor said `exit`.

    pygls asks them for their results, and they were cancelled.
    """
    if not isinstance(context.get("exception"), asyncio.CancelledError):
        loop.default_exception_handler(context)
