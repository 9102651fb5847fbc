"""What a model may be asked to do to code: each action, where it is offered, and tests that run."""

from __future__ import annotations

import pytest

from lsp_server.features.model_edits import ModelEdit
from lsp_server.model_edits.actions import ACTIONS, ActionName, find_actions, find_symbol
from lsp_server.model_edits.request import Complained, EditRefusal
from lsp_server.workspace.parse import outline
from tests.unit.lsp_server.model_edits_window import (
    FOLDER,
    GOOD,
    NEW,
    OLD,
    PATH,
    TEXT,
    Window,
    block,
    changed,
)
from tests.unit.lsp_server.on_loop import on_loop

SPLIT = """\
        return days * self._rate(days)

    def _rate(self, days):
        return 20 if days > 10 else 10
"""
KINDS: dict[ActionName, tuple[str, str, str]] = {
    "docstring": (
        block("    def total(self, days):\n", '    def total(self, days):\n        """Cents."""\n'),
        "        # in cents\n",
        '        """Cents."""\n        # in cents\n',
    ),
    "types": (
        block("    def total(self, days):\n", "    def total(self, days: int) -> int:\n"),
        "def total(self, days):",
        "def total(self, days: int) -> int:",
    ),
    "simplify": (GOOD, OLD, NEW),
    "split": (block(OLD, SPLIT), OLD, SPLIT),
    "async": (
        block("    def total(self, days):\n", "    async def total(self, days):\n"),
        "    def total",
        "    async def total",
    ),
    "instruction": (GOOD, OLD, NEW),
    "fix": (GOOD, OLD, NEW),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
@on_loop
async def test_each_action_makes_its_edit(name: ActionName) -> None:
    answer, old, new = KINDS[name]
    window = Window(answer)
    edit = await window.edit(name, instruction="Do so." if name == "instruction" else "")
    assert changed(edit) == TEXT.replace(old, new)


@pytest.mark.parametrize("name", ["docstring", "types"])
@on_loop
async def test_what_is_to_change_no_code_changes_none(name: ActionName) -> None:
    window = Window(GOOD, GOOD, GOOD)
    edit = await window.edit(name)
    assert isinstance(edit, EditRefusal)
    assert "meaning: fees.py: more than" in edit.reason


@on_loop
async def test_a_problem_is_told_with_the_task() -> None:
    window = Window(GOOD)
    complained = Complained("mypy", "no-untyped-def", "days has no type", 5)
    await window.edit("fix", complaints=(complained,))
    assert window.checked[0][1] == (complained,)
    told = window.client.asked[0][1].content[-1].text
    assert "A tool says: mypy, line 6: days has no type\nTask: Fix this problem" in told


TESTS = "def test_total():\n    assert Fees().total(1) == 10\n"
TEST_PATH = "tests/test_fees.py"


@on_loop
async def test_tests_go_to_their_own_file() -> None:
    answer = block("", f"from shop.fees import Fees\n\n\n{TESTS}", TEST_PATH)
    window = Window(answer)
    edit = await window.edit("tests")
    assert isinstance(edit, ModelEdit), edit
    (file,) = edit.change.files
    assert (file.uri, file.before) == ((FOLDER / TEST_PATH).as_uri(), None)
    assert file.after is not None
    assert file.after.endswith(TESTS)
    told = window.client.asked[0][1].content[-1].text
    assert told.startswith(f"You may edit: {TEST_PATH} (a new file).")


@on_loop
async def test_tests_that_fail_go_back_to_the_model_and_then_pass() -> None:
    answer = block("", f"from shop.fees import Fees\n\n\n{TESTS}", TEST_PATH)
    window = Window(answer, answer)
    window.problems = ["test_total failed on the code as it is\nassert 20 == 10"]
    edit = await window.edit("tests")
    assert isinstance(edit, ModelEdit), edit
    assert window.tried == [edit.change, edit.change]
    told = window.client.asked[1][-1].content[-1].text
    assert "test run: test_total failed on the code as it is\nassert 20 == 10" in told


@on_loop
async def test_tests_that_never_pass_are_not_offered_and_are_named() -> None:
    answer = block("", f"from shop.fees import Fees\n\n\n{TESTS}", TEST_PATH)
    window = Window(answer, answer, answer)
    window.problems = ["test_total failed on the code as it is\nassert 20 == 10"] * 3
    edit = await window.edit("tests")
    assert isinstance(edit, EditRefusal)
    assert "test_total failed on the code as it is (the model's" in edit.reason


@on_loop
async def test_where_tests_cannot_be_run_no_model_is_asked() -> None:
    window = Window()
    window.refusal = EditRefusal("there is no sandbox")
    assert await window.edit("tests") == window.refusal
    assert window.client.asked == []


@on_loop
async def test_where_they_could_not_be_run_after_all_the_model_is_not_asked_again() -> None:
    window = Window(block("", f"from shop.fees import Fees\n\n\n{TESTS}", TEST_PATH))
    refusal = EditRefusal("the tests cannot be run")
    window.problems = [refusal]
    assert await window.edit("tests") == refusal


@on_loop
async def test_the_code_under_test_is_not_edited_with_its_tests() -> None:
    window = Window(GOOD, GOOD, GOOD)
    edit = await window.edit("tests")
    assert isinstance(edit, EditRefusal)
    assert "which it may not" in edit.reason


def test_actions_are_offered_where_they_make_sense() -> None:
    symbols = outline(TEXT.encode(), "python").symbols
    method, none = find_symbol(symbols, 6, 7), find_symbol(symbols, 0, 0)
    assert method is not None
    assert (method.name, none) == ("total", None)
    around = find_symbol(symbols, 3, 9)
    assert around is not None
    assert around.name == "Fees"
    everything = ["docstring", "types", "simplify", "split", "async", "tests"]
    assert [it.name for it in find_actions("python", method, PATH)] == everything
    assert [it.name for it in find_actions("python", method, TEST_PATH)] == everything[:-1]
    assert [it.name for it in find_actions("go", method, "a.go")] == [
        *("docstring", "simplify", "split", "tests")
    ]
    assert find_actions("python", None, PATH) == []
    assert ACTIONS["types"].titled("total") == "Add type hints to total"
