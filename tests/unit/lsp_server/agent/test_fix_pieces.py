"""Reproductions, patches, filled-in lines and predictions: the small pieces of a fix."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import AsyncGenerator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import click
import pytest
from rich.console import Console

from inference.client import InferenceClient
from inference.content import Layout
from inference.protocol import Answer, Delta, Done, FinishReason, Priority, Tail, Timings, Usage
from inference.sampling import Sampling, TokenLogprob
from lsp_server.agent.clues import read_clues
from lsp_server.agent.data import Outcome, TestCommand, TestRun
from lsp_server.agent.fill_in import fill_in
from lsp_server.agent.patch import as_diff
from lsp_server.agent.predictions import write_predictions
from lsp_server.agent.reproduce import as_test, reproduces, scripts
from tests.unit.lsp_server.on_loop import on_loop

ISSUE = """Lending fails

```python
from shelf import Book
Book().lend()
```

It raises `AttributeError`, not a clear error.
"""
OUTPUT = "Traceback (most recent call last):\n  File 'x'\nAttributeError: no owner\n"


def test_the_issues_own_code_is_a_script() -> None:
    assert scripts(read_clues(ISSUE)) == ["from shelf import Book\nBook().lend()\n"]
    assert scripts(read_clues("It fails\n\n```\n$ shelf lend\n```\n")) == []
    assert scripts(read_clues("It fails\n\n```python\nimport shelf\n```\n")) == []


@pytest.mark.parametrize(
    ("outputs", "codes", "error"),
    [
        ([OUTPUT, OUTPUT], [1, 1], "AttributeError"),
        ([OUTPUT], [1], ""),
        ([OUTPUT, "fine"], [1, 0], ""),
        ([OUTPUT, OUTPUT], [1, None], ""),
        (["KeyError: 1", "KeyError: 1"], [1, 1], ""),
        (["ModuleNotFoundError: shelf"] * 2, [1, 1], ""),
    ],
)
def test_a_reproduction_fails_twice_as_the_issue_says(
    outputs: list[str], codes: list[int | None], error: str
) -> None:
    assert reproduces(read_clues(ISSUE), outputs, codes) == error


@pytest.mark.parametrize(
    ("framework", "argv", "path"),
    [
        ("pytest", ("-m", "pytest"), "test_sparrow_reproduction.py"),
        ("unittest", ("-m", "unittest"), "test_sparrow_reproduction.py"),
        (
            "unittest",
            ("-m", "unittest", "discover", "-s", "tests"),
            "tests/test_sparrow_reproduction.py",
        ),
    ],
)
def test_a_reproduction_is_a_test(framework: str, argv: tuple[str, ...], path: str) -> None:
    script = "x = \"'''\"\nif x:\n    raise KeyError(x)\n"
    found = as_test(script, TestCommand(framework, ("python3", *argv)))
    assert found is not None
    assert found.path == path
    names: dict[str, Any] = {}
    exec(found.text, names)  # noqa: S102 - our own text
    with pytest.raises(KeyError):
        names["Reproduction"]("test_issue").test_issue()
    assert as_test(script, TestCommand("go", ("go", "test"))) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\nb\nc\n", "a\nx\nc\n"),
        ("a\nb", "a\nb\n"),
        ("a\r\nb\r\n", "a\r\nc\r\n"),
        (None, "new\n"),
        ("a\n", "a\nb"),
    ],
)
def test_git_takes_the_diff(tmp_path: Path, before: str | None, after: str) -> None:
    file = tmp_path / "shelf/a.py"
    file.parent.mkdir()
    if before is not None:
        file.write_bytes(before.encode())
    diff = as_diff({"shelf/a.py": before}, {"shelf/a.py": after})
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=diff.encode(), check=True)
    assert file.read_bytes() == after.encode()


def test_no_change_is_no_diff() -> None:
    assert as_diff({"a.py": "x\n"}, {"a.py": "x\n"}) == ""


class FakeCompletion:
    """Answers every request with the same two samples; notes where it was asked."""

    def __init__(self, *answers: tuple[str, float]) -> None:
        self.answers = answers
        self.asked: list[Tail] = []

    @property
    def capabilities(self) -> SimpleNamespace:
        return SimpleNamespace(context_tokens=2048, samples=True, logprobs=True)

    async def generate(
        self, layout: Layout, tail: Tail, sampling: Sampling, priority: Priority
    ) -> AsyncGenerator[Answer, None]:
        del layout
        assert (sampling.stop, priority) == (("\n",), Priority.AGENT)
        self.asked.append(tail)
        for at, (text, logprob) in enumerate(self.answers):
            yield Delta(1, text, 1, at, logprobs=(TokenLogprob(text, logprob, ()),))
        yield Done(1, FinishReason.STOP, Usage(1, 0, 1), Timings(0, 0, 0))


@on_loop
async def test_a_model_writes_suspicious_lines_anew() -> None:
    text = "def add(a, b):\n    return a - b\n"
    model = FakeCompletion(("return a + b", -0.1), ("return a - b", -0.5), ("", -0.1))
    found = await fill_in(cast("InferenceClient", model), "a.py", text, {1: 1.0})
    assert [it.text for it in found if it.template == "line written anew"] == [
        "def add(a, b):\n    return a + b\n"
    ]
    assert "def add(a, b):\n    return a - b\n    return a + b\n" in {it.text for it in found}
    assert found[0].score == pytest.approx(0.5 * 0.9048, rel=1e-3)
    assert model.asked[0].prefix.endswith("def add(a, b):\n    ")
    assert "return" not in model.asked[0].prefix + model.asked[0].suffix


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkouts/me__shelf"
    folder.mkdir(parents=True)
    (folder / "a.py").write_text("x = 1\n")
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def instances(tmp_path: Path, checkout: Path, repository: str = "me/shelf") -> Path:
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=checkout, check=True, capture_output=True, text=True
    )
    row: dict[str, Any] = {
        "instance_id": "me__shelf-1",
        "repo": repository,
        "base_commit": done.stdout.strip(),
        "problem_statement": "x is wrong",
        "patch": "--- a/a.py\n+++ b/a.py\n",
        "FAIL_TO_PASS": '["t"]',
    }
    file = tmp_path / "instances.jsonl"
    file.write_text("\n".join(json.dumps({**row, "instance_id": f"shelf-{at}"}) for at in (1, 2)))
    return file


def test_predictions_are_those_of_swe_bench_and_go_on(tmp_path: Path, checkout: Path) -> None:
    asked: list[tuple[str, str]] = []

    def fix(root: Path, issue: str) -> str:
        asked.append(((root / "a.py").read_text(), issue))
        return "diff\n"

    out = tmp_path / "predictions.jsonl"
    out.write_text('{"instance_id": "shelf-1", "model_patch": ""}\n{"instance_id": "she')
    out.write_text(out.read_text().partition("\n")[0] + "\n")
    file = instances(tmp_path, checkout)
    write_predictions(file, tmp_path / "checkouts", out, fix, Console(file=io.StringIO()))
    assert asked == [("x = 1\n", "x is wrong")]
    assert json.loads(out.read_text().splitlines()[-1]) == {
        "instance_id": "shelf-2",
        "model_name_or_path": "sparrow",
        "model_patch": "diff\n",
    }


def test_an_instance_without_its_repository_is_left_out_and_told(
    tmp_path: Path, checkout: Path
) -> None:
    told = io.StringIO()
    out = tmp_path / "predictions.jsonl"
    file = instances(tmp_path, checkout, "me/other")
    write_predictions(file, tmp_path / "checkouts", out, lambda *_: "", Console(file=told))
    assert not out.exists()
    assert "has no me/other" in told.getvalue()


def test_what_is_no_file_of_instances_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "instances.json"
    file.write_text('[{"instance_id": "x"}]')
    with pytest.raises(click.ClickException, match="cannot be read as instances"):
        write_predictions(file, tmp_path, tmp_path / "out", lambda *_: "", Console())


PASSED, FAILED, SKIPPED = Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED


@pytest.mark.parametrize(
    ("test", "outcomes", "is_mended"),
    [
        ("test_a.py", {"test_a.py::one": PASSED, "test_a.py::two": SKIPPED}, True),
        ("test_a.py", {"test_a.py::one": PASSED, "test_a.py::two": FAILED}, False),
        ("test_a.py", {"test_a.py::one": SKIPPED}, False),
        ("test_a.py", {"test_a.py": Outcome.ERROR, "test_a.py::one": PASSED}, False),
        ("test_a.py", {"test_b.py::one": PASSED}, False),
        ("test_a", {"test_a.Tests.one": PASSED}, True),
        ("test_a", {"test_ab.Tests.one": PASSED}, False),
        ("shop::", {"shop::One": PASSED, "shops::One": FAILED}, True),
        ("test_a.py::one", {"test_a.py::one": PASSED, "test_a.py::one[2]": FAILED}, True),
        ("test_a.py::one", {"test_a.py::one[2]": PASSED}, False),
    ],
)
def test_a_module_is_mended_where_all_in_it_passes(
    test: str, outcomes: dict[str, Outcome], *, is_mended: bool
) -> None:
    assert TestRun(outcomes, 0, "", 0.0).mends(test) is is_mended
