"""A fix with a model that chats, by a real host and in the sandbox: what is wrong is never shown as verified."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from lsp_server.agent.data import Verdict
from lsp_server.agent.pipeline import Progress
from lsp_server.workspace.store_file import CACHE_DIR_VARIABLE

from .fix_runs import CART, Place, fix
from .hosts import Script

RIGHT_TEXT = CART.replace("prices[1:]", "prices")
LOOP = "    for price in prices[1:]:"


def block(search: str, replace: str, path: str = "cart.py") -> str:
    return f"{path}\n<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n"


RIGHT = [
    f"The first one is left out.\n\n{block(LOOP, LOOP.replace('[1:]', ''))}",
    f"```python\n{RIGHT_TEXT}```\n",
]
OTHERS = {
    "partly right": block("    result = 0", "    result = prices[0] if len(prices) == 1 else 0"),
    "wrong": block(LOOP, LOOP.replace("[1:]", "[:1]")),
    "breaks another": block("    result = 0", "    result = prices[0]"),
    "malformed": block("    for price in price[1:]:", "    for price in price:"),
    "prose": "I think that the slice is wrong.",
    "test-deleting": block("    def test_total(self):", "    def no_test(self):", "{tests}.py"),
    "exits": block("    result = 0", "    import os\n    os._exit(0)"),
}
MAY_BE_ASKED = {"message_ends_with": ""}


def where_to_look(files: list[str]) -> str:
    return json.dumps({"files": files, "places": []})


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = Place.make(tmp_path / "workspace", tmp_path / "fix")
    monkeypatch.setenv(CACHE_DIR_VARIABLE, str(place.cache))
    return place


@pytest.mark.parametrize("seed", range(4))
async def test_the_right_patch_is_chosen_from_any_mix(
    where: Place, script: Script, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311
    kinds = draw.sample(sorted(OTHERS), 3)
    mix = [OTHERS[it].replace("{tests}", where.tests) for it in kinds]
    mix.insert(draw.randrange(4), draw.choice(RIGHT))
    model = script(
        {"when": {"message_ends_with": "Mend it."}, "reply": [], "drawn": mix},
        {"when": MAY_BE_ASKED, "reply": [where_to_look(["shelf.py"])]},
        constraints=True,
    )
    result = await fix(where, model)
    assert result.best is not None
    assert result.best.verdict is Verdict.VERIFIED
    assert result.best.candidate.origin.startswith("model sample")
    verified = [it for it in result.evidence if it.verdict is Verdict.VERIFIED]
    assert [it.candidate.files for it in verified] == [{"cart.py": RIGHT_TEXT}]
    # What the model would look at first is, and takes nothing from the others.
    assert [it.path for it in result.files] == ["shelf.py", "cart.py"]
    assert where.places == []


@pytest.mark.parametrize(
    "answer", ["shelf.py, I think", where_to_look(["/etc/passwd"]), '{"files": "shelf.py"}']
)
async def test_an_answer_that_names_no_suspect_leaves_the_order(
    where: Place, script: Script, answer: str
) -> None:
    model = script(
        {"when": {"message_ends_with": "Mend it."}, "reply": [], "drawn": RIGHT},
        {"when": MAY_BE_ASKED, "reply": [answer]},
        constraints=True,
    )
    told: list[Progress] = []
    result = await fix(where, model, on_progress=told.append)
    assert [it.path for it in result.files] == ["cart.py", "shelf.py"]
    assert [it.message for it in told if it.stage == "choice"] == [
        "asking the model where to look first"
    ]
    assert result.best is not None
    assert result.best.candidate.files == {"cart.py": RIGHT_TEXT}


async def test_a_model_that_cannot_be_bound_is_not_asked_where_to_look(
    where: Place, script: Script
) -> None:
    model = script({"when": {"message_ends_with": "Mend it."}, "reply": [], "drawn": RIGHT})
    result = await fix(where, model)
    assert [it.path for it in result.files] == ["cart.py", "shelf.py"]
    assert result.best is not None
    assert result.best.candidate.origin.startswith("model sample")
