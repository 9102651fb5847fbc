"""A model that looks and edits with tools: what it is told, and when it is stopped."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from inference.client import InferenceClient
from inference.errors import PromptTooLong
from lsp_server.agent.data import Verdict
from lsp_server.agent.loop_guard import LoopGuard, Turn
from lsp_server.agent.loop_proposer import LoopProposer
from lsp_server.agent.pipeline import Fix, Result
from lsp_server.agent.task import Request
from lsp_server.agent.trajectory import Trajectory
from tests.unit.lsp_server.agent.fake_chat import Call, FakeChat, LocalJudge
from tests.unit.lsp_server.agent.fee_program import (
    ANSWERS,
    HALF,
    OTHER_HALF,
    PATH,
    TESTS,
    TEXT,
    bench,
    judge,
)
from tests.unit.lsp_server.on_loop import on_loop


def loop(chat: FakeChat, local: LocalJudge) -> LoopProposer:
    async def run_tests(changed: Any) -> tuple[str, bool]:
        passing = local.passing(changed.get(PATH, TEXT))
        return f"{len(passing)} pass", passing == set(TESTS)

    work = bench(local, [])
    client = cast("InferenceClient", chat)
    return LoopProposer(client, work.index, work.text, run_tests)


async def loop_on(*answers: object) -> tuple[Result, FakeChat]:
    chat, local = FakeChat(list(answers)), judge()
    work = bench(local, [loop(chat, local)])
    request = Request("`fee` is wrong", budget_s=30)
    return await Fix(request, work, Trajectory("k", None)).run(), chat


def edit(blocks: str) -> Call:
    return Call("edit", json.dumps({"blocks": blocks}))


@on_loop
async def test_a_model_with_tools_looks_edits_and_sees_what_the_tests_say() -> None:
    result, chat = await loop_on(
        Call("search", '{"query": "fee"}'),
        Call("read", '{"path": "shop/fees.py", "from_line": 1, "to_line": 3}'),
        edit(HALF),
        edit(OTHER_HALF),
    )
    assert result.best is not None
    assert result.best.verdict is Verdict.VERIFIED
    answers = ["".join(it.text for it in asked[-1].content) for asked in chat.asked[1:]]
    assert "shop/fees.py:1: def fee(days)" in answers[0]
    assert "    2     if days < 10:" in answers[1]
    assert "more lines" in answers[1]
    assert answers[2].startswith("4 pass")


@on_loop
async def test_what_was_changed_counts_where_the_conversation_becomes_too_long() -> None:
    result, _ = await loop_on(edit(HALF), PromptTooLong("the prompt has 40,000 tokens", hint=""))
    assert result.best is not None
    assert result.best.candidate.origin == "model with tools"
    assert result.best.verdict is Verdict.PARTLY


@on_loop
async def test_what_a_tool_refuses_it_says() -> None:
    result, chat = await loop_on(
        edit(ANSWERS["test-deleting"][0]),
        edit(ANSWERS["malformed"][2]),
        Call("read", '{"path": "fees.py"}'),
        Call("shell", "{}"),
        Call("read", "no json"),
        "I cannot.",
        "I cannot.",
    )
    assert result.best is None
    answers = ["".join(it.text for it in asked[-1].content) for asked in chat.asked[1:6]]
    assert "may not be edited" in answers[0]
    assert "closest ones" in answers[1]
    assert "Did you mean shop/fees.py" in answers[2]
    assert "there is no tool shell" in answers[3]
    assert "no JSON" in answers[4]


@on_loop
async def test_a_model_that_goes_in_circles_is_told_and_stopped() -> None:
    call = Call("read", '{"path": "shop/fees.py"}')
    result, chat = await loop_on(*[call] * 10)
    assert result.best is None
    assert len(chat.asked) == 5
    told = "".join(it.text for it in chat.asked[3][-1].content)
    assert "this very call" in told


@pytest.mark.parametrize(
    ("calls", "stopped_at"),
    [("aaaaa", 5), ("ababab", 6), ("abcabdabe", None), ("aabaabaabaab", 10), ("abcde", None)],
)
def test_loops_are_noticed(calls: str, stopped_at: int | None) -> None:
    guard = LoopGuard()
    turns = [guard.take(it) for it in calls]
    assert (turns.index(Turn.STOP) + 1 if Turn.STOP in turns else None) == stopped_at
