"""Inline completion: what the model is asked, what is made of its answer, and what is traced."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from inference.protocol import Priority, Tail
from inference.sampling import Sampling
from lsp_server.config import Config
from lsp_server.features.completion import Completion
from lsp_server.workspace.documents import Edit, Position
from tests.unit.lsp_server.completion_window import HANG, FakeClient, Window, patient_window
from tests.unit.lsp_server.on_loop import on_loop


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Window:
    return patient_window(monkeypatch)


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
    window.client.steps = ["abs(1))"]
    window.open("x = ()\n", "python")
    answer = await window.ask(0, 5)
    assert answer is not None
    assert answer.text == "abs(1)"
    (*_, trace) = window.traces._traces
    assert trace.extent == "one line: text stands behind the cursor"
    assert trace.stopped == "it came to what stands behind the cursor"
    assert trace.cuts == ("1 character that the rest of the line has, or over the limit of lines",)


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
