"""Whatever is typed, taken back, accepted and moved: what is shown fits the text that it is shown in.

The engine is scripted, its answers take their time, and so does the typist; the time is virtual.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from inference.client import InferenceClient
from inference.content import Layout
from inference.protocol import Delta, Done, FinishReason, Tail, Timings, Usage
from lsp_server.completions.place import Place
from lsp_server.completions.unknown_names import find_unknown
from lsp_server.config import Config
from lsp_server.context.stream import ContextStream
from lsp_server.edits.completed_line import breaks_syntax
from lsp_server.features.completion import (
    ASKED_FOR,
    TYPING,
    Completion,
    CompletionFeature,
    Request,
)
from lsp_server.trace import Source, Traces, Verdict
from lsp_server.workspace.documents import Documents, Edit, Position, split_lines
from tests.unit.lsp_server.virtual_time import run_in_no_time

URI = "file:///a.py"
TEXT = "a = b = 1\n\n\ndef area(a, b):\n    \n    return a\n\n\nprint(area(a, b))\n"
START = Position(4, 4)
ANSWERS = [
    "return a * b\n",
    "if a:\n        return b\n    return a\n\n\ndef other():\n    pass\n",
    "a * b)\n",
    "print(a)\n    print(a)\n    print(a)\n",
    " + b\nprint(area(a, b))\n",
    "",
    "b)) + [a",
    "unheard_of(a)\n",
    "a, b, a, b, a, b, a, b, a, b, a, b",
]


class Engine:
    """Says an answer that depends on what it is shown, a piece at a time."""

    capabilities = None

    def __init__(self, first_s: float, piece_s: float) -> None:
        self.endpoint = SimpleNamespace(model="scripted")
        self.said: list[tuple[str, str, str]] = []  # before the cursor, behind it, and the answer
        self.running = 0
        self.most_running = 0
        self._delays = first_s, piece_s

    async def generate(
        self, layout: Layout, tail: Tail, *_: object
    ) -> AsyncGenerator[Delta | Done, None]:
        before = "".join(it.text for it in layout.sections[-1].chunks) + tail.prefix
        behind = tail.suffix + "".join(it.text for it in layout.sections[-2].chunks)
        answer = ANSWERS[sum(map(ord, before)) % len(ANSWERS)]
        self.said.append((before, behind, answer))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        first_s, piece_s = self._delays
        try:
            await asyncio.sleep(first_s)
            for start in range(0, len(answer), 3):
                yield Delta(1, answer[start : start + 3], 1)
                await asyncio.sleep(piece_s)
            yield Done(1, FinishReason.STOP, Usage(9, 8, 2), Timings(0, 0, 0))
        finally:
            self.running -= 1


class Editor:
    """A document, a cursor, what is shown at it, and the texts that can be gone back to."""

    def __init__(self, engine: Engine, *, cancels: bool) -> None:
        self.engine = engine
        self.documents = Documents()
        self.document = self.documents.open(URI, "python", 1, TEXT)
        self.traces = Traces()
        self.feature = CompletionFeature(
            documents=self.documents,
            context=ContextStream(self.documents, lambda it: it.uri, lambda _: False),
            traces=self.traces,
            config=Config,
            client=lambda: cast("InferenceClient", engine),
            exclusion=lambda _: "",
            path_of=lambda _: "a.py",
            is_warm=lambda *_: False,
            clock=asyncio.get_running_loop().time,
        )
        self.feature.opened(self.document)
        self.cursor = START
        self.shown: Completion | None = None
        self.past: list[str] = []
        self.asked: list[asyncio.Task[None]] = []
        self._cancels = cancels

    def press(self, key: str | int | tuple[int, int]) -> None:
        """A text to type, how much to erase, where to go, or what to do."""
        shown = self.shown
        trigger = TYPING
        if isinstance(key, tuple):
            line = min(key[0], len(self.document.lines) - 1)
            length = len(self.document.lines[line].rstrip("\r\n"))
            self.cursor = Position(line, min(key[1], length))
        elif isinstance(key, int):
            before = self._before()
            self._change(Edit(_end_of(before[: len(before) - key]), self.cursor, ""))
        elif key == "undo":
            if self.past:
                self._go_back(self.past.pop())
        elif key == "by hand":
            trigger = ASKED_FOR
        elif key in ("accept", "along"):
            if shown is not None and shown.start == self.cursor:
                self._type(shown.text if key == "accept" else shown.text[:2])
        else:
            self._type(key)
        self._ask(trigger)

    async def close(self) -> None:
        await asyncio.gather(*self.asked, return_exceptions=True)
        for asked in self.asked:
            if not asked.cancelled() and (error := asked.exception()):
                raise error
        await asyncio.sleep(60)  # what still goes on comes to its end
        assert self.engine.running == 0
        assert all(trace.ended for trace in self.traces._traces)
        assert Verdict.FAILED not in {trace.verdict for trace in self.traces._traces}

    def _ask(self, trigger: str) -> None:
        if self._cancels and self.asked:
            self.asked[-1].cancel()
        self.shown = None
        self.asked.append(asyncio.create_task(self._show(trigger)))

    async def _show(self, trigger: str) -> None:
        document, version, cursor = self.document, self.document.version, self.cursor
        place = Place.of(document, cursor, None)
        before, behind = self._before(), document.text[len(self._before()) :]
        completion = await self.feature.complete(Request(URI, cursor, trigger))
        if completion is None:
            return
        assert document.version == version
        assert (completion.start, completion.end) == (cursor, cursor)
        text = completion.text
        assert text.strip()
        assert not breaks_syntax(place.around.before, text, place.around.behind)
        assert "\n" not in text or not place.around.rest.strip()
        lines = document.lines
        assert find_unknown(place.around, text, lines, cursor.line, lambda _: False) is None
        # It is the beginning of what the model said for this text, or the rest of that.
        assert any(
            behind == its_behind and (its_before + said).startswith(before + text)
            for its_before, its_behind, said in self.engine.said
        ), (before, text)
        if self.cursor == cursor:
            self.shown = completion

    def _type(self, text: str) -> None:
        self._change(Edit(self.cursor, self.cursor, text))

    def _change(self, edit: Edit) -> None:
        self.past.append(self.document.text)
        self._apply(edit)
        self.cursor = edit.caret

    def _apply(self, edit: Edit) -> None:
        self.document.apply(edit)
        self.document.version += 1
        self.feature.changed(self.document, [edit])

    def _go_back(self, text: str) -> None:
        """By one edit, from where the texts differ first to where they do last."""
        now = self.document.text
        start = next((i for i, (a, b) in enumerate(zip(now, text, strict=False)) if a != b), None)
        start = min(len(now), len(text)) if start is None else start
        common = 0
        while common < min(len(now), len(text)) - start and now[-1 - common] == text[-1 - common]:
            common += 1
        edit = Edit(
            _end_of(now[:start]),
            _end_of(now[: len(now) - common]),
            text[start : len(text) - common],
        )
        self._apply(edit)
        assert self.document.text == text
        self.cursor = edit.caret

    def _before(self) -> str:
        lines = self.document.lines
        return "".join(lines[: self.cursor.line]) + lines[self.cursor.line][: self.cursor.column]


def _end_of(text: str) -> Position:
    lines = split_lines(text)
    return Position(len(lines) - 1, len(lines[-1]))


KEYS = st.one_of(
    st.sampled_from(["a", "b", " ", "(", ")", "\n    ", "return ", "if a:", "()", "r"]),
    st.sampled_from(["along", "along", "accept", "undo", "by hand"]),
    st.integers(1, 6),
    st.tuples(st.integers(0, 9), st.integers(0, 12)),
)
GAPS_MS = st.sampled_from([0, 5, 40, 80, 80, 80, 200, 700, 2000])


@given(
    keys=st.lists(st.tuples(KEYS, GAPS_MS), min_size=1, max_size=8),
    first_ms=st.sampled_from([0, 7, 50, 200, 900]),
    piece_ms=st.sampled_from([0, 1, 20]),
    cancels=st.booleans(),
)
@settings(max_examples=1000, deadline=None)
def test_what_is_shown_fits_the_document_at_its_version(
    keys: list[tuple[str | int | tuple[int, int], int]],
    first_ms: int,
    piece_ms: int,
    *,
    cancels: bool,
) -> None:
    async def type_all() -> None:
        editor = Editor(Engine(first_ms / 1000, piece_ms / 1000), cancels=cancels)
        for key, gap_ms in keys:
            editor.press(key)
            await asyncio.sleep(gap_ms / 1000)
        await editor.close()
        assert editor.engine.most_running <= 1

    run_in_no_time(type_all())


def typed(text: str, gap_ms: float, first_ms: float) -> Editor:
    """The editor behind somebody who typed each character after such a gap."""
    editors: list[Editor] = []

    async def type_all() -> None:
        editor = Editor(Engine(first_ms / 1000, 0), cancels=True)
        editors.append(editor)
        for character in text:
            editor.press(character)
            await asyncio.sleep(gap_ms / 1000)
        await editor.close()

    run_in_no_time(type_all())
    return editors[0]


LINE = "value = area(a, b) + area(b, a)"


def test_a_model_that_is_faster_than_the_typist_is_asked_at_once() -> None:
    editor = typed(LINE, gap_ms=80, first_ms=7)
    assert {trace.waited_ms for trace in editor.traces._traces} == {None}


def test_a_model_that_is_slower_is_asked_when_the_next_key_is_overdue() -> None:
    fast, slow = typed(LINE, gap_ms=80, first_ms=7), typed(LINE, gap_ms=80, first_ms=200)
    waited = [it for it in slow.traces._traces if it.waited_ms is not None or it.wait]
    assert len(waited) > len(LINE) * 0.6  # now and then one goes at once, to see
    assert re.fullmatch(r"keys come every 80 ms, answers take (at least )?\d+ ms", waited[-1].wait)
    assert len(slow.engine.said) < len(fast.engine.said) / 3
    assert slow.traces._traces[-1].source is Source.MODEL
    assert slow.traces._traces[-1].verdict is not Verdict.SUPERSEDED


def test_what_is_taken_back_is_not_completed() -> None:
    verdicts: list[Verdict | None] = []

    async def take_back() -> None:
        editor = Editor(Engine(0.007, 0), cancels=False)
        for key in ("return a", "undo", "r"):
            editor.press(key)
            await asyncio.sleep(0.5)
        verdicts.extend(trace.verdict for trace in editor.traces._traces)
        await editor.close()

    run_in_no_time(take_back())
    assert verdicts[1] is Verdict.UNDONE
    assert verdicts[2] is not Verdict.UNDONE


def test_a_generation_ends_when_the_typing_parts_from_it() -> None:
    running: list[int] = []

    async def part() -> None:
        editor = Editor(Engine(0.2, 0.01), cancels=False)
        editor.press("r")
        await asyncio.sleep(0.1)
        running.append(editor.engine.running)
        document = editor.document
        edit = Edit(Position(0, 0), Position(0, 0), "# other\n")
        document.apply(edit)
        document.version += 1
        editor.feature.changed(document, [edit])
        await asyncio.sleep(0.001)  # no request has come
        running.append(editor.engine.running)
        await editor.close()

    run_in_no_time(part())
    assert running == [1, 0]
