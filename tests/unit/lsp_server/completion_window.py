"""The completion feature with real documents and context, and a client that says what a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from inference.client import InferenceClient
from inference.content import Layout
from inference.protocol import (
    Capabilities,
    Delta,
    Done,
    FinishReason,
    Priority,
    Tail,
    Timings,
    Usage,
)
from inference.sampling import Sampling, TokenLogprob
from lsp_server.completion_events import CompletionEvent
from lsp_server.completions.calibration import Calibration
from lsp_server.config import Config
from lsp_server.context.stream import ContextStream
from lsp_server.features import completion
from lsp_server.features.completion import TYPING, Completion, CompletionFeature, Request
from lsp_server.trace import Trace, Traces, Verdict
from lsp_server.workspace.documents import Document, Documents, Edit, Position

URI = "file:///a.py"
HANG = object()
TELLS_LOGPROBS = Capabilities(
    fim=True,
    chat=False,
    exact_token_counts=True,
    context_tokens=None,
    cache_block_tokens=1,
    parallel_requests=1,
    logprobs=True,
)


@dataclass
class FakeClient:
    """Answers each request with the steps: a text, an error, an event, something to do, or `HANG`."""

    steps: list[Any] = field(default_factory=list)
    endpoint: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(model="fake"))
    requests: list[tuple[Layout, Tail, Sampling, Priority]] = field(default_factory=list)
    capabilities: Capabilities | None = None
    logprob: float | None = None  # of each token
    taken: int = 0  # steps that were asked for
    closed: int = 0  # generations that ended, whatever the reason
    hanging: asyncio.Event = field(default_factory=asyncio.Event)

    async def generate(
        self, layout: Layout, tail: Tail, sampling: Sampling, priority: Priority
    ) -> AsyncGenerator[Delta | Done, None]:
        self.requests.append((layout, tail, sampling, priority))
        try:
            for step in list(self.steps):
                self.taken += 1
                if step is HANG:
                    self.hanging.set()
                    await asyncio.Event().wait()
                elif isinstance(step, Exception):
                    raise step
                elif isinstance(step, asyncio.Event):
                    await step.wait()
                elif callable(step):
                    step()
                else:
                    told = () if self.logprob is None else (TokenLogprob("", self.logprob, ()),)
                    yield Delta(1, step, 2, logprobs=told)
            yield Done(1, FinishReason.STOP, Usage(90, 80, 2), Timings(0, 0, 0))
        finally:
            self.closed += 1


class Window:
    """The feature with real documents and context."""

    def __init__(self) -> None:
        self.client = FakeClient()
        self.config = Config()
        self.documents = Documents()
        self.excluded = ""
        self.calibration = Calibration()
        self.traces = Traces()
        self.events: list[CompletionEvent] = []
        self.context = ContextStream(self.documents, lambda it: it.uri, lambda _: False)
        self.feature = CompletionFeature(
            documents=self.documents,
            context=self.context,
            traces=self.traces,
            config=lambda: self.config,
            client=lambda: cast("InferenceClient", self.client),
            exclusion=lambda _: self.excluded,
            path_of=lambda _: "src/a.py",
            is_warm=lambda *_: False,
            tell=self.events.append,
            calibration=lambda: self.calibration,
        )

    def open(self, text: str, language: str = "ruby") -> Document:
        return self.documents.open(URI, language, 1, text)

    async def ask(
        self,
        line: int = 0,
        column: int = 0,
        *,
        selected: Edit | None = None,
        on_text: Callable[[str], None] = lambda _: None,
        uri: str = URI,
        trigger: str = TYPING,
    ) -> Completion | None:
        request = Request(uri, Position(line, column), trigger, selected)
        return await self.feature.complete(request, on_text)

    @property
    def trace(self) -> Trace:
        (trace,) = self.traces._traces
        return trace

    @property
    def verdicts(self) -> list[Verdict | None]:
        return [trace.verdict for trace in self.traces._traces]


def patient_window(monkeypatch: pytest.MonkeyPatch) -> Window:
    """One whose deadline is reached on no slow machine."""
    monkeypatch.setattr(completion, "DEADLINE_S", 15.0)
    return Window()
