"""An answer under way: all that it has so far, told to the editor as it comes.

Text is told at most some forty times a second, however fast the model writes, so that a view is not
flooded; everything else at once, and behind the text that came before it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from lsp_server.chat.transcript import AnswerState, Chip, Entry, Found, Step, Usage

FLUSH_S = 0.025
EventKind = Literal["text", "thinking", "step", "context", "found", "title", "usage", "done"]


@dataclass(frozen=True, slots=True)
class Event:
    """`body` has the fields that belong to the kind."""

    id: str
    answer_id: str
    seq: int
    kind: EventKind
    body: Mapping[str, Any]


class LiveAnswer:
    """On the loop alone. `notify` sends an event."""

    def __init__(self, conversation: str, answer: str, notify: Callable[[Event], None]) -> None:
        self._conversation = conversation
        self._notify = notify
        self._entry = Entry(answer, "assistant", state="streaming")
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._waiting: list[str] = []
        self._waiting_kind: Literal["text", "thinking"] = "text"
        self._timer: asyncio.TimerHandle | None = None
        self._seq = 0
        self._started = time.perf_counter()
        self._flushed = 0.0  # when text was told last
        self._first_token_ms: float | None = None
        self.changes = 0  # which tells whether there is something new to be written down

    @property
    def text(self) -> str:
        return "".join(self._texts)

    @property
    def is_begun(self) -> bool:
        """Whether the model has said or done anything."""
        return bool(self._texts or self._thoughts or self._entry.steps)

    @property
    def first_token_ms(self) -> float | None:
        return self._first_token_ms

    def elapsed_ms(self) -> float:
        return (time.perf_counter() - self._started) * 1000

    def entry(self) -> Entry:
        """The answer so far: what was told, and with `seq` the number of the next event."""
        self._flush()
        return replace(self._entry, text=self.text, thinking="".join(self._thoughts), seq=self._seq)

    def say(self, text: str, *, thinking: bool = False) -> None:
        if not text:
            return
        if self._first_token_ms is None:
            self._first_token_ms = self.elapsed_ms()
        kind: Literal["text", "thinking"] = "thinking" if thinking else "text"
        if kind != self._waiting_kind:
            self._flush()
            self._waiting_kind = kind
        (self._thoughts if thinking else self._texts).append(text)
        self._waiting.append(text)
        self.changes += 1
        waited = time.perf_counter() - self._flushed
        if waited >= FLUSH_S:
            self._flush()  # the first of it at once
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_S - waited, self._flush)

    def step(self, step: Step) -> None:
        """A new step, or how one has gone on."""
        steps = [it for it in self._entry.steps if it.id != step.id]
        at = next((n for n, it in enumerate(self._entry.steps) if it.id == step.id), len(steps))
        steps.insert(at, step)
        self._entry = replace(self._entry, steps=tuple(steps))
        self._tell("step", step=step)

    def context(self, chips: Sequence[Chip]) -> None:
        self._entry = replace(self._entry, context=tuple(chips))
        self._tell("context", context=self._entry.context)

    def found(self, found: Sequence[Found]) -> None:
        self._entry = replace(self._entry, found=tuple(found))
        self._tell("found", found=self._entry.found)

    def title(self, title: str) -> None:
        self._tell("title", title=title)

    def usage(self, usage: Usage) -> None:
        self._entry = replace(self._entry, usage=usage)
        self._tell("usage", usage=usage)

    def close(self, state: AnswerState, error: str = "", hint: str = "") -> Entry:
        """The answer as it is kept, now that it has ended; `tell_end` is still to come."""
        running = [it for it in self._entry.steps if it.state == "running"]
        for step in running:
            self.step(replace(step, state="failed", detail="it was not finished"))
        self._entry = replace(self._entry, state=state, error=error, hint=hint)
        return replace(self.entry(), seq=0)

    def tell_end(self) -> None:
        """The last event: from here on the conversation takes another question."""
        it = self._entry
        self._tell("done", state=it.state, error=it.error, hint=it.hint)

    def _tell(self, kind: EventKind, **body: Any) -> None:
        self._flush()
        self.changes += 1
        self._send(kind, body)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            text, self._waiting = "".join(self._waiting), []
            self._flushed = time.perf_counter()
            self._send(self._waiting_kind, {"text": text})

    def _send(self, kind: EventKind, body: Mapping[str, Any]) -> None:
        event = Event(self._conversation, self._entry.id, self._seq, kind, body)
        self._seq += 1
        self._notify(event)
