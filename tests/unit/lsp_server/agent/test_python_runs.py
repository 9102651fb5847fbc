import json

import pytest

from lsp_server.agent.data import TestCommand
from lsp_server.agent.python_runs import (
    PythonTests,
    Tried,
    Variant,
    read_covered,
    read_tried,
    write_variants,
)

PYTHON = "/usr/bin/python3.11"


@pytest.mark.parametrize(
    ("framework", "argv", "tests", "expected"),
    [
        ("pytest", ("-m", "pytest", "-q"), ("a.py::t",), ("pytest", ("-q", "a.py::t"))),
        ("unittest", ("-m", "unittest"), ("a.T.t",), ("unittest", ("a.T.t",))),
        (
            "unittest",
            ("-m", "unittest", "discover", "-s", "tests"),
            ("a.T.t",),
            ("unittest", ("--start=tests", "a.T.t")),
        ),
        ("command", ("check.py", "-v"), (), ("script", ("check.py", "-v"))),
    ],
)
def test_commands_of_python_are_known(
    framework: str, argv: tuple[str, ...], tests: tuple[str, ...], expected: tuple[str, object]
) -> None:
    found = PythonTests.of(TestCommand(framework, (PYTHON, *argv)), tests)
    assert found is not None
    assert (found.python, found.runner, found.arguments) == (PYTHON, *expected)


@pytest.mark.parametrize("argv", [("node", "--test"), (PYTHON, "-c", "print()"), ()])
def test_other_commands_are_not(argv: tuple[str, ...]) -> None:
    assert PythonTests.of(TestCommand("command", argv)) is None


def test_what_a_variant_may_have_written_is_no_result() -> None:
    good = {"id": 3, "passed": 2, "failed": 0, "done": True, "seconds": 0.5}
    report = "\n".join(["nonsense", "[]", '{"id": "x"}', json.dumps(good), '{"id": 1, "pas'])
    assert read_tried(report) == [Tried(3, 2, 0, done=True, seconds=0.5)]
    assert read_covered('{"test": "t", "passed": true, "lines": {"a.py": [1, "2"], "b": 3}}')[
        0
    ].lines == {"a.py": [1]}


def test_nothing_that_ran_is_good_without_a_test() -> None:
    assert not Tried(1, 0, 0, done=True).is_good
    assert not Tried(1, 5, 0, done=False).is_good
    assert Tried(1, 1, 0, done=True).is_good


def test_variants_are_lines() -> None:
    variants = [Variant(0, 0.5, {"a.py": "x\n"}), Variant(1, 0.25, {"a.py": "y\n"})]
    header, *rows = map(json.loads, write_variants(variants, ["json"], ["t"]).splitlines())
    assert header == {"modules": ["json"], "failing": ["t"]}
    assert [it["id"] for it in rows] == [0, 1]
    assert json.loads(write_variants([], None)) == {"modules": None, "failing": []}
