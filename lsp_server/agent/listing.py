"""Which files of a workspace belong into its snapshot: what git knows, and what is new and not ignored.

Tracked files are taken whatever they are called. Of the others those that look like secrets, and those
that `.sparrowignore` names, are left out: a test could print them. Of what git ignores only code that
a build has made between the sources is taken. git is asked in a way that runs nothing of the
repository: no hook and no monitor of its own.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lsp_server.agent.toolchain import is_installed
from lsp_server.workspace.exclusions import Exclusions, FolderRules, looks_secret
from lsp_server.workspace.ignore_rules import parse, verdict

GIT_TIMEOUT_S = 30.0
_COMPILED = re.compile(r"(?:^|/)__pycache__/")  # which is made anew
_MADE = re.compile(r"(?:.*/)?(?:_?version\.py|[^/]+\.(?:so|pyd)|[^/]+_pb2(?:_grpc)?\.py)")
_MADE_FOLDER = re.compile(r"(?:.*/)?[^/]+\.(?:egg-info|dist-info)/")


@dataclass(frozen=True, slots=True)
class Listing:
    """Paths below the root; `dirty` and `untracked` are among them. `head` is empty without git."""

    paths: list[str]
    dirty: list[str]
    untracked: list[str]
    head: str
    missing: tuple[str, ...]


def list_files(root: Path) -> Listing:
    """The files of a folder; those of a submodule are among those of the whole."""
    head = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    is_repository = head is not None or _git(root, "rev-parse", "--git-dir") is not None
    if not is_repository:
        walked = (it for it in _walk(root) if not _COMPILED.search(it))
        paths = [it for it in walked if not looks_secret(PurePosixPath(it))]
        return Listing(paths, [], [], "", (_why_no_history(root),))
    tracked, dirty, untracked = _of_repository(root)
    hidden = _hidden(root)
    shown = [it for it in untracked if not hidden(it)]
    made = [it for it in _made(root) if not looks_secret(PurePosixPath(it))]
    missing = ["the repository's history"]
    if secret := len(untracked) - len(shown):
        missing.append(f"{secret} files that look like secrets, or that .sparrowignore names")
    return Listing(
        [it for it in dict.fromkeys([*tracked, *shown, *made]) if not _COMPILED.search(it)],
        dirty,
        shown,
        (head or "").strip(),
        tuple(missing),
    )


def _why_no_history(root: Path) -> str:
    if any((it / ".git").exists() for it in (root, *root.parents)):
        return "a history, since git does not read it (`git status` says why)"
    return "a history, since the folder is no repository of git's"


def _of_repository(root: Path) -> tuple[list[str], list[str], list[str]]:
    """Tracked, dirty and untracked files of a repository and its submodules."""
    tracked: list[str] = []
    submodules: list[str] = []
    for entry in _lines(_git(root, "ls-files", "-z", "--cached", "--stage")):
        mode_and_more, _, path = entry.partition("\t")
        (submodules if mode_and_more.startswith("160000") else tracked).append(path)
    dirty = _lines(_git(root, "diff-files", "-z", "--name-only", "--relative"))
    dirty += _lines(_git(root, "diff-index", "-z", "--cached", "--name-only", "--relative", "HEAD"))
    others = _lines(_git(root, "ls-files", "-z", "--others", "--exclude-standard", "--directory"))
    untracked: list[str] = []
    for path in others:
        if not path.endswith("/"):
            if not _is_linked_environment(root / path):
                untracked.append(path)
        elif not is_installed(root / path):
            untracked += (f"{path}{it}" for it in _untracked_in(root, path))
    for path in submodules:
        if (root / path / ".git").exists():
            inner = _of_repository(root / path)
            for known, found in zip((tracked, dirty, untracked), inner, strict=True):
                known.extend(f"{path}/{it}" for it in found)
    known_dirty = [it for it in dict.fromkeys(dirty) if it not in set(submodules)]
    return tracked, known_dirty, untracked


def _untracked_in(root: Path, path: str) -> Iterator[str]:
    """What is in a folder of which git knows nothing; one may be a repository of its own."""
    folder = root / path
    rules = Exclusions([root]).folder(folder)
    if rules is not None and not (folder / ".git").exists():
        yield from _walk(folder, rules)


def _is_linked_environment(path: Path) -> bool:
    """Whether it is a link to an environment: one that tests run with is shown in its place."""
    return path.is_symlink() and (path / "pyvenv.cfg").is_file()


def _made(root: Path) -> Iterator[str]:
    ignored = _git(
        root, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"
    )
    for path in _lines(ignored):
        if _MADE.fullmatch(path):
            yield path
        elif _MADE_FOLDER.fullmatch(path):
            with os.scandir(root / path) as entries:
                yield from (f"{path}{it.name}" for it in entries if it.is_file())


def _hidden(root: Path) -> Callable[[str], bool]:
    """Whether an untracked file is to be left out."""
    try:
        rules = parse((root / ".sparrowignore").read_text("utf-8", "replace"))
    except OSError:
        rules = []

    def is_hidden(path: str) -> bool:
        place = PurePosixPath(path)
        folders = range(1, len(place.parts))
        return looks_secret(place) or any(
            verdict(rules, place.parts[:end], is_folder=end in folders)
            for end in range(1, len(place.parts) + 1)
            if rules
        )

    return is_hidden


def _walk(folder: Path, rules: FolderRules | None = None) -> Iterator[str]:
    """The files below a folder that no ignore file leaves out; folders of packages are passed over."""
    rules = rules or Exclusions([folder]).folder(folder)
    waiting: list[tuple[str, FolderRules]] = [("", rules)] if rules is not None else []
    while waiting:
        below, rules = waiting.pop()
        try:
            with os.scandir(folder / below) as entries:
                found = list(entries)
        except OSError:
            continue
        for entry in found:
            path = f"{below}/{entry.name}" if below else entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if rules.reason(entry.name, is_folder=is_folder):
                continue
            if not is_folder:
                if not _is_linked_environment(Path(entry.path)):
                    yield path
            elif not is_installed(Path(entry.path)):
                waiting.append((path, rules.enter(entry.name)))


def _lines(output: str | None) -> list[str]:
    return [it for it in (output or "").split("\0") if it]


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says, or None where it fails or is not there."""
    environment = {key: it for key, it in os.environ.items() if not key.startswith("GIT_")}
    try:
        asked = subprocess.run(  # noqa: S603 - the user's own git
            [
                *("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"),
                *("-c", "core.untrackedCache=false", "-c", "core.quotePath=false"),
                *arguments,
            ],
            cwd=folder,
            env={**environment, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return os.fsdecode(asked.stdout) if asked.returncode == 0 else None
