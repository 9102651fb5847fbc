"""Inline completion with a client that says what a test wants: every way out has its verdict."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from inference.client import InferenceClient
from inference.content import Layout
from inference.errors import (
    EngineFailed,
    HostUnavailable,
    InferenceError,
    NotReady,
    Overloaded,
    PromptTooLong,
    UnsupportedRequest,
)
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
from lsp_server.features import completion, writing
from lsp_server.features.completion import (
    TYPING,
    Completion,
    CompletionFeature,
    Request,
)
from lsp_server.trace import Trace, Traces, Verdict
from lsp_server.workspace.documents import Document, Documents, Edit, Position
from tests.unit.lsp_server.on_loop import on_loop

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
    """Answers each request with the steps: a text, an error, something to do, or `HANG`."""

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


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Window:
    monkeypatch.setattr(completion, "DEADLINE_S", 15.0)  # no slow machine is late
    return Window()


async def shown(window: Window) -> None:
    window.client.steps = ["1"]
    assert await window.ask(0, 4) is not None


async def disabled(window: Window) -> None:
    window.config = Config(enable=False)
    assert await window.ask(0, 4) is None


async def unknown_document(window: Window) -> None:
    assert await window.ask(uri="file:///b.py") is None


async def unfit_document(window: Window) -> None:
    window.open("\ud83d\n")
    assert await window.ask() is None


async def within_word(window: Window) -> None:
    window.open("xy\n")
    assert await window.ask(0, 1) is None


async def excluded(window: Window) -> None:
    window.excluded = "a reason"
    assert await window.ask(0, 4) is None


async def outside(window: Window) -> None:
    assert await window.ask(7, 0) is None


async def not_ready(window: Window) -> None:
    window.client.steps = [NotReady("the model is still loading")]
    assert await window.ask(0, 4) is None


async def no_idea(window: Window) -> None:
    window.client.steps = [" \n", "\n"]
    assert await window.ask(0, 4) is None


async def repeats(window: Window) -> None:
    window.open("f()\n")
    window.client.steps = [")"]
    assert await window.ask(0, 2) is None


async def superseded(window: Window) -> None:
    window.client.steps = [HANG]
    older = asyncio.create_task(window.ask(0, 4))
    await window.client.hanging.wait()
    window.client.steps = ["a"]
    assert await window.ask(0, 1) is not None
    assert await older is None
    window.traces._traces.pop()  # the newer one, which was shown


async def cancelled(window: Window) -> None:
    window.client.steps = [HANG]
    asking = asyncio.create_task(window.ask(0, 4))
    await window.client.hanging.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def stale(window: Window) -> None:
    document = window.open("x = \n")

    def type_on() -> None:
        document.apply(Edit(Position(0, 4), Position(0, 4), "y"))
        document.version += 1

    window.client.steps = ["a", type_on]
    assert await window.ask(0, 4) is None


async def undone(window: Window) -> None:
    document = window.documents.get(URI)
    assert document is not None
    for end, text in ((Position(0, 4), "long"), (Position(0, 8), "")):
        edit = Edit(Position(0, 4), end, text)
        document.apply(edit)
        document.version += 1
        window.feature.changed(document, [edit])
    assert await window.ask(0, 4) is None


async def unbalanced(window: Window) -> None:
    window.open("x = ;\n", "java")
    window.client.steps = ["f(a"]
    assert await window.ask(0, 4) is None


async def unknown_name(window: Window) -> None:
    window.client.steps = ["invented(1)"]
    assert await window.ask(0, 4) is None


async def unsure(window: Window) -> None:
    window.calibration = Calibration(-2.0, 300, 1)
    window.client.capabilities = TELLS_LOGPROBS
    window.client.logprob = -2.5
    window.client.steps = ["1"]
    assert await window.ask(0, 4) is None


async def breaks_syntax(window: Window) -> None:
    window.client.steps = ["f(]"]
    assert await window.ask(0, 4) is None


async def late(window: Window) -> None:
    window.client.steps = [HANG]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(completion, "DEADLINE_S", 0.01)
        patch.setattr(writing, "GENERATION_S", 0.05)
        assert await window.ask(0, 4) is None
        generation = window.feature._generation
        assert generation is not None  # it goes on, for the next request; but not for ever
        await asyncio.wait({generation.task})


async def busy(window: Window) -> None:
    window.client.steps = [Overloaded("too many requests")]
    assert await window.ask(0, 4) is None


async def failed(window: Window) -> None:
    window.client.steps = [UnsupportedRequest("it cannot")]
    assert await window.ask(0, 4) is None


OUTCOMES: dict[Verdict, tuple[Callable[[Window], Awaitable[None]], str, bool]] = {
    # what leads to a verdict, its detail, and whether a model was asked
    Verdict.SHOWN: (shown, "", True),
    Verdict.DISABLED: (disabled, "python", False),
    Verdict.UNKNOWN_DOCUMENT: (unknown_document, "", False),
    Verdict.UNFIT_DOCUMENT: (
        unfit_document,
        "the file holds characters that UTF-8 cannot express",
        False,
    ),
    Verdict.EXCLUDED: (excluded, "a reason", False),
    Verdict.WITHIN_WORD: (within_word, "", False),
    Verdict.UNDONE: (undone, "", False),
    Verdict.OUTSIDE: (outside, "it has 2 lines", False),
    Verdict.NOT_READY: (not_ready, "the model is still loading", True),
    Verdict.NO_IDEA: (no_idea, "", True),
    Verdict.REPEATS: (repeats, "", True),
    Verdict.UNBALANCED: (unbalanced, "", True),
    Verdict.BREAKS_SYNTAX: (breaks_syntax, "", True),
    Verdict.UNKNOWN_NAME: (unknown_name, "invented", True),
    Verdict.UNSURE: (unsure, "of 300 that it was as unsure of, 1 were taken", True),
    Verdict.SUPERSEDED: (superseded, "", True),
    Verdict.CANCELLED: (cancelled, "", True),
    Verdict.STALE: (stale, "", True),
    Verdict.LATE: (late, "", True),
    Verdict.BUSY: (busy, "too many requests", True),
    Verdict.FAILED: (failed, "it cannot", True),
}


@pytest.mark.parametrize("verdict", Verdict)
@on_loop
async def test_every_way_out_is_recorded(window: Window, verdict: Verdict) -> None:
    lead, detail, asked = OUTCOMES[verdict]
    window.feature.opened(window.open("x = \n", "python"))
    await lead(window)
    assert (window.trace.verdict, window.trace.detail) == (verdict, detail)
    assert window.trace.total_ms > 0
    assert bool(window.client.requests) is asked
    assert window.client.closed == len(window.client.requests)


@on_loop
async def test_a_completion_and_its_trace(window: Window) -> None:
    window.open("x = \n")
    window.client.steps = ["a", "b"]
    assert await window.ask(0, 4) == Completion("ab", Position(0, 4), Position(0, 4))
    trace = window.trace
    assert (trace.path, trace.line, trace.column) == ("src/a.py", 0, 4)
    assert (trace.trigger, trace.model) == ("typing", "fake")
    assert (trace.prompt_tokens, trace.cached_tokens, trace.generated_tokens) == (90, 80, 4)
    assert trace.shown_characters == 2
    assert not trace.late
    assert trace.context_ms is not None
    assert trace.first_token_ms is not None
    assert trace.context_ms <= trace.first_token_ms <= trace.total_ms


@on_loop
async def test_what_the_filters_did_is_in_the_trace(window: Window) -> None:
    window.open("def f(a):\n    \n    return a\n", "python")
    window.client.steps = ["a = 1\n    ", "return a\n"]
    answer = await window.ask(1, 4)
    assert answer is not None
    assert answer.text == "a = 1"
    trace = window.trace
    assert trace.extent == "a statement: on a line of its own"
    assert trace.stopped == "the statement ended, 4 characters left out"
    assert trace.cuts == ()
    assert trace.mean_logprob is None
    window.client.steps = ["f(1))"]
    window.open("x = ()\n", "python")
    answer = await window.ask(0, 5)
    assert answer is None or answer.text
    (*_, trace) = window.traces._traces
    assert trace.extent == "one line: text stands behind the cursor"
    assert trace.stopped == "it came to what stands behind the cursor"
    assert trace.cuts == ("1 character that the rest of the line has, or over the limit of lines",)


@on_loop
async def test_what_was_only_said_again_is_told_from_nothing(window: Window) -> None:
    window.open("total = 1\n\n", "python")
    for said, verdict in (("total = 1\n", Verdict.REPEATS), ("\n", Verdict.NO_IDEA)):
        window.client.steps = [said]
        assert await window.ask(1, 0, trigger=completion.ASKED_FOR) is None
        assert window.verdicts[-1] is verdict


@pytest.mark.parametrize(
    ("capabilities", "logprobs"),
    [
        (None, None),
        (replace(TELLS_LOGPROBS, logprobs=False), None),
        (replace(TELLS_LOGPROBS, references=True), 0),
        (TELLS_LOGPROBS, 0),
    ],
)
@on_loop
async def test_how_sure_it_is_is_asked_of_an_engine_that_tells(
    window: Window, capabilities: Capabilities | None, logprobs: int | None
) -> None:
    window.client.capabilities = capabilities
    window.client.logprob = -0.5 if logprobs is not None else None
    window.client.steps = ["1", "2"]
    window.open("x = \n")
    assert await window.ask(0, 4) is not None
    assert window.client.requests[0][2].logprobs == logprobs
    assert window.trace.mean_logprob == window.client.logprob


@on_loop
async def test_who_asks_by_hand_is_shown_what_is_unsure(window: Window) -> None:
    window.calibration = Calibration(-2.0, 300, 1)
    window.client.capabilities = TELLS_LOGPROBS
    window.client.logprob = -2.5
    window.client.steps = ["1"]
    window.open("x = \n")
    assert await window.ask(0, 4, trigger=completion.ASKED_FOR) is not None
    assert await window.ask(0, 4) is None  # what is remembered is as unsure
    assert window.verdicts == [Verdict.SHOWN, Verdict.UNSURE]


@on_loop
async def test_a_text_ends_where_the_model_becomes_unsure(window: Window) -> None:
    window.client.capabilities = replace(TELLS_LOGPROBS, least_chance=0.25)
    window.client.logprob = -0.5
    window.client.steps = ["first", "(", "sec", "ond", ")"]
    window.open("x = \n")
    shown = await window.ask(0, 4)
    assert shown is not None
    assert shown.text == "first("
    assert "unsure" in window.trace.stopped
    assert window.trace.mean_logprob == -0.5
    assert window.client.closed == 1
    assert window.client.taken == 3
    by_hand = await window.ask(0, 4, trigger=completion.ASKED_FOR)
    assert by_hand is not None
    assert by_hand.text == "first(second)"


@on_loop
async def test_what_is_likelier_wrong_than_right_is_not_shown(window: Window) -> None:
    window.client.capabilities = replace(TELLS_LOGPROBS, least_chance=0.25)
    window.client.logprob = -1.5
    window.client.steps = ["first", "(second)"]
    window.open("x = \n")
    assert await window.ask(0, 4) is None
    assert window.verdicts == [Verdict.UNSURE]
    assert window.trace.detail


@on_loop
async def test_what_the_model_is_asked(window: Window) -> None:
    window.open("before\nx = y\nbehind\n")
    await window.ask(1, 4)
    ((layout, tail, sampling, priority),) = window.client.requests
    texts = ["".join(chunk.text for chunk in section.chunks) for section in layout.sections]
    assert (texts, tail) == (["behind\n", "before\n"], Tail("x = ", "y\n"))
    assert sampling == Sampling(max_tokens=256, temperature=0.0)
    assert priority is Priority.COMPLETION


@on_loop
async def test_the_text_streams_as_it_comes(window: Window) -> None:
    window.open("loop do\n  \nend\n")
    window.client.steps = ["a", "b\n", "  c"]
    seen: list[str] = []
    assert await window.ask(1, 2, on_text=seen.append) is not None
    assert seen == ["a", "ab\n", "ab\n  c"]


BLOCK = "{\n|\n}\n"


@pytest.mark.parametrize(
    ("text", "steps", "taken", "inserted"),
    [
        (BLOCK, ["a\n", "b\n", "c\n", "d"], 2, "a\nb"),
        (BLOCK, ["a\nb\nc\n", "d"], 1, "a\nb"),
        (BLOCK, ["a", "\n", "b", "\n", "c"], 4, "a\nb"),
        (BLOCK, ["a\nb", HANG], 2, None),
        (BLOCK, ["a\nb\n", HANG], 1, "a\nb"),
        (BLOCK, ["a\n}", HANG], 2, None),
        (BLOCK, ["a\n}\n", HANG], 1, "a"),
        ("x = |\n", ["a", "\n", "b"], 2, "a"),
        ("x = |  \n", ["a\n", "b\n", "c"], 1, "a"),
        ("f(|)\n", ["a", "\n", "b"], 2, "a"),
        ("f(|)\n", ["a\n", HANG], 1, "a"),
        ("f(|)\n", ["a)", HANG], 1, "a"),
    ],
)
@on_loop
async def test_no_more_is_generated_than_can_be_shown(
    window: Window, text: str, steps: list[Any], taken: int, inserted: str | None
) -> None:
    window.config = Config(completion_max_lines=2)
    window.open(text.replace("|", ""), "typescript")
    window.client.steps = steps
    before = text.partition("|")[0]
    line, column = before.count("\n"), len(before.rpartition("\n")[2])
    asking = asyncio.create_task(window.ask(line, column))
    if inserted is None:  # less than can be shown: it goes on
        await window.client.hanging.wait()
        asking.cancel()
        await asyncio.wait({asking})
    else:
        answer = await asking
        assert answer is not None
        assert answer.text == inserted
    assert window.client.taken == taken
    assert window.client.closed == 1


@on_loop
async def test_a_newer_request_ends_the_older_ones(window: Window) -> None:
    window.open("a + b + c + d\n")
    window.client.steps = [HANG]
    older = []
    for column in (0, 1, 3, 5, 7):
        older.append(asyncio.create_task(window.ask(0, column)))
        window.client.hanging.clear()
        await window.client.hanging.wait()
    window.client.steps = ["new + "]
    newest = await window.ask(0, 4)
    assert newest is not None
    assert newest.text == "new + "
    assert await asyncio.gather(*older) == [None] * 5
    assert window.verdicts == [Verdict.SUPERSEDED] * 5 + [Verdict.SHOWN]
    assert window.client.closed == 6


@on_loop
async def test_requests_that_come_at_once_leave_the_newest(window: Window) -> None:
    window.open("x = \n")
    window.client.steps = ["new"]
    answers = await asyncio.gather(*(window.ask(0, 4) for _ in range(5)))
    assert [it and it.text for it in answers] == [None] * 4 + ["new"]
    assert window.verdicts == [Verdict.SUPERSEDED] * 4 + [Verdict.SHOWN]
    assert window.client.closed == len(window.client.requests)


@on_loop
async def test_a_cancelled_request_is_closed_and_disturbs_no_other(window: Window) -> None:
    window.open("x = \n")
    await cancelled(window)
    assert window.client.closed == 1
    window.client.steps = ["a"]
    assert await window.ask(0, 4) is not None
    assert window.verdicts == [Verdict.CANCELLED, Verdict.SHOWN]


@on_loop
async def test_of_an_older_request_a_late_cancellation_does_not_end_the_newer(
    window: Window,
) -> None:
    window.open("x = \n")
    window.client.steps = [HANG]
    older = asyncio.create_task(window.ask(0, 4))
    await window.client.hanging.wait()
    window.client.hanging.clear()
    newer = asyncio.create_task(window.ask(0, 1))
    await window.client.hanging.wait()
    older.cancel()
    await asyncio.wait({older})
    assert not newer.done()
    newer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await newer


@on_loop
async def test_at_the_deadline_what_is_there_is_shown(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completion, "DEADLINE_S", 0.05)
    window.open("x = \n")
    window.client.steps = ["part", HANG]
    answer = await window.ask(0, 4)
    assert answer is not None
    assert answer.text == "part"
    assert (window.trace.verdict, window.trace.late) == (Verdict.SHOWN, True)
    assert window.client.closed == 0
    generation = window.feature._generation
    assert generation is not None
    window.feature.stop()
    await asyncio.wait({generation.task})
    assert window.client.closed == 1


@pytest.mark.parametrize("event", ["edited", "closed", "opened anew", "replaced"])
@on_loop
async def test_of_a_document_that_moved_on_nothing_is_shown(window: Window, event: str) -> None:
    document = window.open("x = \n")

    def move_on() -> None:
        if event == "edited":
            document.version += 1
        elif event == "replaced":
            document.replace("")
            document.version += 1
        else:
            window.documents.close(URI)
            if event == "opened anew":
                window.open("y\n")

    window.client.steps = ["a", move_on]
    assert await window.ask(0, 4) is None
    assert window.trace.verdict is Verdict.STALE


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (HostUnavailable("gone"), Verdict.NOT_READY),
        (NotReady("gone"), Verdict.NOT_READY),
        (EngineFailed("gone"), Verdict.FAILED),
        (PromptTooLong("gone"), Verdict.FAILED),
        (InferenceError("gone"), Verdict.FAILED),
    ],
)
@pytest.mark.parametrize("before", [[], ["some text"]])
@on_loop
async def test_what_a_host_refuses_is_told(
    window: Window, error: InferenceError, verdict: Verdict, before: list[str]
) -> None:
    window.open("x = \n")
    window.client.steps = [*before, error]
    assert await window.ask(0, 4) is None
    assert (window.trace.verdict, window.trace.detail) == (verdict, "gone")


@on_loop
async def test_a_prompt_that_is_too_long_is_tried_again_once_and_shorter(window: Window) -> None:
    window.documents.open("file:///b.py", "python", 1, "a line of words\n" * 500)
    window.open("x = \n")
    refusals = [PromptTooLong("too long")]

    def refuse() -> None:
        if refusals:
            raise refusals.pop()

    window.client.steps = [refuse, "a"]
    assert await window.ask(0, 4) is not None
    first, second = (
        sum(len(chunk.text) for chunk in layout.chunks()) for layout, *_ in window.client.requests
    )
    assert second < first
    assert window.trace.verdict is Verdict.SHOWN
    assert "the rest of file:///b.py" in window.trace.left_out


@on_loop
async def test_a_document_that_moved_on_is_not_tried_again(window: Window) -> None:
    document = window.open("x = \n")

    def refuse() -> None:
        document.version += 1
        raise PromptTooLong("too long")

    window.client.steps = [refuse]
    assert await window.ask(0, 4) is None
    assert window.trace.verdict is Verdict.STALE
    assert len(window.client.requests) == 1


@pytest.mark.parametrize("place", ["the model", "the context", "the editor"])
@on_loop
async def test_an_error_of_our_own_is_logged_and_no_more(
    window: Window, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    window.open("x = \n")
    window.client.steps = ["a"]

    def fail(*_: object) -> None:
        raise KeyError("a mistake")

    if place == "the model":
        window.client.steps = ["a", KeyError("a mistake")]
    elif place == "the context":
        monkeypatch.setattr(window.context, "at", fail)
    with caplog.at_level(logging.ERROR):
        on_text = fail if place == "the editor" else lambda _: None
        assert await window.ask(0, 4, on_text=on_text) is None
    assert window.trace.verdict is Verdict.FAILED
    assert "a mistake" in window.trace.detail
    assert "Traceback" in caplog.text
    assert window.client.closed == len(window.client.requests)


SELECTED = [
    # a line with the cursor, what the selected entry replaces and by what, and what the model sees
    ("xs.ap|", (3, 5), "append", ("xs.append", "\n")),
    ("xs.ap|ply", (3, 8), "append", ("xs.append", "\n")),
    ("xs.ap|(1)", (3, 5), "append", ("xs.append", "(1)\n")),
    ("xs.|", (3, 3), "append", ("xs.append", "\n")),
    ("|", (0, 0), "import", ("import", "\n")),
    ("🐦 = ap|", (4, 6), "append", ("🐦 = append", "\n")),
]


@pytest.mark.parametrize(("line", "replaced", "entry", "seen"), SELECTED)
@on_loop
async def test_the_selected_entry_is_continued(
    window: Window, line: str, replaced: tuple[int, int], entry: str, seen: tuple[str, str]
) -> None:
    window.open(line.replace("|", "") + "\nnext\n")
    window.client.steps = ["!"]
    start, end = (Position(0, column) for column in replaced)
    answer = await window.ask(0, line.index("|"), selected=Edit(start, end, entry))
    assert answer == Completion(entry + "!", start, end)
    assert window.client.requests[0][1] == Tail(*seen)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (Position(0, 3), Position(0, 99)),  # behind the end of the line
        (Position(0, 3), Position(1, 2)),  # into the next line
        (Position(1, 0), Position(1, 2)),  # on another line
        (Position(0, 5), Position(0, 3)),  # the wrong way round
        (Position(0, 0), Position(0, 3)),  # before the cursor
        (Position(7, 0), Position(7, 3)),  # on no line at all
    ],
)
@on_loop
async def test_a_selected_entry_that_is_not_at_the_cursor_is_left_alone(
    window: Window, start: Position, end: Position
) -> None:
    """An editor cannot show a completion there; the completion is that of the document."""
    window.open("xs.ap\nnext\n")
    window.client.steps = ["!"]
    answer = await window.ask(0, 5, selected=Edit(start, end, "append"))
    assert answer == Completion("!", Position(0, 5), Position(0, 5))
    assert window.client.requests[0][1] == Tail("xs.ap", "\n")


@on_loop
async def test_what_stands_behind_the_cursor_is_read_before_the_model_answers(
    window: Window,
) -> None:
    document = window.open("f()\n")
    window.client.steps = ["a)", lambda: document.replace("")]
    answer = await window.ask(0, 2)
    assert answer is not None
    assert answer.text == "a"


@on_loop
async def test_another_model_is_asked_from_the_next_request_on(window: Window) -> None:
    window.open("x = \n")
    await window.ask(0, 4)
    window.client = FakeClient(["a"], SimpleNamespace(model="other"))
    assert await window.ask(0, 4) is not None
    assert [it.model for it in window.traces._traces] == ["fake", "other"]
