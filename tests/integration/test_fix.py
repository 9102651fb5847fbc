"""`sparrow fix` on a real workspace, in the real sandbox, with no model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lsp_server.fix_cli import NOTHING_FOUND, fix

FAULTY = """\
def median(numbers):
    ordered = sorted(numbers)
    middle = len(ordered) // 2
    if len(ordered) % 2 == 0:
        return (ordered[middle] + ordered[middle + 1]) / 2
    return ordered[middle]
"""
RIGHT = FAULTY.replace("middle + 1", "middle - 1")
TESTS = """\
import unittest

from numbers_of import median


class Tests(unittest.TestCase):
    def test_odd(self):
        self.assertEqual(median([3, 1, 2]), 2)

    def test_even(self):
        self.assertEqual(median([4, 1, 2, 3]), 2.5)

    def test_two(self):
        self.assertEqual(median([1, 3]), 2)
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPARROW_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "numbers_of.py").write_text(FAULTY)
    (folder / "test_numbers.py").write_text(TESTS)
    return folder


def run_fix(workspace: Path, *options: str, text: str = "") -> Result:
    usual = ("--completion-model", "", "--python", sys.executable)
    command = ("--test", f"{sys.executable} -m unittest test_numbers")
    return CliRunner().invoke(fix, [str(workspace), *usual, *command, *options], input=text)


def test_a_failing_test_is_mended_without_a_model(workspace: Path, tmp_path: Path) -> None:
    patch = tmp_path / "fix.diff"
    before = {it.name: it.read_bytes() for it in workspace.iterdir()}
    done = run_fix(workspace, "--json", "--patch", str(patch))
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["verdict"] == "verified"
    assert answer["best"]["passes_now"] == [
        "test_numbers.Tests.test_even",
        "test_numbers.Tests.test_two",
    ]
    assert {it.name: it.read_bytes() for it in workspace.iterdir()} == before
    subprocess.run(["git", "apply", str(patch)], cwd=workspace, check=True)
    assert (workspace / "numbers_of.py").read_text() == RIGHT


def test_what_is_found_is_shown_with_its_evidence(workspace: Path, tmp_path: Path) -> None:
    steps = tmp_path / "steps.jsonl"
    done = run_fix(workspace, "--trajectory", str(steps))
    assert "+        return (ordered[middle] + ordered[middle - 1]) / 2" in done.output
    assert "Verified: what failed passes" in " ".join(done.output.split())
    stages = [json.loads(it)["stage"] for it in steps.read_text().splitlines()]
    assert list(dict.fromkeys(stages)) == [
        "baseline",
        "coverage",
        "location",
        "evidence",
        "verdict",
    ]


LARGEST = """\
def largest(numbers):
    best = numbers[0]
    for number in numbers:
        if number < best:
            best = number
    return best
"""
MORE_TESTS = """\
import unittest

from largest_of import largest


class Largest(unittest.TestCase):
    def test_largest(self):
        self.assertEqual(largest([3, 7, 5]), 7)

    def test_one(self):
        self.assertEqual(largest([2]), 2)
"""


def test_tests_that_fail_for_different_reasons_are_mended_at_once(workspace: Path) -> None:
    (workspace / "largest_of.py").write_text(LARGEST)
    (workspace / "test_largest.py").write_text(MORE_TESTS)
    command = f"{sys.executable} -m unittest test_numbers test_largest"
    done = run_fix(workspace, "--json", "--test", command)
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["verdict"] == "verified"
    assert answer["best"]["candidate"]["files"] == {
        "numbers_of.py": RIGHT,
        "largest_of.py": LARGEST.replace("number < best", "number > best"),
    }


ISSUE = """Median of an even count fails

```python
from numbers_of import median
median([1, 3])
```

    IndexError: list index out of range
"""


def test_the_code_of_an_issue_is_reproduced_and_mended(workspace: Path, tmp_path: Path) -> None:
    passing = TESTS.partition("    def test_even")[0]
    (workspace / "test_numbers.py").write_text(passing)
    steps = tmp_path / "steps.jsonl"
    done = run_fix(workspace, "--json", "--issue", "-", "--trajectory", str(steps), text=ISSUE)
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["failing"] == ["test_sparrow_reproduction.Reproduction.test_issue"]
    assert list(answer["best"]["candidate"]["files"]) == ["numbers_of.py"]
    assert '"stage": "reproduction"' in steps.read_text()


def test_an_issue_that_leads_nowhere_has_no_change(workspace: Path) -> None:
    (workspace / "numbers_of.py").unlink()
    (workspace / "test_numbers.py").unlink()
    done = run_fix(workspace, "--issue", "-", text="Colours are wrong")
    assert done.exit_code == NOTHING_FOUND
    assert "No change was found: nothing in the issue leads to a file" in done.output


def test_instances_need_their_repositories(workspace: Path, tmp_path: Path) -> None:
    file = tmp_path / "instances.jsonl"
    file.write_text("")
    done = run_fix(workspace, "--instances", str(file))
    assert done.exit_code == 2
    assert "--instances needs --checkouts and --predictions" in done.output
