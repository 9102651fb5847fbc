"""A program with two mistakes, answers that mend them or do not, and a bench to try them on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, cast

from inference.client import InferenceClient
from lsp_server.agent.choosing import Named, Ranked
from lsp_server.agent.data import Candidate, Evidence, Verdict
from lsp_server.agent.pipeline import Fix, Progress, Result, Workbench
from lsp_server.agent.sample_proposer import SampleProposer
from lsp_server.agent.task import Proposer, Request
from lsp_server.agent.trajectory import Trajectory
from lsp_server.bench.context_snapshot import MemorySnapshot
from tests.unit.lsp_server.agent.fake_chat import FakeChat, LocalJudge
from tests.unit.lsp_server.agent.local_runner import copier
from tests.unit.lsp_server.made_repository import repository

PATH = "shop/fees.py"
TEXT = """\
def fee(days):
    if days < 10:
        return days * 20
    return days * 10


def label(days):
    return str(fee(days))
"""
# Two of them fail, and each needs an edit of its own.
TESTS = {
    "t::ten": "fee(10) == 200",
    "t::nine": "fee(9) == 180",
    "t::twenty": "fee(20) == 200",
    "t::thirty": "fee(30) == 310",
    "t::label": "label(1) == '20'",
}
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


def whole() -> Candidate:
    return Candidate({PATH: WHOLE.removeprefix("```python\n").removesuffix("```\n")}, "once", 1.0)
