"""The whole way, with a model whose answers a test writes: what is wrong is never shown as verified."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from inference.client import InferenceClient
from inference.errors import HostUnavailable, PromptTooLong
from lsp_server.agent.asking import read_candidate, shown
from lsp_server.agent.choosing import Named, Ranked
from lsp_server.agent.data import Candidate, Evidence, Verdict
from lsp_server.agent.loop_guard import LoopGuard, Turn
from lsp_server.agent.loop_proposer import LoopProposer
from lsp_server.agent.pipeline import Fix, Progress, Result, Workbench
from lsp_server.agent.sample_proposer import SampleProposer
from lsp_server.agent.task import Proposer, Request, Task
from lsp_server.agent.trajectory import Trajectory
from lsp_server.bench.context_snapshot import MemorySnapshot
from tests.unit.lsp_server.agent.fake_chat import Call, FakeBaseline, FakeChat, LocalJudge
from tests.unit.lsp_server.agent.local_runner import copier
from tests.unit.lsp_server.made_repository import repository
from tests.unit.lsp_server.on_loop import on_loop

PATH = "shop/fees.py"
TEXT = """\
def fee(days):
    if days < 10:
        return days * 20
    return days * 10


def label(days):
    return str(fee(days))
"""
TESTS = {
    "t::ten": "fee(10) == 200",
    "t::nine": "fee(9) == 180",
    "t::twenty": "fee(20) == 200",
    "t::thirty": "fee(30) == 310",
    "t::label": "label(1) == '20'",
}
# Both tests that fail need the first edit and the second.
FILES = {PATH: TEXT, "tests/test_fees.py": "from shop.fees import fee\n\n\ndef test_ten(): ...\n"}


def block(search: str, replace: str, path: str = PATH) -> str:
    return f"{path}\n<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n"


HALF = block("    if days < 10:", "    if days <= 10:")
OTHER_HALF = block("    return days * 10", "    return days * 10 + (10 if days == 30 else 0)")
RIGHT = f"This mends it.\n\n{HALF}\n{OTHER_HALF}"
WHOLE = (
    "```python\n"
    + TEXT.replace("days < 10", "days <= 10").replace(
        "    return days * 10\n", "    return days * 10 + (10 if days == 30 else 0)\n"
    )
    + "```\n"
)
ANSWERS = {
    "right": [RIGHT, WHOLE, RIGHT.replace(PATH, f"**{PATH}**")],
    "partly": [HALF, OTHER_HALF],
    "wrong": [
        block("        return days * 20", "        return days * 21"),
        block("    if days < 10:", "    if days < 100:"),
        block("    return str(fee(days))", "    return ''"),
    ],
    "malformed": [
        "I think that the condition is wrong.",
        "<<<<<<< SEARCH\n    if days < 10:\n=======\n    if days <= 10:",
        block("    if day < 10:", "    if day <= 10:"),
        "",
    ],
    "test-deleting": [
        block("def test_ten(): ...", "", "tests/test_fees.py"),
        block("", "def test_ten(): pass", "conftest.py"),
    ],
}


def bench(
    judge: LocalJudge | None,
    proposers: Sequence[Proposer],
    files: dict[str, str] | None = None,
    choose: Callable[[str, str, Ranked], Awaitable[Named]] | None = None,
) -> Workbench:
    known = {**FILES, **files} if files else FILES

    def select(evidence: Sequence[Evidence]) -> Evidence | None:
        order = [Verdict.VERIFIED, Verdict.PARTLY, Verdict.UNVERIFIED]
        able = [it for it in evidence if it.verdict in order]
        return min(able, key=lambda it: order.index(it.verdict), default=None)

    async def run(*_: object) -> Any:
        raise AssertionError("nothing is to be run here")

    return Workbench(
        MemorySnapshot(repository(known), PATH, known[PATH].splitlines(keepends=True)),
        known.get,
        lambda _: copier(Path("/nowhere"))(),
        run,
        lambda _: judge,
        None,
        select,
        lambda *_: proposers,
        choose,
    )


def judge() -> LocalJudge:
    return LocalJudge(PATH, TEXT, TESTS)


async def fix(
    answers: Sequence[str],
    trajectory: Trajectory | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> tuple[Result, FakeChat, LocalJudge]:
    chat, local = FakeChat(list(answers)), judge()
    client = cast("InferenceClient", chat)
    work = bench(local, [SampleProposer(client)])
    request = Request("`fee` is wrong for 10 days", budget_s=30.0)
    result = await Fix(request, work, trajectory or Trajectory("k", None), on_progress).run()
    return result, chat, local


def mixes() -> list[list[str]]:
    """Answers of two rounds and of their mending, a right one somewhere among the first ones."""
    found = []
    for seed in range(60):
        draw = random.Random(seed)  # noqa: S311
        kinds = [draw.choice(["partly", "wrong", "malformed", "test-deleting"]) for _ in range(20)]
        kinds[draw.randrange(4)] = "right"
        found.append([draw.choice(ANSWERS[kind]) for kind in kinds])
    return found


@on_loop
async def test_the_right_patch_is_chosen_from_any_mix() -> None:
    chosen = 0
    for answers in mixes():
        result, _, local = await fix(answers)
        assert all("fees.py" in path for it in local.judged for path in it.files)
        for it in result.evidence:
            if it.verdict is Verdict.VERIFIED:
                assert local.passing(it.candidate.files[PATH]) == set(TESTS)
        chosen += result.best is not None and result.best.verdict is Verdict.VERIFIED
    assert chosen >= 0.95 * len(mixes())


@on_loop
async def test_without_a_right_patch_none_is_verified() -> None:
    answers = [ANSWERS[kind][0] for kind in ("partly", "wrong", "malformed", "test-deleting")] * 6
    result, _, _ = await fix(answers)
    assert result.best is not None
    assert result.best.verdict is Verdict.PARTLY
    result, _, local = await fix(ANSWERS["malformed"] * 8)
    assert (result.best, local.judged) == (None, [])
    assert "nothing that was tried" in result.reason


@on_loop
async def test_samples_share_one_request_and_a_mended_answer_counts() -> None:
    broken = block("    if day < 10:", "    if day <= 10:")
    result, chat, _ = await fix([broken, broken, broken, broken, RIGHT, *[broken] * 20])
    assert chat.samplings[0].samples == 4
    assert result.best is not None
    assert result.best.candidate.origin == "model sample 1, mended"
    told = "".join(it.text for it in chat.asked[1][-1].content)
    assert "The closest ones that do" in told
    assert "    if days < 10:" in told


@on_loop
async def test_an_engine_without_samples_is_asked_as_often() -> None:
    chat = FakeChat([RIGHT] * 4, samples=False)
    work = bench(judge(), [SampleProposer(cast("InferenceClient", chat))])
    result = await Fix(Request("fee"), work, Trajectory("k", None)).run()
    assert [it.samples for it in chat.samplings] == [1, 1, 1, 1]
    assert result.best is not None


@pytest.mark.parametrize(
    ("order", "ending"), [((PATH, "shop/__init__.py"), "\n"), (("shop/__init__.py", PATH), "\r\n")]
)
def test_a_file_written_anew_is_the_one_that_it_keeps_most_of(
    order: tuple[str, ...], ending: str
) -> None:
    texts = {PATH: TEXT.replace("\n", ending), "shop/__init__.py": ""}
    task = Task(Request(), {it: texts[it] for it in order}, ())
    read = read_candidate(WHOLE, task, shown(task), "a sample", 1.0)
    assert isinstance(read, Candidate)
    assert read.files == {PATH: next(iter(whole().files.values())).replace("\n", ending)}
    excerpt = "```python\ndef fee(days):\n    return days\n```\n"
    assert not isinstance(read_candidate(excerpt, task, shown(task), "", 1.0), Candidate)


@on_loop
async def test_cancelling_ends_the_request() -> None:
    chat = FakeChat([])
    work = bench(judge(), [SampleProposer(cast("InferenceClient", chat))])
    running = asyncio.create_task(Fix(Request("fee"), work, Trajectory("k", None)).run())
    await chat.hanging.wait()
    assert chat.open_requests == 1
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert chat.open_requests == 0


@on_loop
async def test_a_run_goes_on_from_its_trajectory(tmp_path: Path) -> None:
    file = tmp_path / "steps.jsonl"
    answers = [ANSWERS["partly"][0], *ANSWERS["wrong"]]
    first, _, local = await fix([*answers, RIGHT, *answers[1:]], Trajectory.open("k", file))
    assert first.best is not None
    assert len(local.judged) == 5
    with file.open("a") as lines:
        lines.write('{"key": "k", "stage": "evid')  # it was killed as it wrote
    again, chat, untouched = await fix([], Trajectory.open("k", file))
    assert again.best is not None
    assert again.best.candidate.files == first.best.candidate.files
    assert (chat.asked, untouched.judged) == ([], [])
    _, anew, _ = await fix([RIGHT] * 4, Trajectory.open("another", file))
    assert len(anew.asked) == 1


@on_loop
async def test_what_was_judged_before_a_kill_is_not_judged_again(tmp_path: Path) -> None:
    file = tmp_path / "steps.jsonl"
    answers = [ANSWERS["partly"][0], *ANSWERS["wrong"]]
    chat = FakeChat(list(answers))
    work = bench(judge(), [SampleProposer(cast("InferenceClient", chat))])
    trajectory = Trajectory.open("k", file)
    running = asyncio.create_task(Fix(Request("fee"), work, trajectory).run())
    await chat.hanging.wait()  # in the second round
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    result, _, local = await fix([*answers, RIGHT, *answers], Trajectory.open("k", file))
    assert len(local.judged) == 1
    assert result.best is not None
    assert result.best.verdict is Verdict.VERIFIED


@on_loop
async def test_without_tests_all_is_unverified() -> None:
    chat = FakeChat([RIGHT] * 8)
    work = bench(None, [SampleProposer(cast("InferenceClient", chat))])
    result = await Fix(Request("`fee` is wrong"), work, Trajectory("k", None)).run()
    assert result.best is not None
    assert result.best.verdict is Verdict.UNVERIFIED


@on_loop
async def test_progress_has_stages_and_the_budget() -> None:
    told: list[Progress] = []
    await fix([RIGHT] * 4, on_progress=told.append)
    stages = list(dict.fromkeys(it.stage for it in told))
    assert stages == ["baseline", "location", "repair", "validation"]
    assert {it.budget_s for it in told} == {30.0}


@on_loop
async def test_without_the_model_others_go_on() -> None:
    chat = FakeChat([HostUnavailable("the model's process ended")])
    work = bench(judge(), [SampleProposer(cast("InferenceClient", chat)), Once(whole())])
    result = await Fix(Request("fee"), work, Trajectory("k", None)).run()
    assert result.best is not None
    assert result.best.candidate.origin == "once"


@on_loop
async def test_a_model_that_takes_too_long_is_left() -> None:
    chat = FakeChat([])
    work = bench(judge(), [SampleProposer(cast("InferenceClient", chat))])
    result = await Fix(Request("fee", budget_s=0.2), work, Trajectory("k", None)).run()
    assert (result.best, chat.open_requests) == (None, 0)


def whole() -> Candidate:
    return Candidate({PATH: WHOLE.removeprefix("```python\n").removesuffix("```\n")}, "once", 1.0)


class Once:
    """Proposes given candidates."""

    name = "once"

    def __init__(self, *candidates: Candidate) -> None:
        self.candidates = candidates
        self.task: Task | None = None

    async def rounds(
        self, task: Task, tried: Sequence[Evidence], budget_s: float
    ) -> AsyncGenerator[Sequence[Candidate], None]:
        assert budget_s > 0
        del tried
        self.task = task
        yield self.candidates


@on_loop
async def test_a_proposer_is_told_what_is_known() -> None:
    once = Once()
    result = await Fix(
        Request("fee(10) fails"), bench(judge(), [once]), Trajectory("k", None)
    ).run()
    assert once.task is not None
    assert set(once.task.texts) == {PATH}
    assert once.task.failing == ("t::ten", "t::thirty")
    assert once.task.suspects[0].path == PATH
    assert result.best is None


@dataclass
class Silent(LocalJudge):
    """Of tests of which none was run."""

    async def baseline(self, tests: Sequence[str] = ()) -> FakeBaseline:
        del tests
        return FakeBaseline((), (), output="collecting\nNo module named pytest\n")


@pytest.mark.parametrize(
    ("issue", "local", "reason"),
    [
        ("", Silent(PATH, TEXT, {}), "no test was run: No module named pytest"),
        ("", LocalJudge(PATH, TEXT, {"t::one": "True"}), "no test fails, and nothing was said"),
        ("Colours", LocalJudge(PATH, TEXT, {"t::one": "True"}), "nothing in the issue leads to"),
    ],
)
@on_loop
async def test_why_there_is_nowhere_to_look_is_said(
    issue: str, local: LocalJudge, reason: str
) -> None:
    result = await Fix(Request(issue), bench(local, []), Trajectory("k", None)).run()
    assert result.best is None
    assert result.reason.startswith(reason)


# The loop with tools.


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
