"""Runs the user's own type checkers, and tells which of their errors are new.

What nobody waits for any more is killed, with all that it has started.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
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


async def compare(
    checker: str,
    run: Callable[[Mapping[Path, str], int], Awaitable[Errors | str]],
    files: Sequence[Text],
    gone: Sequence[str],
    timeout_s: float,
) -> list[str] | str:
    """What is wrong with files behind a change and was not before, in words; or why it is not known.

    Each error whose message begins with one of `gone` is to be there less often.
    `run` finds the errors of texts by their paths, or says why it found none that count; it is asked
    twice, with the number of the run. Both together take no longer than `timeout_s`.
    """
    try:
        async with asyncio.timeout(timeout_s):
            before = await run({it.path: it.before for it in files}, 0)
            after = await run({it.path: it.after for it in files}, 1)
    except TimeoutError:
        return f"{checker} took more than {timeout_s:g} s"
    except OSError as error:
        return f"{checker} could not be run: {error}"
    if isinstance(before, str) or isinstance(after, str):
        return before if isinstance(before, str) else str(after)
    return _find_new(before, after, gone)


def _find_new(before: Errors, after: Errors, gone: Sequence[str]) -> list[str]:
    return [
        f"line {lines[-1]} of {path}: {message}"
        for (path, message), lines in after.items()
        if (path, message) not in before
        or (message.startswith(tuple(gone)) and len(lines) >= len(before[path, message]))
    ]
