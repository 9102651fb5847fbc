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
from dataclasses import dataclass, field

from inference.protocol import Usage
from lsp_server.completions.display import Displayed
from lsp_server.completions.stop import Passed
from lsp_server.features.anchor import Anchor
from lsp_server.workspace.documents import Document, Position

REMEMBERED = 100
REMEMBERED_S = 300.0  # by then the repository around it may be another


@dataclass(frozen=True, slots=True)
class Judged:
    """What of a text is shown behind what was typed of it, by settings that `by` holds."""

    text: str
    by: tuple[object, ...]
    typed: str
    shown: str
    cuts: tuple[str, ...]


@dataclass(slots=True)
class Generated:
    """What a generation has come to so far, as far as it may be shown."""

    extent: str = ""  # what is wanted, in words
    passed: Passed = field(default_factory=lambda: Passed(""))
    tokens: int = 0
    usage: Usage | None = None
    first_token_at: float | None = None  # by `time.perf_counter`
    logprobs: list[float] = field(default_factory=list)  # of the tokens, where the engine tells
    judged: Judged | None = None  # what was shown of it last
    _on_text: Callable[[str], None] = lambda _: None

    @property
    def text(self) -> str:
        return self.passed.text

    def add(self, passed: Passed, tokens: int) -> None:
        if self.first_token_at is None:
            self.first_token_at = time.perf_counter()
        is_news = passed.text != self.passed.text
        self.passed = passed
        self.tokens += tokens
        if is_news:
            self._on_text(passed.text)

    def judge(self, rest: str, by: tuple[object, ...], judge: Callable[[], Displayed]) -> Displayed:
        """What is shown of the rest of the text; what goes before it has been typed.

        Who types along makes the very text that was judged before, and that is not judged again. Who
        goes back may come to where it would not stand: code that is broken anyway passes.
        """
        typed = self.text[: len(self.text) - len(rest)]
        known = self.judged
        if known is not None and (known.text, known.by) == (self.text, by):
            shown = known.typed + known.shown
            left = shown[len(typed) :]
            if left.strip() and typed.startswith(known.typed) and shown.startswith(typed):
                return Displayed(left, known.cuts)
        displayed = judge()
        if displayed.refusal is None:
            self.judged = Judged(self.text, by, typed, displayed.text, displayed.cuts)
        return displayed

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
        extent: str,
        run: Callable[[Generated], Coroutine[None, None, None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.anchor = anchor
        self.model = model
        self.began_at = clock()
        self.is_ahead = False  # nobody has asked for it yet
        self.generated = Generated(extent)
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

    def may_serve(self, document: Document) -> bool:
        """Whether a request for the document as it is may be served by it."""
        typed = self.anchor.typed(document)
        return bool(self.model) and typed is not None and self.fits(typed)

    def is_typed_along(self, document: Document | None) -> bool:
        """Whether the document has gone on as it says: then a request for more will come."""
        typed = self.anchor.typed(document) if document is not None else None
        return bool(typed) and self.fits(typed or "")


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was generated, and the part of it that is still to be typed."""

    generated: Generated
    text: str


@dataclass(frozen=True, slots=True)
class _Kept:
    anchor: Anchor
    model: str
    generated: Generated
    at: float


class Suggestions:
    """The last generations, for as long as they may be of use."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: deque[_Kept] = deque(maxlen=REMEMBERED)

    def add(self, generation: Generation) -> None:
        if generation.generated.text.strip():
            self._kept.appendleft(
                _Kept(generation.anchor, generation.model, generation.generated, self._clock())
            )

    def find(self, document: Document, cursor: Position, model: str) -> Remembered | None:
        """What the newest that still fits says behind what was typed since."""
        earliest = self._clock() - REMEMBERED_S
        for it in self._kept:
            if it.at < earliest:
                return None
            if it.model != model:
                continue
            typed, text = it.anchor.since(document, cursor), it.generated.text
            if typed is None or not text.startswith(typed) or not text[len(typed) :].strip():
                continue
            if it.anchor.stands(document):  # last, for it takes the longest
                return Remembered(it.generated, text[len(typed) :])
        return None
