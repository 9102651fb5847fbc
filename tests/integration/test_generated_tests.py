"""Tests as a model may write them, run on the code as it is: in the sandbox where there is one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lsp_server.agent import sandbox
from lsp_server.config import Config
from lsp_server.edits.change import Change, FileChange
from lsp_server.edits.verification import Outcome
from lsp_server.features.generated_tests import GeneratedTests
from lsp_server.model_edits.actions import ACTIONS
from lsp_server.model_edits.request import EditRefusal, EditRequest
from lsp_server.workspace.documents import Documents, Position
from lsp_server.workspace.store_file import CACHE_DIR_VARIABLE

CART = "def total(prices):\n    return sum(prices)\n"
OLD = """\
import unittest
from cart import total


class Old(unittest.TestCase):
    def test_broken(self):
        self.assertEqual(total([1]), 2)
"""
HEAD = "import unittest\nfrom cart import total\n\n\nclass Total(unittest.TestCase):\n"
PASSES = f"{HEAD}    def test_sum(self):\n        self.assertEqual(total([1, 2]), 3)\n"
FAILS = f"{PASSES}\n    def test_none(self):\n        self.assertEqual(total([]), 1)\n"
HANGS = f"{PASSES}\n    def test_forever(self):\n        while True:\n            pass\n"
CANNOT_IMPORT = PASSES.replace("import total", "import totals")
EMPTY = f"{HEAD}    pass\n"


class Workspace:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "cart.py").write_text(CART)
        (folder / "test_cart.py").write_text(OLD)
        self.documents = Documents()
        self.uri = (folder / "cart.py").as_uri()
        self.is_unsandboxed_allowed = True  # where there is no sandbox, the rest is the same
        self.feature = self.limited(60.0)

    def limited(self, timeout_s: float) -> GeneratedTests:
        return GeneratedTests(
            documents=self.documents,
            config=lambda: Config(
                fix_test_command=f"{sys.executable} -m unittest",
                fix_allow_unsandboxed=self.is_unsandboxed_allowed,
            ),
            folder_of=lambda _: self.folder,
            is_hidden=lambda _: False,
            timeout_s=timeout_s,
        )

    def request(self, *, may_run: bool = True) -> EditRequest:
        place = Position(0, 4)
        return EditRequest(
            ACTIONS["tests"],
            self.uri,
            place,
            place,
            may_run=may_run,
            interpreter=sys.executable,
        )

    async def problem(self, text: str, name: str = "test_total.py") -> str:
        file = self.folder / name
        before = file.read_text() if file.exists() else None
        change = Change("Write tests", (FileChange(file.as_uri(), before, text),))
        found = await self.feature.run(self.request(), change)
        assert not isinstance(found, EditRefusal), found
        (finding,) = found
        assert (finding.outcome is Outcome.PASSED) == (not finding.detail)
        assert not file.exists() or file.read_text() == before  # nothing is written
        return finding.detail


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setenv(CACHE_DIR_VARIABLE, str(tmp_path / "cache"))
    folder = tmp_path / "w"
    folder.mkdir()
    yield Workspace(folder)
    left = list((tmp_path / "cache").rglob("test_*.py"))
    assert left == []  # no copy stays


async def test_tests_that_pass_are_to_be_had(workspace: Workspace) -> None:
    assert await workspace.problem(PASSES) == ""


async def test_of_tests_that_fail_it_is_said_which(workspace: Workspace) -> None:
    told = await workspace.problem(FAILS)
    assert told.startswith("test_total.Total.test_none failed on the code as it is\n")
    assert "AssertionError: 0 != 1" in told


async def test_of_tests_that_hang_it_is_said_which(workspace: Workspace) -> None:
    workspace.feature = workspace.limited(5.0)
    told = await workspace.problem(HANGS)
    assert told.startswith("test_total.Total.test_forever did not end within 5 s")


async def test_tests_that_cannot_be_imported_are_not_to_be_had(workspace: Workspace) -> None:
    told = await workspace.problem(CANNOT_IMPORT)
    assert "test_total failed on the code as it is\n" in told
    assert "cannot import name 'totals'" in told


async def test_tests_that_test_nothing_are_not_to_be_had(workspace: Workspace) -> None:
    assert (await workspace.problem(EMPTY)).startswith("no test was run that was not there before")


async def test_what_failed_before_counts_for_nothing(workspace: Workspace) -> None:
    more = f"{OLD}\n    def test_more(self):\n        self.assertEqual(total([3]), 3)\n"
    assert await workspace.problem(more, "test_cart.py") == ""
    told = await workspace.problem(f"{OLD}# no more\n", "test_cart.py")
    assert told.startswith("no test was run that was not there before")


async def test_they_see_what_is_not_saved(workspace: Workspace) -> None:
    text = "def total(prices):\n    return -1\n"
    workspace.documents.open(workspace.uri, "python", 2, text)
    assert (await workspace.problem(PASSES)).startswith("test_total.Total.test_sum failed")


async def test_nothing_is_run_that_the_user_has_not_allowed(workspace: Workspace) -> None:
    refusal = await workspace.feature.find_refusal(workspace.request(may_run=False))
    assert refusal == EditRefusal(
        "to run code of this workspace was not allowed",
        "Allow it when the editor asks; it is kept for this workspace alone.",
    )


async def test_without_a_sandbox_it_says_why(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none() -> str:
        return "there is no bwrap on this machine"

    monkeypatch.setattr(sandbox, "find_problem", none)
    assert await workspace.feature.find_refusal(workspace.request()) is None
    workspace.is_unsandboxed_allowed = False
    refusal = await workspace.feature.find_refusal(workspace.request())
    assert refusal is not None
    assert refusal.reason == "there is no bwrap on this machine"
    assert "sparrow.fix.allowUnsandboxed" in refusal.hint
