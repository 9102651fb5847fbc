"""Plays keys into a language server at their times, as an editor does: each cancels the last request."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from inference.client import InferenceClient
from inference.protocol import Stats
from lsp_server.bench.typing_traces import CANCELLED, Place, TypingTrace
from lsp_server.session import EditorSession, Suggestion
from lsp_server.workspace.documents import Document, Edit, Position

# A suggestion that is right is taken once it has stood there for so long, typed along or not.
REACTION_S = 0.3
LAST_WAIT_S = 1.0  # after the last key
AFTER_CANCEL_S = 0.02


@dataclass(slots=True)
class Played:
    """What one trace came to; of several, `add` makes the sum."""

    keys: int = 0
    shown_ms: list[float] = field(default_factory=list)  # from a key to what it shows
    right: int = 0  # of those shown, as many as were typed next
    accepted_characters: int = 0
    requests: int = 0
    cancelled: int = 0
    tokens: int = 0
    wire_bytes: int = 0
    tokens_20ms_after_cancel: int = 0

    def add(self, other: Played) -> None:
        self.keys += other.keys
        self.shown_ms += other.shown_ms
        self.right += other.right
        self.accepted_characters += other.accepted_characters
        self.requests += other.requests
        self.cancelled += other.cancelled
        self.tokens += other.tokens
        self.wire_bytes += other.wire_bytes
        self.tokens_20ms_after_cancel += other.tokens_20ms_after_cancel


class _Typist:
    def __init__(self, session: EditorSession, document: Document, cursor: Position) -> None:
        self.session = session
        self.document = document
        self.cursor = cursor
        self.shown_ms: list[float] = []
        self.right = 0
        self.suggestion = ""
        self.right_since: float | None = None
        self._request: asyncio.Task[None] | None = None

    def press(self, edit: Edit, rest: str) -> None:
        """`rest` is what is still to be typed behind it."""
        pressed = time.perf_counter()
        self.stop()
        self.session.edit(self.document, edit)
        self.cursor = edit.caret
        along = edit.text and self.suggestion.startswith(edit.text)
        self.suggestion = self.suggestion[len(edit.text) :] if along else ""
        if not self.suggestion:
            self.right_since = None
        self._request = asyncio.create_task(self._ask(pressed, rest))

    def stop(self) -> None:
        if self._request is not None and not self._request.done():
            self._request.cancel()

    async def settle(self) -> None:
        if self._request is not None:
            await asyncio.wait([self._request], timeout=LAST_WAIT_S)
            self.stop()
            await asyncio.gather(self._request, return_exceptions=True)

    async def _ask(self, pressed: float, rest: str) -> None:
        answer: Suggestion | None = await self.session.complete(self.document, self.cursor)
        now = time.perf_counter()
        self.suggestion = answer.text if answer else ""
        if answer is not None:
            self.shown_ms.append((now - pressed) * 1000)
            self.right += rest.startswith(self.suggestion)
        if not self.suggestion or not rest.startswith(self.suggestion):
            self.right_since = None
        elif self.right_since is None:
            self.right_since = now


async def play(
    session: EditorSession,
    document: Document,
    place: Place,
    trace: TypingTrace,
    client: InferenceClient,
) -> Played:
    """Plays a trace at a place of a document that is as it says, and takes what was typed back."""
    typist = _Typist(session, document, place.cursor)
    # The first request uploads the file.
    await session.complete(document, place.cursor)
    before, overhead = await _stats(client)
    played = Played()
    typed = ""
    at = time.perf_counter()
    for stroke in trace.strokes:
        at += stroke.after_ms / 1000
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        if trace.takes and (taken := _taken(typist)):
            played.accepted_characters += len(taken)
            typed += taken
            typist.press(Edit(typist.cursor, typist.cursor, taken), place.target[len(typed) :])
            played.keys += 1
        elif stroke.character:
            expected = place.target[len(typed) : len(typed) + 1]
            if not expected:
                break  # what was taken stands for the keys that are left
            typed += expected
            typist.press(Edit(typist.cursor, typist.cursor, expected), place.target[len(typed) :])
            played.keys += 1
        else:
            last, typed = typed[-1], typed[:-1]
            start = _before(document, typist.cursor, last)
            typist.press(Edit(start, typist.cursor, ""), place.target[len(typed) :])
            played.keys += 1
    await typist.settle()
    after, _ = await _stats(client)
    played.shown_ms, played.right = typist.shown_ms, typist.right
    played.requests = after.requests - before.requests
    played.cancelled = after.cancelled - before.cancelled
    played.tokens = after.generated_tokens - before.generated_tokens
    played.wire_bytes = _wire_bytes(after) - _wire_bytes(before) - overhead
    session.edit(document, Edit(place.cursor, typist.cursor, ""))
    return played


async def tokens_after_cancel(
    session: EditorSession, document: Document, client: InferenceClient, *, wait_s: float
) -> int:
    """Tokens that come later than 20 ms after the editor cancelled what was being generated."""
    line = len(document.lines) - 1
    start = Position(line, len(document.lines[line]))
    edit = Edit(start, start, CANCELLED)
    session.edit(document, edit)
    request = asyncio.create_task(session.complete(document, edit.caret))
    await asyncio.sleep(wait_s)
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)
    session.edit(document, Edit(start, edit.caret, ""))
    await asyncio.sleep(AFTER_CANCEL_S)
    first = await client.stats()
    await asyncio.sleep(5 * AFTER_CANCEL_S)
    second = await client.stats()
    return second.generated_tokens - first.generated_tokens


def _taken(typist: _Typist) -> str:
    since = typist.right_since
    is_due = since is not None and time.perf_counter() - since >= REACTION_S
    return typist.suggestion if is_due else ""


def _before(document: Document, cursor: Position, character: str) -> Position:
    """Where the character before the cursor begins."""
    if character != "\n":
        return Position(cursor.line, cursor.column - 1)
    above = document.lines[cursor.line - 1]
    return Position(cursor.line - 1, len(above) - 1)


async def _stats(client: InferenceClient) -> tuple[Stats, int]:
    """The host's counters, and how many bytes it costs to ask for them."""
    first = await client.stats()
    second = await client.stats()
    return second, _wire_bytes(second) - _wire_bytes(first)


def _wire_bytes(stats: Stats) -> int:
    return stats.bytes_received + stats.bytes_sent
