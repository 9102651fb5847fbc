"""Candidates on real tests, in the sandbox where there is one: which of them are believed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from lsp_server.agent import validate
from lsp_server.agent.copies import Copies
from lsp_server.agent.data import Candidate, Evidence, Verdict
from lsp_server.agent.select import select
from lsp_server.agent.tests_found import TestsUnknown

from .validation_runs import (
    CART,
    COUNT,
    FILES,
    FIXED,
    NAME,
    OTHER,
    SORTED,
    TOTALS,
    tried,
    validator_of,
)


async def test_tests_that_cannot_run_at_all_are_told(folder: Path, copies: Copies) -> None:
    files = {**FILES, "conftest.py": "import nothing_there\n"}
    command = ("pytest", sys.executable, "-m", "pytest")
    validator = await validator_of(files, copies, folder, command)
    for tests in (TOTALS, ()):
        with pytest.raises(TestsUnknown, match=r"no test ran: .*nothing_there"):
            await validator.baseline(tests)


async def test_the_right_one_is_verified(folder: Path, copies: Copies) -> None:
    validator = await validator_of(FILES, copies, folder)
    baseline = await validator.baseline(TOTALS)
    assert baseline.failing == TOTALS
    assert baseline.passing == (COUNT, f"{NAME}test_nothing", OTHER)
    assert (baseline.flaky, baseline.is_whole) == ((), True)
    assert "AssertionError: 5 != 6" in baseline.output
    right, wrong, partly, breaks = await tried(
        validator,
        FIXED,
        CART.replace("result = 0", "result = 1"),
        CART.replace("result = 0", "result = 1").replace("prices[1:]", "prices[2:]"),
        FIXED.replace("len(prices)", "0"),
    )
    assert right == Evidence(
        right.candidate,
        Verdict.VERIFIED,
        "what failed passes, and nothing else fails by it",
        failed_before=TOTALS,
        passes_now=TOTALS,
        also_ran=baseline.passing,
        gates=("syntax", "names", "api"),
    )
    assert wrong.verdict is Verdict.REJECTED
    assert breaks.verdict is Verdict.REJECTED
    assert breaks.regressed == (COUNT,)
    assert breaks.reason == f"{COUNT} passed before and would fail"
    assert partly.verdict is Verdict.REJECTED
    assert select([wrong, partly, breaks, right]) is right
    assert (folder / "cart.py").read_text() == CART


async def test_what_failed_before_as_well_does_not_count(folder: Path, copies: Copies) -> None:
    """`test_sorted` fails before and behind."""
    validator = await validator_of(FILES, copies, folder)
    await validator.baseline(TOTALS)
    (evidence,) = await tried(validator, FIXED)
    assert evidence.verdict is Verdict.VERIFIED
    assert SORTED not in (*evidence.regressed, *evidence.still_fails, *evidence.also_ran)


async def test_without_a_named_test_all_that_fail_are_meant(folder: Path, copies: Copies) -> None:
    validator = await validator_of(FILES, copies, folder)
    await validator.baseline()
    half, whole = await tried(validator, FIXED, FIXED.replace("!=", "=="))
    assert (half.verdict, half.still_fails) == (Verdict.PARTLY, (SORTED,))
    assert half.reason == f"{SORTED} still fails, the others pass"
    assert whole.verdict is Verdict.VERIFIED


async def test_without_a_failing_test_nothing_is_verified(folder: Path, copies: Copies) -> None:
    files = {**FILES, "cart.py": FIXED.replace("!=", "==")}
    validator = await validator_of(files, copies, folder)
    (evidence,) = await tried(
        validator, FIXED.replace("!=", "==").replace("result = 0", "result = +0")
    )
    assert evidence.verdict is Verdict.UNVERIFIED
    assert evidence.reason.startswith("no test failed before")


CHEATS = {
    "ends with success": "import os\nos._exit(0)\n",
    "ends with success later": f"{CART}\nimport atexit\natexit.register(os._exit, 0)\n",
    "edits the tests": (
        f"{FIXED}\nopen('tests/test_cart.py', 'w').write('def test_total(): pass')\n"
    ),
    "sets the time back": (
        f"{FIXED}\nwas = os.stat('tests/test_cart.py')\n"
        "open('tests/test_cart.py', 'a').write('#')\n"
        "os.utime('tests/test_cart.py', ns=(was.st_atime_ns, was.st_mtime_ns))\n"
    ),
    "makes a conftest": f"{FIXED}\nopen('tests/conftest.py', 'w').write('')\n",
    "edits the conftest": f"{FIXED}\nopen('conftest.py', 'w').write('collect_ignore = [1]')\n",
    "removes a test": f"{FIXED}\nos.unlink('tests/test_other.py')\n",
    "puts a link": f"{FIXED}\nos.unlink('pytest.ini'); os.symlink('/dev/null', 'pytest.ini')\n",
    "edits itself": f"{FIXED}\nopen(__file__, 'a').write('#')\n",
    "skips": f"{CART}\nimport unittest\nraise unittest.SkipTest('all')\n",
    "writes a module that stands before": f"{FIXED}\nopen('unittest.py', 'w').write('')\n",
    "does not parse": f"{CART}\ndef f(:\n",
    "has no such name": CART.replace("result += price", "result += prise"),
}


async def test_cheats_are_rejected(folder: Path, copies: Copies) -> None:
    validator = await validator_of(FILES, copies, folder)
    await validator.baseline(TOTALS)
    found = dict(zip(CHEATS, await tried(validator, *CHEATS.values()), strict=True))
    assert {cheat: it.verdict for cheat, it in found.items()} == dict.fromkeys(
        CHEATS, Verdict.REJECTED
    )
    assert select(found.values()) is None
    for cheat, evidence in found.items():
        if cheat.startswith(("edits", "sets", "makes", "removes", "puts", "writes")):
            assert evidence.reason.startswith("its run changed what it is judged by: "), cheat
            assert evidence.passes_now == ()


async def test_what_hangs_is_rejected(
    folder: Path, copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    validator = await validator_of(FILES, copies, folder)
    await validator.baseline(TOTALS)
    monkeypatch.setattr(validate, "_MIN_TIMEOUT_S", 0.5)
    (evidence,) = await tried(validator, CART.replace("result = 0", "while True: pass"))
    assert evidence.verdict is Verdict.REJECTED
    assert "did not pass: it was ended after" in evidence.reason


async def test_what_keeps_other_tests_from_being_run_is_rejected(
    folder: Path, copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs in a test that failed before, so that those behind it never come to fail."""
    validator = await validator_of(FILES, copies, folder)
    baseline = await validator.baseline(TOTALS)
    assert SORTED not in baseline.passing
    monkeypatch.setattr(validate, "_MIN_TIMEOUT_S", 3.0)
    hanging = FIXED.replace("return sorted(prices) != prices", "while True: pass")
    (evidence,) = await tried(validator, hanging)
    assert evidence.passes_now == TOTALS
    assert evidence.verdict is Verdict.REJECTED
    assert evidence.reason.startswith("the tests came to their end before, and do not any more: ")


