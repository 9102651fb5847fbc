"""Copies of a workspace: what is in them, and what becomes of them and of the workspace."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from lsp_server.agent.copies import Copies, PathRefused
from lsp_server.agent.snapshot import Snapshot, Unsaved

IDENTITY = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *IDENTITY, "-c", "protocol.file.allow=always", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def everything(folder: Path) -> dict[str, str]:
    """All files below a folder with hashes of their bytes, those of `.git` included."""
    return {
        path.relative_to(folder).as_posix(): (
            str(path.readlink())
            if path.is_symlink()
            else hashlib.sha256(path.read_bytes()).hexdigest()
        )
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def changed(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture
def copies(tmp_path: Path) -> Iterator[Copies]:
    memory = tmp_path / "memory"
    memory.mkdir()
    made = Copies(tmp_path / "cache", memory)
    yield made
    made.close()
    assert [it for it in tmp_path.rglob("*.lock") if "repository" not in it.parts] == []
    assert list((tmp_path / "cache/copies").iterdir()) == []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    for path, text in {
        "src/a.py": b"a = 1\r\nb = 2\r\n",
        "src/gone.py": b"",
        "src/dirty.py": b"x = 1\n",
        "run.sh": b"#!/bin/sh\n",
        "bom.py": b"\xef\xbb\xbfx = 1\n",
        ".gitignore": b"*.log\nbuild/\n_version.py\n.venv/\n",
        "key.pem": b"a fixture",
    }.items():
        place = folder / path
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(text)
    (folder / "run.sh").chmod(0o755)
    (folder / "link.py").symlink_to("src/a.py")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "First")
    return folder


async def test_what_is_committed_what_is_not_and_what_is_unsaved(
    repository: Path, copies: Copies
) -> None:
    (repository / "src/dirty.py").write_text("x = 22\n")
    (repository / "src/gone.py").unlink()
    (repository / "new").mkdir()
    (repository / "new/new.py").write_text("n = 1\n")
    (repository / "src/_version.py").write_text("version = '1'\n")
    (repository / "noise.log").write_text("")
    (repository / ".env").write_text("KEY=1")
    (repository / ".venv/lib").mkdir(parents=True)
    (repository / ".venv/pyvenv.cfg").write_text("")
    # Which the ignore rule, as it ends with a slash, does not name.
    (repository / "linked").symlink_to(".venv")
    before = everything(repository)
    snapshot = await Snapshot.take(
        repository,
        {"bom.py": Unsaved(7, "x = 2\n"), "src/never_saved.py": Unsaved(1, "y = 1\n")},
        copies=copies,
    )
    async with snapshot.copy({"src/a.py": "a = 2\r\n", "src/deep/er.py": "z = 1\n"}) as copy:
        found = {path: (copy / path).read_bytes() for path in everything(copy)}
        assert os.access(copy / "run.sh", os.X_OK)
        assert str((copy / "link.py").readlink()) == "src/a.py"
    assert found == {
        ".gitignore": b"*.log\nbuild/\n_version.py\n.venv/\n",
        "bom.py": b"\xef\xbb\xbfx = 2\n",
        "key.pem": b"a fixture",
        "link.py": b"a = 2\r\n",
        "new/new.py": b"n = 1\n",
        "run.sh": b"#!/bin/sh\n",
        "src/_version.py": b"version = '1'\n",
        "src/a.py": b"a = 2\r\n",
        "src/deep/er.py": b"z = 1\n",
        "src/dirty.py": b"x = 22\n",
        "src/never_saved.py": b"y = 1\n",
    }
    assert snapshot.head == git(repository, "rev-parse", "HEAD")
    assert [(it.path, it.kind, it.version) for it in snapshot.changed] == [
        ("bom.py", "unsaved", 7),
        ("new/new.py", "untracked", None),
        ("src/dirty.py", "dirty", None),
        ("src/never_saved.py", "unsaved", 1),
    ]
    assert snapshot.changed[2].sha256 == hashlib.sha256(b"x = 22\n").hexdigest()
    assert snapshot.missing[1].startswith("1 files that look like secrets")
    assert snapshot.text("src/a.py") == "a = 1\r\nb = 2\r\n"
    assert snapshot.text("bom.py") == "x = 2\n"
    assert snapshot.text("link.py") is None
    assert everything(repository) == before


async def test_the_repository_is_not_written_to(repository: Path, copies: Copies) -> None:
    """Nor does anything of it run."""
    hook = repository / "monitor"
    hook.write_text(f"#!/bin/sh\ntouch {repository}/monitored\n")
    hook.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(hook))
    os.utime(repository / "src/a.py", (1, 1))  # so that git would refresh its index
    before = everything(repository)
    times = changed(repository)
    snapshot = await Snapshot.take(repository, copies=copies)
    async with snapshot.copy() as copy:
        (copy / "src/a.py").write_text("other")
    assert everything(repository) == before
    assert changed(repository) == times


async def test_submodules(repository: Path, copies: Copies, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    git(inner, "init", "--quiet")
    (inner / "i.py").write_text("i = 1\n")
    git(inner, "add", "--all")
    git(inner, "commit", "--quiet", "--message", "Inner")
    git(repository, "submodule", "--quiet", "add", str(inner), "sub")
    (repository / "sub/i.py").write_text("i = 22\n")
    (repository / "sub/new.py").write_text("")
    snapshot = await Snapshot.take(repository, copies=copies)
    assert {"sub/i.py", "sub/new.py", ".gitmodules"} <= set(snapshot.paths)
    assert snapshot.text("sub/i.py") == "i = 22\n"
    kinds = {it.path: it.kind for it in snapshot.changed}
    assert (kinds["sub/i.py"], kinds["sub/new.py"]) == ("dirty", "untracked")


async def test_a_folder_in_a_repository(repository: Path, copies: Copies) -> None:
    (repository / "src/dirty.py").write_text("x = 22\n")
    snapshot = await Snapshot.take(repository / "src", copies=copies)
    assert snapshot.paths == ("a.py", "dirty.py", "gone.py")
    assert [it.path for it in snapshot.changed] == ["dirty.py"]


async def test_what_is_no_repository(tmp_path: Path, copies: Copies) -> None:
    folder = tmp_path / "plain"
    for path in ("a.py", "node_modules/x/index.js", "big/b.py", ".env", "out/o.py"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("text")
    (folder / ".gitignore").write_text("out/\n")
    os.mkfifo(folder / "pipe")
    snapshot = await Snapshot.take(folder, copies=copies)
    assert snapshot.paths == (".gitignore", "a.py", "big/b.py")
    assert (snapshot.head, snapshot.changed) == ("", ())


async def test_a_repository_that_git_does_not_read(tmp_path: Path, copies: Copies) -> None:
    """As where it is another user's, or broken: the files are there all the same."""
    (tmp_path / "work" / ".git").mkdir(parents=True)
    (tmp_path / "work" / "a.py").write_text("a = 1\n")
    snapshot = await Snapshot.take(tmp_path / "work", copies=copies)
    assert list(snapshot.paths) == ["a.py"]
    assert "git does not read it" in snapshot.missing[0]


