"""What has changed since the last commit, by git's own store and our own comparison.

git is asked for names and for committed contents alone, and never for a difference: that would run
the filters and comparison tools that a repository's configuration may name.
"""

from __future__ import annotations

import asyncio
import difflib
import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from lsp_server.chat.transcript import ChatRefused

TIMEOUT_S = 10.0
MAX_FILES = 200
MAX_COMMITTED_BYTES = 2 * 1024 * 1024
_CONTEXT_LINES = 3
# Nothing of a repository's configuration is to run, and nothing is written.
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-optional-locks")


async def changed_paths(root: Path) -> list[str]:
    """The files that differ from the last commit, or are new, relative to a folder; sorted.

    Raises `ChatRefused` where there is no repository, or no git.
    """
    # Without a commit all that is tracked is new; `diff-index` compares by size and time of change.
    has_commit = await _git(root, "rev-parse", "--verify", "--quiet", "HEAD", may_fail=True)
    tracked = (
        await _git(root, "diff-index", "--name-only", "-z", "--relative", "HEAD", "--", ".")
        if has_commit
        else await _git(root, "ls-files", "-z", "--", ".")
    )
    new = await _git(root, "ls-files", "-z", "--others", "--exclude-standard", "--", ".")
    names = {os.fsdecode(name) for name in (tracked + new).split(b"\0") if name}
    return sorted(names)


async def describe_change(
    root: Path, path: str, read: Callable[[str], Awaitable[Sequence[str] | None]]
) -> str:
    """How a file differs from the last commit, as a unified diff; empty where it does not.

    `read` gives the file's lines as they are now, None where it is not there any more.
    """
    # Behind `./` a name is relative to the folder that git runs in.
    committed = await _git(root, "cat-file", "blob", f"HEAD:./{path}", may_fail=True)
    if len(committed) > MAX_COMMITTED_BYTES or b"\0" in committed:
        return f"--- a/{path}\n+++ b/{path}\n(it is large, or no text)\n"
    before = committed.decode("utf-8", "replace").splitlines()
    now = await read(path)
    after = [line.rstrip("\r\n") for line in now or ()]
    if after and not after[-1]:
        after.pop()  # behind the last line ending
    if before == after:
        return ""
    diff = await asyncio.to_thread(
        lambda: list(
            difflib.unified_diff(
                before,
                after,
                f"a/{path}" if before else "/dev/null",
                "/dev/null" if now is None else f"b/{path}",
                n=_CONTEXT_LINES,
                lineterm="",
            )
        )
    )
    return "".join(f"{line}\n" for line in diff)


async def _git(root: Path, *arguments: str, may_fail: bool = False) -> bytes:
    """What git says. Raises `ChatRefused` where it fails, unless it may: then it says nothing."""
    git = shutil.which("git")
    if git is None:
        raise ChatRefused("the changes are not known: there is no git here", "Install git.")
    process = await asyncio.create_subprocess_exec(
        *(git, *_SAFE, *arguments),
        cwd=root,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            answer, complaint = await process.communicate()
    except TimeoutError:
        raise ChatRefused(f"git did not answer within {TIMEOUT_S:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode and not may_fail:
        lines = complaint.decode("utf-8", "replace").strip().splitlines() or ["it does not say why"]
        raise ChatRefused(f"the changes of {root.name} are not known, since git failed: {lines[0]}")
    return b"" if process.returncode else answer
