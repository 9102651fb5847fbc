"""Reading ahead: when a model is made to, with what, and what ends it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from inference.client import ClientState, ClientStatus, InferenceClient
from inference.content import Layout
from inference.errors import HostUnavailable, InferenceError, NotReady, Overloaded, PromptTooLong
from inference.protocol import (
    Capabilities,
    Delta,
    Done,
    FinishReason,
    Priority,
    Role,
    Tail,
    Timings,
    Usage,
)
from inference.sampling import Sampling
from lsp_server.config import Config
from lsp_server.context.stream import ContextStream
from lsp_server.features import warm_up
from lsp_server.features.warm_up import WarmUpFeature
from lsp_server.workspace.documents import Documents, Edit, Position
from tests.unit.lsp_server.on_loop import on_loop

A, B = "file:///a.py", "file:///b.py"
READY = ClientStatus(ClientState.READY, "fake", "fake")
LOADING = ClientStatus(ClientState.LOADING, "fake", "fake")


@dataclass
class FakeClient:
    status: ClientStatus = READY
    block: int = 16
    error: Exception | None = None  # of the next request
    hangs: bool = False
    endpoint: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(model="fake"))
    requests: list[tuple[Layout, Tail]] = field(default_factory=list)
    running: int = 0
    most_running: int = 0

    @property
    def capabilities(self) -> Capabilities | None:
        if self.status.state is not ClientState.READY:
            return None
        return Capabilities(
            fim=True,
            chat=False,
            exact_token_counts=True,
            context_tokens=None,
            cache_block_tokens=self.block,
            parallel_requests=1,
        )

    async def generate(
        self, layout: Layout, tail: Tail, sampling: Sampling, priority: Priority
    ) -> AsyncGenerator[Delta | Done, None]:
        assert (sampling.max_tokens, priority) == (1, Priority.WARM_UP)
        self.requests.append((layout, tail))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            if self.error is not None:
                error, self.error = self.error, None
                raise error
            if self.hangs:
                await asyncio.Event().wait()
            yield Delta(1, "x", 1)
            yield Done(1, FinishReason.LENGTH, Usage(9, 8, 1), Timings(0, 0, 0))
        finally:
            self.running -= 1


class Window:
    def __init__(self) -> None:
        self.client = FakeClient()
        self.config = Config()
        self.excluded = ""
        self.documents = Documents()
        self.context = ContextStream(self.documents, lambda it: it.uri, lambda _: False)
        self.feature = WarmUpFeature(
            documents=self.documents,
            context=self.context,
            config=lambda: self.config,
            client=lambda: cast("InferenceClient", self.client),
            exclusion=lambda _: self.excluded,
        )

    def open(self, uri: str, text: str = "one\ntwo\nthree\n") -> None:
        self.context.forget(uri)
        self.documents.open(uri, "python", 1, text)
        self.feature.turned_to(uri)

    def type(self, uri: str, line: int, text: str) -> None:
        document = self.documents.get(uri)
        assert document is not None
        edit = Edit(Position(line, 0), Position(line, 0), text)
        document.apply(edit)
        document.version += 1
        self.feature.turned_to(uri, edit.caret)

    async def settle(self) -> None:
        """Until nothing is left to be read, or what is read hangs."""
        while not self._is_settled():  # noqa: ASYNC110 - there is nobody to tell
            await asyncio.sleep(0)

    def _is_settled(self) -> bool:
        reading = self.feature._reading
        hangs = self.client.hangs and self.client.running == 1
        return self.feature._pause is None and (
            reading is None or (hangs and not reading.cancelling())
        )

    def sent(self) -> list[list[tuple[Role, str]]]:
        """By request: the sections that hold text."""
        return [
            [(section.role, section.path) for section in layout.sections if section.chunks]
            for layout, _ in self.client.requests
        ]


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Window:
    monkeypatch.setattr(warm_up, "PAUSE_S", 0.0)
    return Window()


CONTEXT_B = [(Role.CONTEXT, B)]
AROUND_A = [(Role.CONTEXT, B), (Role.SUFFIX, A), (Role.PREFIX, A)]


@on_loop
async def test_where_the_user_turns_to_is_read_and_what_is_no_news_ends_nothing() -> None:
    window = Window()
    window.open(A)
    window.open(B)
    reading = window.feature._pause
    window.feature.looks_at(B)
    assert window.feature._pause is reading
    window.feature.looks_at("file:///unknown.py")
    assert window.feature._pause is reading
    window.feature.looks_at(A)
    assert window.feature._pause is not reading
    assert window.feature._uri == A
    reading = window.feature._pause
    window.feature.looks_at(A, Position(1, 2))
    assert window.feature._pause is not reading
    reading = window.feature._pause
    window.feature.looks_at(A, Position(1, 2))
    assert window.feature._pause is reading
    await window.feature.close()


@on_loop
async def test_an_opened_file_is_read_as_far_as_the_cursor_does_not_matter(window: Window) -> None:
    window.open(B)
    window.open(A)
    await window.settle()
    assert window.sent() == [CONTEXT_B]
    assert window.client.requests[0][1] == Tail("", "")


@on_loop
async def test_one_file_without_others_has_nothing_to_read_yet(window: Window) -> None:
    window.open(A)
    await window.settle()
    assert window.sent() == []


@on_loop
async def test_after_a_completion_the_layout_at_the_cursor_is_read(window: Window) -> None:
    window.open(B)
    window.open(A)
    with window.feature.completing(A, Position(1, 3)):
        for _ in range(20):
            await asyncio.sleep(0)
        assert window.sent() == [], "while a completion is under way nothing is read"
    await window.settle()
    assert window.sent() == [AROUND_A]
    layout, tail = window.client.requests[0]
    assert tail == Tail("two", "\n")
    document = window.documents.get(A)
    assert document is not None
    assert window.context.at(document, Position(1, 3))[0].id == layout.id
    assert window.feature.is_warm(layout, Tail("two and more", "\n"))
    assert not window.feature.is_warm(layout, Tail("two", " # another suffix\n"))


@on_loop
async def test_what_has_been_read_is_not_read_again(window: Window) -> None:
    window.open(B)
    window.open(A)
    for _ in range(3):
        with window.feature.completing(A, Position(1, 3)):
            pass
        await window.settle()
        window.feature.epoch_ended()
        await window.settle()
    assert window.sent() == [AROUND_A]


@on_loop
async def test_a_pause_makes_what_was_typed_part_of_the_layout(window: Window) -> None:
    window.open(A)
    with window.feature.completing(A, Position(1, 0)):
        pass
    await window.settle()
    window.type(A, 1, "new\nlines\n")
    await window.settle()
    (first, _), (second, tail) = window.client.requests
    prefixes = [
        "".join(chunk.text for chunk in layout.sections[-1].chunks) for layout in (first, second)
    ]
    assert prefixes == ["one\n", "one\nnew\nlines\n"]
    assert tail == Tail("", "two\n")


@pytest.mark.parametrize("event", ["typing", "completion", "closed", "not ready", "close"])
@on_loop
async def test_what_ends_it(window: Window, event: str) -> None:
    window.client.hangs = True
    window.open(B)
    window.open(A)
    await window.settle()
    assert window.client.running == 1
    window.client.hangs = False
    if event == "typing":
        window.type(A, 0, "x")
    elif event == "completion":
        with window.feature.completing(A, Position(0, 0)):
            pass
    elif event == "closed":
        window.documents.close(A)
        window.feature.closed(A)
    elif event == "not ready":
        window.client.status = LOADING
        window.feature.on_status(LOADING)
    else:
        await window.feature.close()
    await window.settle()
    assert (window.client.running, window.client.most_running) == (0, 1)
    again = event in ("typing", "completion")
    assert len(window.client.requests) == 1 + again


@on_loop
async def test_many_keys_leave_one_at_most(window: Window) -> None:
    window.client.hangs = True
    window.open(B)
    window.open(A)
    for number in range(30):
        window.type(A, 0, f"{number}\n")
        for _ in range(number % 5):
            await asyncio.sleep(0)
    await window.settle()
    assert (window.client.running, window.client.most_running) == (1, 1)
    await window.feature.close()
    assert window.client.running == 0


NOT_READ: dict[str, Callable[[Window], None]] = {
    "no model is ready": lambda it: setattr(it.client, "status", LOADING),
    "the model has no cache": lambda it: setattr(it.client, "block", 1),
    "the language is off": lambda it: setattr(it, "config", Config(enable=False)),
    "the file is excluded": lambda it: setattr(it, "excluded", "a reason"),
    "the file is unfit": lambda it: it.type(A, 0, "\ud83d"),
    "the file was closed": lambda it: it.documents.close(A),
}


@pytest.mark.parametrize("why", NOT_READ)
@on_loop
async def test_where_no_completion_is_nothing_is_read(window: Window, why: str) -> None:
    window.open(B)
    window.open(A)
    NOT_READ[why](window)
    await window.settle()
    assert window.sent() == []


@on_loop
async def test_a_model_that_becomes_ready_reads(window: Window) -> None:
    window.client.status = LOADING
    window.open(B)
    window.open(A)
    await window.settle()
    for _ in range(2):  # another host has read nothing
        window.client.status = LOADING
        window.feature.on_status(LOADING)
        window.client.status = READY
        window.feature.on_status(READY)
        await window.settle()
    assert window.sent() == [CONTEXT_B, CONTEXT_B]


@on_loop
async def test_a_layout_that_is_too_long_is_followed_by_a_shorter_one(window: Window) -> None:
    window.client.error = PromptTooLong("too long")
    window.open(B, "a line of words\n" * 500)
    window.open(A)
    await window.settle()
    first, second = (
        sum(len(chunk.text) for chunk in layout.chunks()) for layout, _ in window.client.requests
    )
    assert 0 < second < first
    assert not window.feature.is_warm(window.client.requests[0][0], Tail("", ""))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (HostUnavailable("gone"), ""),
        (NotReady("loading"), ""),
        (Overloaded("too many"), "too many"),
        (InferenceError("of its own"), "of its own"),
        (KeyError("a mistake"), "a mistake"),
    ],
)
@on_loop
async def test_a_failure_is_logged_and_waits_for_the_next_pause(
    window: Window, caplog: pytest.LogCaptureFixture, error: Exception, said: str
) -> None:
    window.client.error = error
    window.open(B)
    window.open(A)
    with caplog.at_level(logging.WARNING):
        await window.settle()
    assert len(window.client.requests) == 1
    assert (said in caplog.text) if said else not caplog.records
    window.feature.epoch_ended()
    await window.settle()
    assert len(window.client.requests) == 2
