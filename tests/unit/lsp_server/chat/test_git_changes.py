"""What has changed since the last commit; nothing that a repository configures is run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from lsp_server.chat.git_changes import changed_paths, describe_change
from lsp_server.chat.transcript import ChatRefused
from lsp_server.workspace.documents import split_lines
from tests.unit.lsp_server.on_loop import on_loop


def git(folder: Path, *arguments: str) -> None:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    own = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main")
    subprocess.run(
        ["git", *own, *arguments], cwd=folder, check=True, capture_output=True, env=environment
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "repo/inner"
    root.mkdir(parents=True)
    for name, text in (("a.py", "one\ntwo\n"), ("gone.py", "x\n"), ("same.py", "x\n")):
        (root / name).write_text(text)
    (root.parent / "outer.py").write_text("x\n")
    (root.parent / ".gitignore").write_text("*.log\n")
    git(root.parent, "init", "-q")
    git(root.parent, "add", ".")
    git(root.parent, "commit", "-q", "-m", "first")
    (root / "a.py").write_text("one\r\nthree\r\n")
    (root / "gone.py").unlink()
    (root / "größe 🐦.py").write_text("new\n")
    (root / "noise.log").write_text("x\n")
    (root.parent / "outer.py").write_text("y\n")
    os.utime(root / "same.py", (1, 1))
    return root


async def diff_of(folder: Path, path: str) -> str:
    async def read(name: str) -> Sequence[str] | None:
        file = folder / name
        return split_lines(file.read_bytes().decode()) if file.exists() else None

    return await describe_change(folder, path, read)


@on_loop
async def test_changes_are_of_the_folder_alone(folder: Path) -> None:
    changed = await changed_paths(folder)
    assert {"a.py", "gone.py", "größe 🐦.py"} <= set(changed)
    assert set(changed) <= {"a.py", "gone.py", "größe 🐦.py", "same.py"}
    assert await diff_of(folder, "a.py") == (
        "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n"
    )
    assert await diff_of(folder, "gone.py") == "--- a/gone.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    assert "--- /dev/null\n+++ b/größe 🐦.py\n" in await diff_of(folder, "größe 🐦.py")
    assert await diff_of(folder, "same.py") == ""


@on_loop
async def test_nothing_that_a_repository_configures_is_run(folder: Path) -> None:
    mark = folder.parent / "ran"
    command = f"touch {mark}"
    for name in ("filter.x.clean", "filter.x.smudge", "diff.external", "diff.x.textconv"):
        git(folder, "config", name, command)
    git(folder, "config", "core.fsmonitor", command)
    git(folder, "config", "core.pager", command)
    (folder / ".gitattributes").write_text("*.py filter=x diff=x\n")
    hook = folder.parent / ".git/hooks/post-index-change"
    hook.write_text(f"#!/bin/sh\n{command}\n")
    hook.chmod(0o755)
    assert "a.py" in await changed_paths(folder)
    assert "+three" in await diff_of(folder, "a.py")
    assert not mark.exists()


@on_loop
async def test_where_there_is_no_repository_it_is_said(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: /nowhere\n")
    with pytest.raises(ChatRefused, match="since git failed: fatal"):
        await changed_paths(tmp_path)


@on_loop
async def test_before_the_first_commit_all_is_new(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "a.py").write_text("x\n")
    (tmp_path / "b.py").write_text("x\n")
    git(tmp_path, "add", "a.py")
    assert await changed_paths(tmp_path) == ["a.py", "b.py"]
    assert "+x" in await diff_of(tmp_path, "a.py")
