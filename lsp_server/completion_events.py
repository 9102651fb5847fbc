"""What happens to completions, told as it happens: for statistics, and for who asks why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from inference.content import Layout
from inference.protocol import Tail
from lsp_server.trace import Trace
from lsp_server.workspace.documents import Position


@dataclass(frozen=True, slots=True)
class Asked:
    """The model was asked for that request; `text` tells what it has said so far."""

    trace: Trace
    layout: Layout
    tail: Tail
    text: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Answered:
    """The request has its verdict."""

    trace: Trace


@dataclass(frozen=True, slots=True)
class Written:
    """A generation has ended, however it did."""

    language: str
    model: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A text stood in the editor long enough to be read, or was accepted."""

    language: str
    model: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A text that was seen has gone, and was taken or not; told where its model says how sure it was."""

    model: str
    mean_logprob: float
    was_taken: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """The user took what was shown, or its next words or lines."""

    uri: str
    start: Position
    text: str  # that was put in
    is_whole: bool  # nothing of what was shown is left
    is_first: bool  # nothing of it was accepted before
    language: str
    model: str


CompletionEvent = Asked | Answered | Written | Seen | Judged | Accepted
EventListener = Callable[[CompletionEvent], None]
