"""The whole way, with a model whose answers a test writes: what is wrong is never shown as verified."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from inference.client import InferenceClient
from inference.errors import HostUnavailable
from lsp_server.agent.asking import read_candidate, shown
from lsp_server.agent.data import Candidate, Evidence, Verdict
from lsp_server.agent.pipeline import Fix, Progress
from lsp_server.agent.sample_proposer import SampleProposer
from lsp_server.agent.task import Request, Task
from lsp_server.agent.trajectory import Trajectory
from tests.unit.lsp_server.agent.fake_chat import FakeBaseline, FakeChat, LocalJudge
from tests.unit.lsp_server.agent.fee_program import (
    ANSWERS,
    PATH,
    RIGHT,
    TESTS,
    TEXT,
    WHOLE,
    bench,
    block,
    fix,
    judge,
    whole,
)
from tests.unit.lsp_server.on_loop import on_loop


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
