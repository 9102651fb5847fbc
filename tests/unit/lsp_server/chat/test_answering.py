"""Answers by a model whose streams a test writes: bounded, whatever it wants."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any, cast

import pytest

from inference.client import InferenceClient
from inference.content import Message
from inference.errors import HostUnavailable
from inference.protocol import (
    Answer,
    CallText,
    ChatRole,
    Delta,
    Done,
    FinishReason,
    MalformedCall,
    Timings,
    ToolCall,
    Usage,
)
from lsp_server.chat.answering import (
    MAX_CALLS,
    MAX_REQUESTS,
    OUT_OF_CALLS,
    Answering,
    Limits,
)
from lsp_server.chat.live_answer import Event, LiveAnswer
from lsp_server.chat.tools import Result, Tools, summarize
from tests.unit.lsp_server.on_loop import on_loop

DONE = Done(1, FinishReason.STOP, Usage(10, 6, 2), Timings(0, 0, 0))
QUESTION = [Message.of(ChatRole.USER, "Why?")]


def said(text: str, *, thinking: bool = False) -> Delta:
    return Delta(1, text, 1, thinking=thinking)


def call(number: int, path: str = "") -> ToolCall:
    return ToolCall(1, 0, CallText(f"c{number}", "read", f'{{"path": "{path or number}"}}'))


class FakeClient:
    """Plays one list of messages for each request; the last one again and again."""

    def __init__(self, *streams: Sequence[Any]) -> None:
        self.streams = list(streams)
        self.asked: list[list[Message]] = []
        self.tools: list[str] = []
        self.closed = 0
        self.hangs = asyncio.Event()

    async def chat(
        self, messages: Sequence[Message], *_: Any, tools: str, thinking: bool | None
    ) -> AsyncGenerator[Answer, None]:
        assert thinking is None
        self.asked.append(list(messages))
        self.tools.append(tools)
        stream = self.streams.pop(0) if len(self.streams) > 1 else self.streams[0]
        try:
            for it in stream:
                if isinstance(it, Exception):
                    raise it
                if it is None:
                    self.hangs.set()
                    await asyncio.Event().wait()
                yield it
        finally:
            self.closed += 1


class FakeTools:
    def __init__(self, text: str = "x = 1") -> None:
        self.text = text
        self.ran: list[CallText] = []

    async def run(self, asked: CallText) -> Result:
        self.ran.append(asked)
        return Result(self.text, "a line")


class Talk:
    def __init__(self, *streams: Sequence[Any], tools: FakeTools | None = None) -> None:
        self.client = FakeClient(*streams)
        self.tools = tools or FakeTools()
        self.events: list[Event] = []
        self.live = LiveAnswer("c", "a", self.events.append)
        self.answering = Answering(
            cast("InferenceClient", self.client), self.live, cast("Tools", self.tools)
        )

    async def run(self, limits: Limits | None = None) -> None:
        await self.answering.run(QUESTION, limits or Limits(100), thinking=None)

    def appended(self) -> list[tuple[str, str]]:
        return [
            (str(it.role), "".join(chunk.text for chunk in it.content))
            for it in self.answering.appended
        ]


@on_loop
async def test_calls_are_run_and_what_was_shown_stays_as_it_was() -> None:
    talk = Talk(
        [said("Hm.", thinking=True), said("I look."), call(1), call(2), DONE], [said("So."), DONE]
    )
    await talk.run()
    first, second = talk.client.asked
    assert second[: len(first)] == first
    assert talk.appended() == [
        *(("assistant", "I look."), ("tool", "x = 1"), ("tool", "x = 1"), ("assistant", "So.")),
    ]
    assert [it.call_id for it in talk.answering.appended] == ["", "c1", "c2", ""]
    assert len(set(talk.client.tools)) == 1  # or the prompt would begin otherwise
    entry = talk.live.close("done")
    assert (entry.text, entry.thinking) == ("I look.\n\nSo.", "Hm.")
    assert entry.usage is not None
    assert (entry.usage.prompt_tokens, entry.usage.cached_tokens) == (20, 12)
    assert talk.answering.tokens == 12  # of the last request: what the next prompt begins with


@on_loop
async def test_a_model_that_only_calls_is_ended() -> None:
    talk = Talk([call(1, "same"), DONE])
    await talk.run()
    assert len(talk.client.asked) == MAX_REQUESTS
    assert len(talk.tools.ran) == 1  # the same call is not run again
    assert "went on calling tools" in talk.answering.hint
    assert ("tool", OUT_OF_CALLS) in talk.appended()
    assert talk.appended()[-1][0] == "assistant"


@on_loop
async def test_calls_and_their_text_are_bounded() -> None:
    many = [*(call(number) for number in range(MAX_CALLS + 5)), DONE]
    talk = Talk(many, [said("So."), DONE])
    await talk.run()
    assert len(talk.tools.ran) == MAX_CALLS
    large = Talk([call(1), call(2), call(3), DONE], [said("So."), DONE], tools=FakeTools("x" * 600))
    await large.run(Limits(100, tool_characters=1_000))
    assert len(large.tools.ran) == 2


@on_loop
async def test_what_cannot_be_read_is_answered_with_what_is_wrong() -> None:
    malformed = MalformedCall(1, 0, "The tool call was not run: it is not closed.", '{"name')
    talk = Talk([malformed, DONE], [said("So."), DONE])
    await talk.run()
    assert talk.tools.ran == []
    assert talk.appended() == [
        ("assistant", '{"name'),
        ("user", "The tool call was not run: it is not closed. Call it again, mended."),
        ("assistant", "So."),
    ]
    (step,) = talk.live.close("done").steps
    assert (step.state, step.detail) == ("failed", malformed.reason)


@on_loop
async def test_what_was_said_before_an_error_stays() -> None:
    talk = Talk([said("Half"), HostUnavailable("it went away")])
    with pytest.raises(HostUnavailable):
        await talk.run()
    assert talk.appended() == [("assistant", "Half")]
    later = Talk([said("I look."), call(1), DONE], [HostUnavailable("it went away")])
    with pytest.raises(HostUnavailable):
        await later.run()
    assert [role for role, _ in later.appended()] == ["assistant", "tool", "assistant"]


@on_loop
async def test_stopping_closes_the_stream() -> None:
    talk = Talk([said("Well"), None])
    task = asyncio.create_task(talk.run())
    await talk.client.hangs.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert talk.client.closed == 1
    assert talk.live.close("stopped").text == "Well"


@on_loop
async def test_events_are_numbered_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks) / 1000)  # a text each millisecond
    talk = Talk([*(said(f"{number} ") for number in range(1_000)), DONE])
    await talk.run()
    seen = talk.live.entry()
    assert seen.seq == len(talk.events)
    talk.live.close("done")
    talk.live.tell_end()
    assert [it.seq for it in talk.events] == list(range(len(talk.events)))
    told = "".join(it.body["text"] for it in talk.events if it.kind == "text")
    assert told == "".join(f"{number} " for number in range(1_000))
    assert len([it for it in talk.events if it.kind == "text"]) < 100
    assert talk.events[-1].kind == "done"


def test_a_call_is_told_in_few_words() -> None:
    assert summarize(CallText("c", "read", '{"path": "a.py", "start_line": 3}')) == "a.py, 3"
    assert summarize(CallText("c", "read", "[not JSON\n")) == "[not JSON"
    assert summarize(CallText("c", "read", '"text"')) == '"text"'
    assert len(summarize(CallText("c", "read", f'{{"path": "{"a" * 500}"}}'))) == 120
