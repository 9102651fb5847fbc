"""Which tests a candidate is judged by: a test's name, a file, a class, a command of the user's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lsp_server.agent.copies import Copies
from lsp_server.agent.data import Verdict
from lsp_server.agent.tests_found import TestsUnknown

from .validation_runs import CART, FILES, FIXED, NAME, SORTED, TOTALS, tried, validator_of

PYTEST = """\
import pytest
from cart import count, total

@pytest.mark.parametrize("prices", [[1], [2, 3]])
def test_total(prices):
    assert total(prices) == sum(prices)

def test_count():
    assert count([1, 2]) == 2

@pytest.mark.skip
def test_later():
    pass

@pytest.mark.xfail
def test_not_yet():
    assert count(3)
"""


async def test_pytest(folder: Path, copies: Copies) -> None:
    files = {"cart.py": CART, "test_cart.py": PYTEST, "pytest.ini": "[pytest]\npythonpath = .\n"}
    plain = ("-p", "no:hypothesispytest", "-p", "no:anyio")  # which take seconds to start
    command = ("pytest", sys.executable, "-m", "pytest", *plain)
    validator = await validator_of(files, copies, folder, command)
    baseline = await validator.baseline()
    failing = ("test_cart.py::test_total[prices0]", "test_cart.py::test_total[prices1]")
    assert (baseline.failing, baseline.passing) == (failing, ("test_cart.py::test_count",))
    (evidence,) = await tried(validator, FIXED)
    assert (evidence.verdict, evidence.passes_now) == (Verdict.VERIFIED, failing)


async def test_a_file_and_a_class_stand_for_their_tests(folder: Path, copies: Copies) -> None:
    validator = await validator_of(FILES, copies, folder)
    baseline = await validator.baseline(("tests/test_cart.py", "tests.test_other.Other"))
    assert set(baseline.failing) == {*TOTALS, SORTED}
    (evidence,) = await tried(validator, FIXED.replace("!= prices", "== prices"))
    assert evidence.verdict is Verdict.VERIFIED


async def test_a_test_that_is_not_there_is_told(folder: Path, copies: Copies) -> None:
    files = {"cart.py": CART, "test_cart.py": "def test_count(): assert False\n"}
    command = ("pytest", sys.executable, "-m", "pytest", "-p", "no:hypothesispytest")
    validator = await validator_of(files, copies, folder, command)
    with pytest.raises(TestsUnknown, match=r"no test ran: .*not found"):
        await validator.baseline(("test_cart.py::test_sum",))


@pytest.mark.parametrize("framework", ["pytest", "unittest"])
async def test_a_module_of_tests_that_could_not_be_imported_is_mended(
    framework: str, folder: Path, copies: Copies
) -> None:
    """All tests in it pass then, or it is not."""
    tests = FILES["tests/test_cart.py"].replace("is_sorted, ", "is_sorted, mean, ", 1)
    tests += "\n    def test_mean(self):\n        self.assertEqual(mean([1, 3]), 2)\n"
    files = {**FILES, "tests/test_cart.py": tests, "cart.py": FIXED.replace("!=", "==")}
    command = (framework, sys.executable, "-m", framework)
    validator = await validator_of(files, copies, folder, command)
    baseline = await validator.baseline()
    module = {"pytest": "tests/test_cart.py", "unittest": "tests.test_cart"}[framework]
    assert baseline.failing == (module,)
    mean = "\n\ndef mean(prices):\n    return total(prices) / {}\n"
    right, wrong = await tried(
        validator, *(files["cart.py"] + mean.format(it) for it in ("len(prices)", "1"))
    )
    assert (right.verdict, right.passes_now) == (Verdict.VERIFIED, (module,))
    assert (wrong.verdict, wrong.still_fails) == (Verdict.REJECTED, (module,))


@pytest.mark.parametrize("name", ["test_cart.py::test_total", "test_cart.py"])
async def test_a_name_means_all_that_is_in_it(name: str, folder: Path, copies: Copies) -> None:
    files = {"cart.py": CART, "test_cart.py": PYTEST, "pytest.ini": "[pytest]\npythonpath = .\n"}
    command = ("pytest", sys.executable, "-m", "pytest")
    validator = await validator_of(files, copies, folder, command)
    baseline = await validator.baseline((name,))
    assert baseline.failing == (
        "test_cart.py::test_total[prices0]",
        "test_cart.py::test_total[prices1]",
    )
    (evidence,) = await tried(validator, FIXED)
    assert evidence.verdict is Verdict.VERIFIED


async def test_a_name_that_no_test_has_is_told(folder: Path, copies: Copies) -> None:
    validator = await validator_of(FILES, copies, folder)
    with pytest.raises(TestsUnknown, match="test_mean is none of the tests"):
        await validator.baseline((*TOTALS, f"{NAME}test_mean"))


async def test_a_users_own_command(folder: Path, copies: Copies) -> None:
    check = ("command", sys.executable, "-c", "import cart; exit(cart.total([1, 2]) != 3)")
    validator = await validator_of({"cart.py": CART}, copies, folder, check)
    await validator.baseline()
    right, wrong = await tried(validator, FIXED, CART.replace("result = 0", "result = 9"))
    assert (right.verdict, wrong.verdict) == (Verdict.VERIFIED, Verdict.REJECTED)
