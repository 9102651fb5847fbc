"""The search on real programs: a process, its forks, and what they are believed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lsp_server.agent.data import Candidate, TestCommand
from lsp_server.agent.python_runs import (
    PythonTests,
    Variant,
    read_covered,
    read_tried,
    write_variants,
)
from lsp_server.agent.spectrum import suspicion
from lsp_server.agent.task import Request, Task
from lsp_server.agent.template_proposer import TemplateProposer
from tests.unit.lsp_server.agent import local_runner
from tests.unit.lsp_server.on_loop import on_loop

FAULTY = """\
def largest(numbers):
    best = numbers[0]
    for number in numbers:
        if number < best:
            best = number
    return best


def count(numbers):
    return len(numbers)
"""
RIGHT = FAULTY.replace("number < best", "number > best")
TESTS = """\
import unittest

from program import count, largest


class Tests(unittest.TestCase):
    def test_largest(self):
        assert largest([3, 7, 5]) == 7

    def test_of_one(self):
        assert largest([2]) == 2

    def test_count(self):
        assert count([1, 2]) == 2
"""
COMMAND = TestCommand("unittest", (sys.executable, "-m", "unittest", "test_program"))
FAILING = ("test_program.Tests.test_largest",)
PASSING = ("test_program.Tests.test_of_one", "test_program.Tests.test_count")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "program.py").write_text(FAULTY)
    (tmp_path / "test_program.py").write_text(TESTS)
    return tmp_path


@on_loop
async def test_lines_are_told_by_test(workspace: Path) -> None:
    tests = PythonTests.of(COMMAND)
    assert tests is not None
    finished = await local_runner.run(tests.traced(), workspace, 60)
    covered = {it.name.rpartition(".")[2]: it for it in read_covered(finished.report)}
    assert {name: it.passed for name, it in covered.items()} == {
        "test_largest": False,
        "test_of_one": True,
        "test_count": True,
    }
    assert covered["test_count"].lines["program.py"] == [9]
    lines = suspicion(list(covered.values()))
    assert lines["program.py", 3] == pytest.approx(0.5**0.5)
    assert ("program.py", 9) not in lines


@pytest.mark.parametrize("runner", ["unittest", "pytest"])
@on_loop
async def test_functions_that_run_on_import_are_run_by_each_test(
    workspace: Path, runner: str
) -> None:
    made = "\n\ndef half(number):\n    return number / 2\n\n\nclass Share:\n    part = half(1)\n"
    (workspace / "program.py").write_text(FAULTY + made)
    command = TestCommand(runner, (sys.executable, "-m", runner, "test_program.py"))
    tests = PythonTests.of(command)
    assert tests is not None
    finished = await local_runner.run(tests.traced(), workspace, 60)
    covered = read_covered(finished.report)
    assert len(covered) == 3
    for it in covered:
        lines = set(it.lines["program.py"])
        assert made.count("\n", 0, made.index("return")) + FAULTY.count("\n") in lines
        # What defines a function is no place to look at.
        assert not lines & {0, 8, *range(FAULTY.count("\n") + 4, 100)}


@on_loop
async def test_the_right_repair_is_found(workspace: Path) -> None:
    proposer = TemplateProposer(local_runner.run, local_runner.copier(workspace), COMMAND)
    lines = {("program.py", 3): 1.0}
    task = Task(Request(), {"program.py": FAULTY}, (), lines, FAILING, PASSING)
    rounds = [it async for it in proposer.rounds(task, (), 60.0)]
    found: list[Candidate] = list(rounds[0])
    assert found[0].files == {"program.py": RIGHT}
    assert found[0].origin == "template: comparison turned"
    assert (workspace / "program.py").read_text() == FAULTY


@on_loop
async def test_without_a_failing_test_nothing_is_proposed(workspace: Path) -> None:
    proposer = TemplateProposer(local_runner.run, local_runner.copier(workspace), COMMAND)
    task = Task(Request("x"), {"program.py": FAULTY}, (), {("program.py", 3): 1.0})
    assert [it async for it in proposer.rounds(task, (), 60.0)] == []


@on_loop
async def test_where_variants_cannot_be_tried_the_likeliest_are_proposed(workspace: Path) -> None:
    command = TestCommand("command", ("make", "check"))
    proposer = TemplateProposer(local_runner.run, local_runner.copier(workspace), command)
    task = Task(Request(), {"program.py": FAULTY}, (), {("program.py", 3): 1.0}, ("the command",))
    (found,) = [it async for it in proposer.rounds(task, (), 60.0)]
    assert RIGHT in {it.files["program.py"] for it in found}


@on_loop
async def test_variants_that_hang_or_die_are_told_from_good_ones(workspace: Path) -> None:
    tests = PythonTests.of(COMMAND)
    assert tests is not None
    texts = [
        FAULTY,
        "while True: pass\n",
        "import os\nos._exit(0)\n",
        "x = 'a' * (1 << 40)\n",
        "import sys\nsys.exit(0)\n",
        RIGHT,
    ]
    variants = [Variant(at, 1.0, {"program.py": it}) for at, it in enumerate(texts)]
    (workspace / "variants").write_text(write_variants(variants, ()))
    finished = await local_runner.run(tests.tried("variants", 1, 60, 3), workspace, 60)
    tried = read_tried(finished.report)
    assert [it.is_good for it in tried] == [False, False, False, False, False, True]
    assert (tried[0].passed, tried[0].failed) == (2, 1)
    assert (workspace / "program.py").read_text() == FAULTY


@on_loop
async def test_what_scores_far_lower_than_a_good_one_is_not_tried_any_more(workspace: Path) -> None:
    tests = PythonTests.of(COMMAND)
    assert tests is not None
    variants = [Variant(0, 0.9, {"program.py": RIGHT}), Variant(1, 0.6, {"program.py": RIGHT})]
    (workspace / "variants").write_text(write_variants(variants, ()))
    finished = await local_runner.run(tests.tried("variants", 9, 60, 3), workspace, 60)
    assert [it.id for it in read_tried(finished.report)] == [0]


@pytest.mark.parametrize("runner", ["unittest", "pytest"])
@on_loop
async def test_where_no_failing_test_passes_no_other_is_run(workspace: Path, runner: str) -> None:
    names = [*PASSING, *FAILING, "test_program.Tests.test_of_more"]
    more = "\n    def test_of_more(self):\n        assert largest([4, 9, 6]) == 9\n"
    (workspace / "test_program.py").write_text(TESTS + more)
    if runner == "pytest":
        names = [f"test_program.py::Tests::{it.rpartition('.')[2]}" for it in names]
    command = TestCommand(runner, (sys.executable, "-m", runner))
    tests = PythonTests.of(command, [*names[2:], *names[:2]])
    assert tests is not None
    texts = [FAULTY, FAULTY.replace("return best", "return 7"), RIGHT]
    variants = [Variant(at, 1.0, {"program.py": it}) for at, it in enumerate(texts)]
    for modules, faulty in ((None, (2, 2)), ((), (0, 2))):
        rows = write_variants(variants, modules, names[2:])
        (workspace / "variants").write_text(rows)
        finished = await local_runner.run(tests.tried("variants", 9, 60, 3), workspace, 60)
        tried = read_tried(finished.report)
        assert [(it.passed, it.failed) for it in tried] == [faulty, (2, 2), (4, 0)]
        assert all(it.done for it in tried)


SLOW = """

