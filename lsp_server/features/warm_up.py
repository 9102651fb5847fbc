"""Lets the model read ahead what the next completion will show it, while the user pauses.

What does not change at a keystroke is sent with the lowest priority and for one token, so that the
model has it in its prefix cache when it matters. At most one such request is under way; whatever the
user does next ends it. Nothing of it is ever shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator

from inference.client import ClientState, ClientStatus, InferenceClient
from inference.content import Layout
from inference.errors import HostUnavailable, InferenceError, NotReady, PromptTooLong
from inference.protocol import Done, Priority, Tail
from inference.sampling import Sampling
from lsp_server.config import Config
from lsp_server.context.stream import ContextStream
from lsp_server.workspace.documents import Document, Documents, Position

logger = logging.getLogger(__name__)

# Longer than between two keys of somebody who types, or between files that are only looked through.
PAUSE_S = 0.3
_REMEMBERED = 16  # layouts; the model's cache may have let go of what is older


class WarmUpFeature:
    def __init__(
        self,
        *,
        documents: Documents,
        context: ContextStream,
        config: Callable[[], Config],
        client: Callable[[], InferenceClient],
        exclusion: Callable[[Document], str],
    ) -> None:
        self._documents = documents
        self._context = context
        self._config = config
        self._client = client
        self._exclusion = exclusion
        self._uri = ""  # of the current document
        self._cursors: dict[str, Position] = {}  # by URI: the last one that is known
        self._requests = 0  # of completions, under way
        self._pause: asyncio.TimerHandle | None = None
        self._reading: asyncio.Task[bool] | None = None
        self._warm: deque[tuple[bytes, str]] = deque(maxlen=_REMEMBERED)

    def turned_to(self, uri: str, cursor: Position | None = None) -> None:
        """The user opened or changed that document, and at `cursor` where it is known."""
        self._uri = uri
        if cursor is not None:
            self._cursors[uri] = cursor
        self._wait_for_pause()

    def looks_at(self, uri: str, cursor: Position | None = None) -> None:
        """The editor tells of that document, or of a cursor in it: perhaps the user went there.

        What is known already is no news, and ends nothing that is under way.
        """
        is_known = uri == self._uri and cursor in (None, self._cursors.get(uri))
        if not is_known and self._documents.get(uri) is not None:
            self.turned_to(uri, cursor)

    def epoch_ended(self) -> None:
        """What the model is shown may be another, for a document was saved, for instance."""
        self._wait_for_pause()

    def closed(self, uri: str) -> None:
        self._cursors.pop(uri, None)
        if uri == self._uri:
            self._uri = ""
        self._wait_for_pause()

    @contextlib.contextmanager
    def completing(self, uri: str, cursor: Position) -> Iterator[None]:
        """A completion is asked for there: until it ends nothing is read ahead."""
        self._requests += 1
        self.turned_to(uri, cursor)
        try:
            yield
        finally:
            self._requests -= 1
            self._wait_for_pause()

    def on_status(self, status: ClientStatus) -> None:
        """A model that becomes ready has read nothing yet."""
        self._warm.clear()
        if status.state is ClientState.READY:
            self._wait_for_pause()
        else:
            self._stop()

    def is_warm(self, layout: Layout, tail: Tail) -> bool:
        """Whether the model was made to read that layout; behind it the suffix may stand."""
        return (layout.id, tail.suffix) in self._warm

    async def close(self) -> None:
        reading = self._reading
        self._uri = ""
        self._stop()
        if reading is not None:
            await asyncio.gather(reading, return_exceptions=True)

    def _stop(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._reading is not None:
            self._reading.cancel()

    def _wait_for_pause(self) -> None:
        self._stop()
        if self._uri and not self._requests:
            self._pause = asyncio.get_running_loop().call_later(PAUSE_S, self._begin)

    def _begin(self) -> None:
        self._pause = None
        document = self._documents.get(self._uri)
        if document is None or not self._is_worth_it(document):
            return
        if self._reading is not None:  # it was cancelled, and has not ended yet
            self._wait_for_pause()
            return
        self._reading = asyncio.create_task(self._read(document))
        self._reading.add_done_callback(self._end)

    def _end(self, reading: asyncio.Task[bool]) -> None:
        self._reading = None
        if not reading.cancelled() and reading.result():
            self._wait_for_pause()

    def _is_worth_it(self, document: Document) -> bool:
        client = self._client()
        capabilities = client.capabilities
        return (
            client.status.state is ClientState.READY
            and capabilities is not None
            and capabilities.cache_block_tokens > 1
            and not document.problem
            and self._config().completes(document.language)
            and not self._exclusion(document)
        )

    async def _read(self, document: Document) -> bool:
        """Whether to look again what there is to be read."""
        try:
            layout, tail = self._show(document)
            if self.is_warm(layout, tail) or not any(layout.chunks()):
                return False
            await self._send(layout, tail)
        except (HostUnavailable, NotReady):
            return False
        except InferenceError as error:
            logger.warning("a warm-up was refused: %s", error)
            return False
        except Exception:
            logger.exception("a warm-up failed")
            return False
        # The host has counted the layout by now: with that another one may be the right one.
        return True

    def _show(self, document: Document) -> tuple[Layout, Tail]:
        cursor = self._cursors.get(document.uri)
        if cursor is None or not document.contains(cursor):
            return self._context.without_cursor(document), Tail("", "")
        # A pause is the time for a new epoch: what was typed joins what is stable.
        self._context.end_epoch()
        return self._context.at(document, cursor)

    async def _send(self, layout: Layout, tail: Tail) -> None:
        stream = self._client().generate(layout, tail, Sampling(max_tokens=1), Priority.WARM_UP)
        try:
            async with contextlib.aclosing(stream):
                async for message in stream:
                    if isinstance(message, Done):
                        logger.debug("read ahead: %s, %s", message.usage, message.timings)
        except PromptTooLong:
            self._context.refused(layout)
        else:
            self._warm.append((layout.id, tail.suffix))
