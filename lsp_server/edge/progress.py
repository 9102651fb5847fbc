"""Progress in the editor, by the language server protocol's own means."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from pygls.lsp.server import LanguageServer

_numbers = itertools.count(1)


class WorkDoneProgress:
    """A progress bar that the server opens by itself."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        self._token = f"sparrow-{next(_numbers)}"

    @classmethod
    def of(cls, server: LanguageServer) -> WorkDoneProgress | None:
        """None where the editor cannot show one."""
        window = server.client_capabilities.window
        return cls(server) if window is not None and window.work_done_progress else None

    def begin(self, title: str) -> None:
        # The editor's answer is not waited for: it may take what follows or leave it.
        self._server.work_done_progress.create(self._token)
        self._server.work_done_progress.begin(
            self._token, types.WorkDoneProgressBegin(title=title, percentage=0)
        )

    def report(self, message: str, percentage: int | None) -> None:
        self._server.work_done_progress.report(
            self._token, types.WorkDoneProgressReport(message=message, percentage=percentage)
        )

    def end(self, message: str) -> None:
        self._server.work_done_progress.end(self._token, types.WorkDoneProgressEnd(message=message))


def report_text(server: LanguageServer, token: types.ProgressToken | None) -> Callable[[str], None]:
    """A function that reports the text generated so far to a client that asked to see it stream."""
    if token is None:
        return lambda _: None

    def report(text: str) -> None:
        value = types.WorkDoneProgressReport(message=text)
        server.protocol.notify(types.PROGRESS, types.ProgressParams(token=token, value=value))

    return report


@contextlib.asynccontextmanager
async def told(
    server: LanguageServer,
    title: str,
    *,
    has_button: bool,
    own_token: types.ProgressToken | None = None,
) -> AsyncIterator[Callable[[str], None]]:
    """A progress bar around what the current task does, maybe with a button that cancels it.

    Gives a function that reports a message. Where the editor shows no progress it does nothing.
    `own_token` is one that the editor sent with its request: it listens to it already.
    """
    token = f"sparrow-{next(_numbers)}" if own_token is None else own_token
    progress = server.work_done_progress
    if own_token is None and not await _create(server, token):
        yield lambda _: None
        return
    task = asyncio.current_task()
    progress.begin(token, types.WorkDoneProgressBegin(title=title, cancellable=has_button))
    progress.tokens[token].add_done_callback(
        lambda it: task.cancel() if task is not None and it.cancelled() else None
    )
    try:
        yield lambda message: progress.report(token, types.WorkDoneProgressReport(message=message))
    finally:
        progress.end(token, types.WorkDoneProgressEnd())
        progress.tokens.pop(token, None)


async def _create(server: LanguageServer, token: types.ProgressToken) -> bool:
    """Whether the editor shows a progress bar by that token."""
    window = server.client_capabilities.window
    if window is None or not window.work_done_progress:
        return False
    try:
        await server.work_done_progress.create_async(token)
    except JsonRpcException:
        return False
    return True
