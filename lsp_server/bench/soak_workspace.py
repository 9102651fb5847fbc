"""The soak's workspace: a made repository under git, with branches that differ in many files."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

from lsp_server.bench.index_made import make_repository
from lsp_server.bench.measure import CouldNotRun

FILES = 240
BRANCHES = ("main", "left", "right")
# A line of each Python file, which the scripted model turns into the other one.
MARKS = ("MARK = 0\n", "MARK = 1\n")
_CHANGED_FILES = 40  # of a branch
_REMOVED_FILES = 6
_ABOVE_MARK = "logger = logging.getLogger(__name__)\n"


def make_workspace(folder: Path, seed: int) -> None:
    """Writes and commits it; `main` is checked out. Raises `CouldNotRun` where git is not there."""
    folder.mkdir()
    make_repository(folder, FILES)
    for file in python_files(folder):
        text = file.read_text()
        file.write_text(text.replace(_ABOVE_MARK, f"{_ABOVE_MARK}{MARKS[0]}", 1))
    chosen = random.Random(seed)  # noqa: S311 - which files
    git(folder, "init", "--quiet", "--initial-branch", BRANCHES[0])
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Begin")
    for branch in BRANCHES[1:]:
        git(folder, "checkout", "--quiet", "-b", branch, BRANCHES[0])
        files = chosen.sample(python_files(folder), _CHANGED_FILES)
        for file in files[_REMOVED_FILES:]:
            file.write_text(
                f"{file.read_text()}\n\ndef only_{branch}() -> str:\n    return {branch!r}\n"
            )
        for file in files[:_REMOVED_FILES]:
            file.unlink()
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", f"Go {branch}")
    git(folder, "checkout", "--quiet", BRANCHES[0])


def python_files(folder: Path) -> list[Path]:
    """Those with a mark, in a fixed order."""
    return sorted(it for it in (folder / "services").glob("*/*.py") if it.name != "__init__.py")


def git(folder: Path, *arguments: str) -> str:
    """What git says; its settings are our own, not the user's. Raises `CouldNotRun`."""
    options = ("-c", "user.name=soak", "-c", "user.email=soak@localhost", "-c", "gc.auto=0")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    try:
        answer = subprocess.run(  # noqa: S603 - our own arguments
            ["git", "-C", str(folder), *options, *arguments],  # noqa: S607 - wherever it is
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
    except FileNotFoundError as error:
        raise CouldNotRun("git is not installed") from error
    except subprocess.CalledProcessError as error:
        raise CouldNotRun(f"git {arguments[0]} failed: {error.stderr.strip()}") from error
    return answer.stdout
