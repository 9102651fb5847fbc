"""A generation, and the ones before it that may still fit.

A generation outlives the request that began it. While what the user types is what it says, or may
still come to say, it goes on and serves the next request; as soon as the typing parts from it, it is
cancelled, down to the engine's slot. What it came to is remembered, so that who types along it, goes
back to where it began or returns there later is served at once, by no model.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from inference.protocol import Usage
from lsp_server.features.anchor import Anchor
from lsp_server.workspace.documents import Document, Position

REMEMBERED = 100
REMEMBERED_S = 300.0  # by then the repository around it may be another


@dataclass(slots=True)
class Generated:
    """What a generation has come to so far."""

    text: str = ""
    tokens: int = 0
    usage: Usage | None = None
    first_token_at: float | None = None  # by `time.perf_counter`
    _on_text: Callable[[str], None] = lambda _: None

    def add(self, text: str, tokens: int) -> None:
        if self.first_token_at is None:
            self.first_token_at = time.perf_counter()
        self.text += text
        self.tokens += tokens
        self._on_text(self.text)

    def listen(self, on_text: Callable[[str], None]) -> None:
        """Has the text told as it comes, to this one alone."""
        self._on_text = on_text
        if self.text:
            on_text(self.text)


class Generation:
    def __init__(
        self,
        anchor: Anchor,
        model: str,
        run: Callable[[Generated], Coroutine[None, None, None]],
        *,
        is_ahead: bool = False,
    ) -> None:
        self.anchor = anchor
        self.model = model
        self.is_ahead = is_ahead  # nobody has asked for it yet
        self.generated = Generated()
        self.task = asyncio.create_task(run(self.generated))

    def fits(self, typed: str) -> bool:
        """Whether it says what was typed, or may come to say it."""
        text = self.generated.text
        return text.startswith(typed) or (not self.task.done() and typed.startswith(text))

    def serves(self, document: Document, cursor: Position, model: str) -> str | None:
        """What was typed since it began, where it is still what is wanted there."""
        if model != self.model:
            return None
        typed = self.anchor.typed(document, cursor)
        return typed if typed is not None and self.fits(typed) else None

    def is_typed_along(self, document: Document | None) -> bool:
        """Whether the document has gone on as it says: then a request for more will come."""
        typed = self.anchor.typed(document) if document is not None else None
        return bool(typed) and self.fits(typed or "")


@dataclass(frozen=True, slots=True)
class _Remembered:
    anchor: Anchor
    model: str
    text: str
    at: float


class Suggestions:
    """The last generations, for as long as they may be of use."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: deque[_Remembered] = deque(maxlen=REMEMBERED)

    def add(self, generation: Generation) -> None:
        text = generation.generated.text
        if text.strip():
            self._kept.appendleft(
                _Remembered(generation.anchor, generation.model, text, self._clock())
            )

    def find(self, document: Document, cursor: Position, model: str) -> str | None:
        """What the newest that still fits says behind what was typed since."""
        earliest = self._clock() - REMEMBERED_S
        for it in self._kept:
            if it.at < earliest:
                return None
            if it.model != model:
                continue
            typed = it.anchor.typed(document, cursor)
            if typed is not None and it.text.startswith(typed) and it.text[len(typed) :].strip():
                return it.text[len(typed) :]
        return None
