"""Where a model would look first: what it names is put forward, and anything else changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lsp_server.agent.choosing import NOTHING_NAMED, Named, Ranked, put_forward, read
from lsp_server.agent.data import Suspect
from lsp_server.agent.localize import SuspectFile
from lsp_server.agent.pipeline import Fix
from lsp_server.agent.task import Request
from lsp_server.agent.trajectory import Trajectory
from tests.unit.lsp_server.agent.fee_program import bench, judge
from tests.unit.lsp_server.on_loop import on_loop

FILES = ("a.py", "b.py", "c.py")
RANKED = Ranked(
    tuple(SuspectFile(it, 1.0 - at / 10, ("text",)) for at, it in enumerate(FILES)),
    (
        Suspect("a.py", 1, 1, 0.9, ("run by failing tests",)),
        Suspect("c.py", 4, 8, 0.3, ("the issue speaks of lend",)),
    ),
)


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ('{"files": ["c.py", "a.py"], "places": [2]}', Named(("c.py", "a.py"), (1,))),
        ('{"files": ["c.py", "c.py"], "places": []}', Named(("c.py",))),
        ('{"files": ["other.py", 3], "places": [0, 3, true, "1"]}', NOTHING_NAMED),
        ('{"files": ["c.py"]}', NOTHING_NAMED),
        ('{"files": ["c.py"', NOTHING_NAMED),
        ("c.py", NOTHING_NAMED),
        ("[" * 100_000, NOTHING_NAMED),
        ("", NOTHING_NAMED),
    ],
)
def test_only_what_is_listed_is_named(answer: str, named: Named) -> None:
    assert read(answer, RANKED) == named


def test_what_is_named_comes_first_and_nothing_is_lost() -> None:
    chosen = put_forward(RANKED, Named(("b.py",), (1,)))
    assert [it.path for it in chosen.files] == ["b.py", "c.py", "a.py"]
    assert [(it.path, it.score) for it in chosen.places] == [("c.py", 0.9), ("a.py", 0.9)]
    assert chosen.places[0].why[-1] == "named by the model"
    assert put_forward(RANKED, NOTHING_NAMED) == RANKED
    # Of another list, as a file that was written by hand could have it.
    assert put_forward(RANKED, Named(("gone.py",), (9,))) == RANKED


TWO = {
    "shop/fees.py": "def fee(days):\n    return days\n",
    "shop/days.py": "def fee_days(days):\n    return days\n",
}


@on_loop
async def test_a_choice_is_taken_from_the_trajectory(tmp_path: Path) -> None:
    asked: list[Ranked] = []

    async def choose(issue: str, output: str, ranked: Ranked) -> Named:
        assert (issue, output) == ("`fee` and `fee_days` are wrong", "AssertionError")
        asked.append(ranked)
        return Named((ranked.files[-1].path,))

    leading = []
    for _ in range(2):
        work = bench(judge(), [], TWO, choose)
        trajectory = Trajectory.open("k", tmp_path / "steps")
        result = await Fix(Request("`fee` and `fee_days` are wrong"), work, trajectory).run()
        leading.append(result.files[0].path)
    (ranked,) = asked
    assert leading == [ranked.files[-1].path] * 2
    steps = [json.loads(it) for it in (tmp_path / "steps").read_text().splitlines()]
    assert [it["data"]["files"] for it in steps if it["stage"] == "choice"] == [leading[:1]]
