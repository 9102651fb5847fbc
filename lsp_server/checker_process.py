"""Runs the user's own type checkers, and tells which of their errors are new.

What nobody waits for any more is killed, with all that it has started.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lsp_server import process_group

_MAX_END_S = 5.0  # for what was killed to be gone
_MAX_OUTPUT_BYTES = 4 * 1024 * 1024

Errors = dict[tuple[str, str], list[int]]  # by file and message, the lines


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text before a change and after it."""

    path: Path
    before: str
    after: str


def find_executable(name: str) -> str | None:
    """Only from places that are written out in full: no name in `PATH` may lead into a repository."""
    places = os.environ.get("PATH", "").split(os.pathsep)
    return shutil.which(name, path=os.pathsep.join(filter(os.path.isabs, places)))


async def run_checker(
    argv: Sequence[str], folder: Path, environment: Mapping[str, str], *, is_mixed: bool = True
) -> tuple[int | None, str]:
    """The exit code, and what was said; also on the error stream, where that `is_mixed` in.

    Raises OSError. Where it is cancelled nothing is left running.
    """
    process = await process_group.start(
        *argv,
        max_end_s=_MAX_END_S,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT if is_mixed else asyncio.subprocess.DEVNULL,
        limit=_MAX_OUTPUT_BYTES,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            await process_group.end(process, _MAX_END_S)
    return process.returncode, output[:_MAX_OUTPUT_BYTES].decode("utf-8", "replace")


def find_new(before: Errors, after: Errors, gone: Sequence[str]) -> list[str]:
    """What is wrong now and was not, in words.

    Each error whose message begins with one of `gone` is to be there less often.
    """
    return [
        f"line {lines[-1]} of {path}: {message}"
        for (path, message), lines in after.items()
        if (path, message) not in before
        or (message.startswith(tuple(gone)) and len(lines) >= len(before[path, message]))
    ]
