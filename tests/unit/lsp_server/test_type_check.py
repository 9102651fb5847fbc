"""The user's own type checker: what of its configuration is used, and what it says of a change."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import sys
from pathlib import Path

import pytest

from lsp_server.edits.change import Change, FileChange
from lsp_server.edits.verification import Finding, Outcome
from lsp_server.type_check import TIMEOUT_S, Checker, check_types, find_checker
from tests.unit.lsp_server.virtual_time import MovedLoop

BEFORE = "def f(x: int) -> int:\n    return x\n\n\ny: str = f(1)\n"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of these tests, which has mypy."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))


def change_of(folder: Path, after: str) -> Change:
    (folder / "a.py").write_text("on disk = another text\n")
    return Change("Do it", (FileChange((folder / "a.py").as_uri(), BEFORE, after, 1),))


def checked(folder: Path, after: str, *gone: str) -> tuple[Finding, ...]:
    return asyncio.run(check_types(change_of(folder, after), folder, gone, timeout_s=60))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("mypy.ini", "[mypy]\nstrict = True\n", {"mypy": {"strict": "True"}}),
        (
            "setup.cfg",
            "[mypy]\nwarn_unreachable = true\n[mypy-a.*]\nignore_errors = true\n[other]\nx = 1\n",
            {"mypy": {"warn_unreachable": "true"}, "mypy-a.*": {"ignore_errors": "true"}},
        ),
        (
            "pyproject.toml",
            """
            [tool.mypy]
            strict = true
            enable_error_code = ['a', 'b']
            [[tool.mypy.overrides]]
            module = ['c', 'd.*']
            ignore_missing_imports = true
            """,
            {
                "mypy": {"strict": "True", "enable_error_code": "a, b"},
                "mypy-c": {"ignore_missing_imports": "True"},
                "mypy-d.*": {"ignore_missing_imports": "True"},
            },
        ),
        (
            "mypy.ini",
            "[mypy]\nstrict = True\npython_executable = ./x\nhtml_report = ..\ninstall_types = 1\n",
            {"mypy": {"strict": "True"}},
        ),
    ],
)
def test_of_the_configuration_only_what_does_nothing_else_is_used(
    tmp_path: Path, name: str, text: str, expected: dict[str, dict[str, str]]
) -> None:
    (tmp_path / name).write_text(text)
    found = find_checker(tmp_path)
    assert isinstance(found, Checker)
    assert found.sections == expected
    assert found.executable == str(Path(sys.executable).with_name("mypy"))


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "has no configuration"),
        ({"setup.cfg": "[other]\n"}, "has no configuration"),
        ({"mypy.ini": "[mypy]\nplugins = evil.py\n"}, "would run plugins"),
        ({"pyproject.toml": "[tool.mypy]\nplugins = ['evil.py']\n"}, "would run plugins"),
        ({"pyproject.toml": "[tool.mypy\n"}, "cannot be read"),
        ({"mypy.ini": "strict\n"}, "cannot be read"),
    ],
)
def test_what_is_not_checked_says_why(tmp_path: Path, files: dict[str, str], reason: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found = find_checker(tmp_path)
    assert isinstance(found, str)
    assert reason in found
    finding, *_ = checked(tmp_path, "x = 1\n")
    assert (finding.outcome, finding.detail) == (Outcome.UNKNOWN, found)


def test_no_relative_place_in_the_path_leads_into_a_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mypy.ini").write_text("[mypy]\n")
    (tmp_path / "mypy").write_text("#!/bin/sh\n")
    (tmp_path / "mypy").chmod(0o700)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".:")
    assert find_checker(tmp_path) == "there is no mypy in the environment"


def test_new_errors_are_told_and_old_ones_are_not(tmp_path: Path) -> None:
    (tmp_path / "mypy.ini").write_text("[mypy]\n")
    (finding,) = checked(tmp_path, "# moves all\n" + BEFORE)
    assert (finding.outcome, finding.detail) == (Outcome.PASSED, "")
    (finding,) = checked(tmp_path, BEFORE.replace("return x", "return 'x'"))
    assert finding.outcome is Outcome.FAILED
    assert finding.detail.startswith("line 2 of a.py: Incompatible return value type")
    assert (tmp_path / "a.py").read_text() == "on disk = another text\n"
    assert sorted(it.name for it in tmp_path.iterdir()) == ["a.py", "mypy.ini"]


def test_what_was_complained_of_is_to_be_gone(tmp_path: Path) -> None:
    (tmp_path / "mypy.ini").write_text("[mypy]\n")
    complaint = "Incompatible types in assignment"
    (finding,) = checked(tmp_path, "# moves all\n" + BEFORE, complaint)
    assert finding.outcome is Outcome.FAILED
    assert finding.detail.startswith(f"line 6 of a.py: {complaint}")
    (finding,) = checked(tmp_path, BEFORE.replace("y: str", "y: int"), complaint)
    assert finding.outcome is Outcome.PASSED


def take_for_mypy(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    (folder / "mypy.ini").write_text("[mypy]\n")
    tool = folder / "bin/mypy"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\n{script}")
    tool.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tool.parent}:/bin")


def test_a_checker_that_takes_too_long_is_killed_with_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "/bin/sleep 1000 &\necho $! > started && mv started pid\nwait\n"
    take_for_mypy(tmp_path, monkeypatch, script)
    loop = MovedLoop()

    async def check() -> Finding:
        checking = asyncio.create_task(check_types(change_of(tmp_path, "x = 1\n"), tmp_path))
        async with asyncio.timeout(2 * TIMEOUT_S):
            while not (tmp_path / "pid").exists():  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.005)
        loop.ahead_s += TIMEOUT_S
        (finding,) = await checking
        return finding

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        finding = runner.run(check())
    assert (finding.outcome, finding.detail) == (Outcome.UNKNOWN, "mypy took more than 30 s")
    child = int((tmp_path / "pid").read_text())
    with contextlib.suppress(ProcessLookupError):  # it is gone already
        ends = os.pidfd_open(child)
        try:
            assert select.select([ends], [], [], 60)[0]
        finally:
            os.close(ends)


def test_a_checker_that_fails_says_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_for_mypy(tmp_path, monkeypatch, "echo what is this\nexit 2\n")
    finding, *_ = checked(tmp_path, "x = 1\n")
    assert (finding.outcome, finding.detail) == (Outcome.UNKNOWN, "mypy failed: what is this")
