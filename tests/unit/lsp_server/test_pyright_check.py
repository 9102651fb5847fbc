"""The user's own pyright: what of its configuration is used, and what it says of a change."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from lsp_server.edits.change import Change, FileChange
from lsp_server.edits.verification import Finding, Outcome
from lsp_server.pyright_check import Pyright, find_pyright, show
from lsp_server.type_check import check_types

BEFORE = "from pkg.other import number\n\n\nx: str = number()\n"
OTHER = "def number() -> int:\n    return 1\n"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of these tests, which has pyright, and what that runs on."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def workspace(folder: Path) -> Path:
    (folder / "pkg").mkdir()
    (folder / "pkg" / "__init__.py").touch()
    (folder / "pkg" / "other.py").write_text(OTHER)
    (folder / "pkg" / "a.py").write_text("on disk = another text\n")
    return folder


def checked(folder: Path, after: str, *gone: str, timeout_s: float = 60) -> tuple[Finding, ...]:
    change = Change("Do it", (FileChange((folder / "pkg/a.py").as_uri(), BEFORE, after, 1),))
    return asyncio.run(check_types(change, folder, gone, timeout_s))


def fake(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    tool = folder / "tools" / "pyright"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:/usr/bin:/bin")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "pyrightconfig.json",
            '{\n  // how\n  "typeCheckingMode": "strict", /* a "b" */ "stubPath": "//stubs",\n}\n',
            {"typeCheckingMode": "strict", "stubPath": "//stubs"},
        ),
        (
            "pyproject.toml",
            "[tool.pyright]\nreportMissingImports = false\ninclude = ['x']\n[[tool.pyright.executionEnvironments]]\nroot = 'src'\nx = 1\n",
            {"reportMissingImports": False, "executionEnvironments": [{"root": "src"}]},
        ),
    ],
)
def test_of_the_configuration_only_what_does_nothing_else_is_used(
    tmp_path: Path, name: str, text: str, expected: dict[str, object]
) -> None:
    (tmp_path / name).write_text(text)
    found = find_pyright(tmp_path)
    assert isinstance(found, Pyright)
    assert found.settings == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "pyright's configuration cannot be read: "),
        ("[]", "pyright's configuration cannot be read: it is no table of settings"),
        ('{"extends": "../x.json"}', "pyright's configuration extends another one"),
    ],
)
def test_what_is_not_checked_says_why(tmp_path: Path, text: str, reason: str) -> None:
    (workspace(tmp_path) / "pyrightconfig.json").write_text(text)
    (finding,) = checked(tmp_path, "x = 1\n")
    assert finding.outcome is Outcome.UNKNOWN
    assert finding.detail.startswith(reason)


def test_where_no_checker_is_used_it_says_so(tmp_path: Path) -> None:
    (finding,) = checked(workspace(tmp_path), "x = 1\n")
    assert (finding.outcome, finding.detail) == (
        Outcome.UNKNOWN,
        "the workspace has no configuration of mypy",
    )


def test_new_errors_are_told_and_old_ones_are_not(tmp_path: Path) -> None:
    (workspace(tmp_path) / "pyrightconfig.json").write_text("{}")
    (finding,) = checked(tmp_path, f"{BEFORE}\nz: bytes = number()\n")
    assert finding.outcome is Outcome.FAILED
    assert finding.detail.startswith('line 6 of pkg/a.py: Type "int" is not assignable to')
    assert (tmp_path / "pkg" / "a.py").read_text() == "on disk = another text\n"


def test_what_was_complained_of_is_to_be_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"severity": "error", "message": "It is\n wrong", "range": {"start": {"line": 3}}}
    told = json.dumps({"generalDiagnostics": [{**said, "file": "x.py"}]})
    (tmp_path / "told.json").write_text(told)
    fake(tmp_path, monkeypatch, f"cat {tmp_path / 'told.json'}; exit 1")
    (workspace(tmp_path) / "pyrightconfig.json").write_text("{}")
    assert [it.outcome for it in checked(tmp_path, "x = 1\n")] == [Outcome.PASSED]
    (finding,) = checked(tmp_path, "x = 1\n", "It is wrong")
    assert (finding.outcome, finding.detail) == (Outcome.FAILED, "line 4 of x.py: It is wrong")


@pytest.mark.parametrize(
    ("script", "timeout_s", "reason"),
    [
        ("exit 3", 60, "pyright failed, with the exit code 3"),
        ("echo no; exit 0", 60, "pyright failed, with the exit code 0"),
        ("exec sleep 600", 0.2, "pyright took more than 0.2 s"),
    ],
)
def test_a_checker_that_fails_refuses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, timeout_s: float, reason: str
) -> None:
    fake(tmp_path, monkeypatch, script)
    (workspace(tmp_path) / "pyrightconfig.json").write_text("{}")
    (finding,) = checked(tmp_path, "x = 1\n", timeout_s=timeout_s)
    assert (finding.outcome, finding.detail) == (Outcome.UNKNOWN, reason)


def test_a_folder_looks_as_the_other_but_for_some_texts(tmp_path: Path) -> None:
    folder = tmp_path / "w"
    folder.mkdir()
    workspace(folder)
    show(folder, tmp_path / "shown", {"pkg/a.py": "new\r\n", "made/b.py": "made\n"})
    shown = tmp_path / "shown"
    assert (shown / "pkg" / "a.py").read_bytes() == b"new\r\n"
    assert (shown / "made" / "b.py").read_text() == "made\n"
    assert (shown / "pkg" / "other.py").resolve() == folder / "pkg" / "other.py"
    assert not (shown / "pkg").is_symlink()
