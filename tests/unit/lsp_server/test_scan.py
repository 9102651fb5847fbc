"""Which files of a folder are read, whatever lies there."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lsp_server.workspace.exclusions import Exclusions
from lsp_server.workspace.scan import MAX_FILE_BYTES, scan


def found_in(folder: Path) -> tuple[list[str], Counter[str]]:
    skipped: Counter[str] = Counter()
    found = sorted(path for path, _ in scan(folder, Exclusions([folder]), skipped))
    return found, skipped


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x = 1\n")


def test_ignored_and_secret_files_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, "a.py", "src/b.py", "src/made/c.py", ".env", ".ssh/config", ".git/config")
    write(tmp_path, "src/kept/d.py", "notes.py")
    (tmp_path / ".gitignore").write_text("made/\n")
    (tmp_path / ".sparrowignore").write_text("/notes.py\n")
    found, skipped = found_in(tmp_path)
    assert found == [".gitignore", ".sparrowignore", "a.py", "src/b.py", "src/kept/d.py"]
    assert sum(skipped.values()) == 2  # what is ignored is not worth a word


def test_the_rules_above_a_workspace_folder_hold(tmp_path: Path) -> None:
    write(tmp_path, "package/a.py", "package/made/b.py", ".git/config")
    (tmp_path / ".gitignore").write_text("package/made\n")
    assert found_in(tmp_path / "package")[0] == ["a.py"]
    assert found_in(tmp_path / "package" / "made")[0] == []


def test_files_that_are_none_are_never_opened(tmp_path: Path) -> None:
    write(tmp_path, "a.py", "inner/b.py")
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "inner" / "loop").symlink_to(tmp_path)
    (tmp_path / "link.py").symlink_to("a.py")
    (tmp_path / "nowhere.py").symlink_to("missing")
    found, skipped = found_in(tmp_path)
    assert found == ["a.py", "inner/b.py"]
    assert skipped == {"not a regular file": 1, "a symbolic link": 3}


def test_a_large_file_and_a_name_that_is_not_utf8_are_counted(tmp_path: Path) -> None:
    write(tmp_path, "a.py")
    (tmp_path / "large.py").write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.py")).write_text("x = 1\n")
    found, skipped = found_in(tmp_path)
    assert found == ["a.py"]
    assert skipped == {"larger than 1 MiB": 1, "a name is not UTF-8": 1}


def test_a_folder_that_goes_away_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a.py", "gone/b.py")
    listing = os.scandir

    def vanishing(path: Path) -> Any:
        if Path(path).name == "gone":
            raise FileNotFoundError(2, "No such file or directory")
        return listing(path)

    monkeypatch.setattr(os, "scandir", vanishing)
    found, skipped = found_in(tmp_path)
    assert found == ["a.py"]
    assert skipped == {"a folder cannot be read (No such file or directory)": 1}


def test_a_scan_agrees_with_what_is_asked_of_each_file(tmp_path: Path) -> None:
    names = [f"{a}/{b}/{c}.{d}" for a in "xy" for b in "uv" for c in "ab" for d in ("py", "log")]
    write(tmp_path, *names)
    (tmp_path / ".gitignore").write_text("*.log\n!/x/u/*.log\n/y/v/\n")
    (tmp_path / "x" / ".gitignore").write_text("a.py\n!v/a.log\n")
    exclusions = Exclusions([tmp_path])
    asked = [name for name in names if not exclusions.reason(tmp_path / name)]
    found, _ = found_in(tmp_path)
    assert [name for name in found if not name.endswith(".gitignore")] == sorted(asked)