def sink():
    end = time.process_time() + 0.55
    while time.process_time() < end:
        pass


sink()
"""
BARE = ("env", "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1")


@on_loop
async def test_rivals_of_a_good_repair_are_tried_for_a_bounded_time(workspace: Path) -> None:
    tests = PythonTests.of(COMMAND)
    assert tests is not None
    slow = "import time\n" + FAULTY + SLOW
    texts = [RIGHT, slow, slow, slow]
    variants = [Variant(at, 1.0, {"program.py": it}) for at, it in enumerate(texts)]
    (workspace / "variants").write_text(write_variants(variants, ()))
    finished = await local_runner.run(tests.tried("variants", 5, 60, 3), workspace, 60)
    # A second of the processor's time, which the second one goes beyond, and the first one does not,
    # also where what else it does takes long.
    assert [it.id for it in read_tried(finished.report)] == [0, 1, 2]


@on_loop
async def test_what_all_variants_load_is_loaded_once(workspace: Path) -> None:
    own = workspace / "site-packages"
    own.mkdir()
    loads = workspace / "loads"
    (own / "heavy.py").write_text(f"with open({str(loads)!r}, 'a') as file:\n    file.write('.')\n")
    lead = "import heavy\n"
    (workspace / "program.py").write_text(lead + FAULTY)
    for runner in ("unittest", "pytest"):
        command = TestCommand(runner, (sys.executable, "-m", runner, "test_program.py"))
        tests = PythonTests.of(command)
        assert tests is not None
        variants = [Variant(at, 0.0, {"program.py": lead + FAULTY}) for at in range(4)]
        (workspace / "variants").write_text(write_variants(variants, None))
        argv = (*BARE, f"PYTHONPATH={own}", *tests.tried("variants", 9, 60, 3))
        finished = await local_runner.run(argv, workspace, 60)
        first, *others = read_tried(finished.report)
        assert {(it.passed, it.failed) for it in (first, *others)} == {(2, 1)}
        assert len(others) == 3
        # By the first one, which tells of it, and then for all.
        assert loads.read_text() == ".."
        loads.unlink()
        assert "heavy" in first.modules
        assert not {"program", "test_program"} & set(first.modules)


PLUGIN = "import program\n"


@on_loop
async def test_a_plugin_that_has_read_the_program_is_begun_anew(workspace: Path) -> None:
    (workspace / "own_plugin.py").write_text(PLUGIN)
    argv = (sys.executable, "-m", "pytest", "-p", "own_plugin", "test_program.py")
    tests = PythonTests.of(TestCommand("pytest", argv))
    assert tests is not None
    variants = [Variant(at, 1.0, {"program.py": it}) for at, it in enumerate((FAULTY, RIGHT))]
    (workspace / "variants").write_text(write_variants(variants, None))
    tried = (*BARE, *tests.tried("variants", 9, 60, 3))
    finished = await local_runner.run(tried, workspace, 60)
    assert [it.is_good for it in read_tried(finished.report)] == [False, True]