async def test_what_may_not_be_touched(folder: Path, copies: Copies) -> None:
    reasons = {
        "tests/test_cart.py": "it would change tests/test_cart.py, which is a test",
        "conftest.py": "it would change conftest.py, which is the configuration of the tests",
        ".git/hooks/x": "it would change .git/hooks/x, which is git's own files",
        "../cart.py": "'../cart.py' is no path below the workspace",
    }
    validator = await validator_of(FILES, copies, folder)
    await validator.baseline(TOTALS[:1])
    for path, reason in reasons.items():
        (evidence,) = await tried(validator, "x = 1\n", path=path)
        assert (evidence.verdict, evidence.reason) == (Verdict.REJECTED, reason)


async def test_what_fails_only_once_is_no_regression(folder: Path, copies: Copies) -> None:
    once = (
        "\n\ndef count(prices):\n    try:\n        open('seen', 'x').close()\n"
        "    except OSError:\n        return len(prices)\n    return 0\n"
    )
    validator = await validator_of(FILES, copies, folder)
    await validator.baseline(TOTALS)
    (evidence,) = await tried(validator, FIXED + once)
    assert evidence.verdict is Verdict.VERIFIED
    assert evidence.flaky == (COUNT,)


async def test_a_test_that_reproduces_the_issue_is_part_of_each_copy(
    folder: Path, copies: Copies
) -> None:
    files = {key: it for key, it in FILES.items() if key != "tests/test_cart.py"}
    validator = await validator_of(files, copies, folder)
    name = "test_sparrow_reproduces.py"
    test = "self.assertEqual(cart.total([1, 2]), 3)"
    validator.extra = {
        name: f"import cart, unittest\nclass It(unittest.TestCase):\n    def test_it(self): {test}\n"
    }
    baseline = await validator.baseline(["test_sparrow_reproduces.It.test_it"])
    assert baseline.failing == ("test_sparrow_reproduces.It.test_it",)
    (evidence,) = await tried(validator, FIXED)
    assert evidence.verdict is Verdict.VERIFIED
    assert not (folder / name).exists()


async def test_whoever_has_enough_ends_what_runs(
    folder: Path, copies: Copies, tmp_path: Path
) -> None:
    validator = await validator_of(FILES, copies, folder)
    await validator.baseline(TOTALS)
    hangs = [
        Candidate({"cart.py": f"{CART}\nwhile True: pass\n#{at}"}, "hangs", 0) for at in range(9)
    ]
    evidence: AsyncIterator[Evidence] = validator.validate(
        [Candidate({"cart.py": FIXED}, "right", 1), *hangs]
    )
    async with aclosing(evidence):  # type: ignore[type-var]
        first = await anext(evidence)
    assert first.verdict is Verdict.VERIFIED
    kept = [it for it in (tmp_path / "cache/copies").glob("*/*") if it != validator.snapshot.base]
    assert kept == []
    assert len(asyncio.all_tasks()) <= 2


async def test_what_is_not_known_when_the_time_is_over_stays_unknown(
    folder: Path, copies: Copies
) -> None:
    validator = await validator_of(FILES, copies, folder)
    await validator.baseline(TOTALS)
    candidates = [Candidate({"cart.py": f"{CART}\nwhile True: pass\n"}, "hangs", 1)]
    assert [it async for it in validator.validate(candidates, budget_s=0.5)] == []