@pytest.mark.parametrize(
    "path",
    ["../out.py", "/etc/x", "a/../../x", "", "a//b", "a\\b", "C:/x", "out/x.py", "link.py", "a\0b"],
)
async def test_nothing_is_written_outside_of_a_copy(
    repository: Path, copies: Copies, path: str, tmp_path: Path
) -> None:
    (repository / "out").symlink_to(tmp_path)
    snapshot = await Snapshot.take(repository, copies=copies)
    with pytest.raises(PathRefused):
        async with snapshot.copy({path: "text"}):
            pass
    assert not (tmp_path / "x.py").exists()


async def test_a_copy_is_removed_whatever_happens(repository: Path, copies: Copies) -> None:
    snapshot = await Snapshot.take(repository, copies=copies)
    left: list[Path] = []

    async def use() -> AsyncIterator[None]:
        async with snapshot.copy() as copy:
            left.append(copy)
            (copy / "shut/in").mkdir(parents=True)
            (copy / "shut/in/file").write_text("")
            (copy / "shut/in").chmod(0)
            (copy / "shut").chmod(0o500)
            yield
            await asyncio.Event().wait()

    using = use()
    await anext(using)
    stuck = asyncio.ensure_future(anext(using))
    await asyncio.wait((stuck,), timeout=0)
    stuck.cancel()
    await asyncio.wait((stuck,))
    assert left[0].parent.exists()
    assert not left[0].exists()


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    """And nothing that a living one holds."""
    script = """
import os, sys, pathlib
from lsp_server.agent.copies import Copies
folder = pathlib.Path(sys.argv[1])
copies = Copies(folder / "cache", None)
(copies.new() / "file").write_text("")
print(copies.new(), flush=True)
sys.stdin.read()
os.kill(os.getpid(), 9)
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    folders = []
    for process in processes:
        assert process.stdout
        folders.append(Path(process.stdout.readline().strip()))
    processes[0].communicate()
    assert folders[0].exists()
    copies = Copies(tmp_path / "cache", None)
    assert not folders[0].parent.exists()
    assert folders[1].exists()
    copies.close()
    processes[1].communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")
def test_a_sandbox_that_never_began_ends_with_the_copy_that_it_was_for(tmp_path: Path) -> None:
    waits = ("-c", "import time; time.sleep(60)")
    left, other = tmp_path / "copies" / "left", tmp_path / "copies" / "left-not"
    processes = []
    for name, folder in (("bwrap", left), ("bwrap", other), ("python", left)):
        folder.mkdir(parents=True, exist_ok=True)
        argv = [name, *waits, "--bind", f"{folder}/1"]
        processes.append(subprocess.Popen(argv, executable=sys.executable))
    try:
        with FileLock(tmp_path / "copies" / "left-not.lock"):
            Copies(tmp_path, memory=None).close()
        assert processes[0].wait(30) == -signal.SIGKILL
        assert [it.poll() for it in processes[1:]] == [None, None]
        assert not left.exists()
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_large_copies_lie_on_the_disk(tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    memory.mkdir()
    copies = Copies(tmp_path / "cache", memory)
    assert copies.new(1000).is_relative_to(memory)
    assert not copies.new(10**12).is_relative_to(memory)
    assert not copies.new().is_relative_to(memory)
    copies.close()


def test_memory_that_others_could_write_to_is_not_used(tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    (memory / f"sparrow-code-{os.getuid()}").mkdir(parents=True, mode=0o777)
    (memory / f"sparrow-code-{os.getuid()}").chmod(0o777)
    copies = Copies(tmp_path / "cache", memory)
    assert copies.new(1000).is_relative_to(tmp_path / "cache")
    copies.close()
