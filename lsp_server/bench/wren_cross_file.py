"""Lines and calls that need another file, as the context benchmark makes them, as tasks for an engine.

An engine is shown what Sparrow's own retrieval finds for the place, and may search the files that the
current one has to do with, as in the editor. The repositories are those that retrieval was not tuned on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from lsp_server.bench.context import TUNED_ON, package_cache
from lsp_server.bench.context_code import Code
from lsp_server.bench.context_packages import read_releases, unpack_releases
from lsp_server.bench.context_run import read_repository
from lsp_server.bench.context_snapshot import MemorySnapshot, Repository
from lsp_server.bench.context_tasks import Task, make_tasks, visible_lines
from lsp_server.bench.context_tokens import count_tokens
from lsp_server.bench.wren_tasks import LineTask
from lsp_server.context.related import related_files
from lsp_server.context.retrieval import assemble

_EXCERPT_TOKENS = 700
_SEARCHED_FILES = 8
_PER_KIND, _PER_KIND_QUICK = 30, 8
_REPOSITORIES_QUICK = 2


def cross_file_tasks(
    data: Path | None, say: Callable[[str], None], *, quick: bool
) -> dict[str, tuple[LineTask, ...]]:
    """By kind, `line` and `call`. Raises `CouldNotRun` where a repository cannot be had."""
    releases = [it for it in read_releases(None) if it.name not in TUNED_ON]
    folders = unpack_releases(
        releases[:_REPOSITORIES_QUICK] if quick else releases, package_cache(), data, say
    )
    made: dict[str, list[LineTask]] = {"line": [], "call": []}
    for release, folder in folders.items():
        say(f"reading {release}")
        for kind, task in _tasks(str(release), folder, _PER_KIND_QUICK if quick else _PER_KIND):
            made[kind].append(task)
    return {kind: tuple(tasks) for kind, tasks in made.items()}


def _tasks(name: str, folder: Path, per_kind: int) -> Iterator[tuple[str, LineTask]]:
    codes = read_repository(folder)
    repository = Repository(codes)
    for task in make_tasks(codes, per_kind):
        lines = visible_lines(codes[task.path], task.span)
        snapshot = MemorySnapshot(repository, task.path, lines)
        shown = assemble(snapshot, task.path, lines, task.cursor, _EXCERPT_TOKENS, count_tokens)
        searched = related_files(snapshot, task.path, lines)[:_SEARCHED_FILES]
        at, column = task.cursor.line, task.cursor.column
        yield (
            task.kind,
            LineTask(
                name,
                task.path,
                "".join([*lines[:at], lines[at][:column]]),
                _truth(codes[task.path], task),
                lines[at][column:] + "".join(lines[at + 1 :]),
                tuple((it.path, it.text) for it in shown.excerpts),
                tuple((path, "".join(snapshot.lines(path))) for path in reversed(searched)),
            ),
        )


def _truth(code: Code, task: Task) -> str:
    """What stands there; of a call over several lines the first one."""
    span = task.span
    line = code.lines[span.start_line].rstrip()
    return line[span.start_column : span.end_column if span.end_line == span.start_line else None]


def call_of(text: str) -> str:
    """A text up to where its first call closes; all of it where none does."""
    depth = 0
    for index, character in enumerate(text):
        if character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth <= 0:
                return text[: index + 1]
    return text
