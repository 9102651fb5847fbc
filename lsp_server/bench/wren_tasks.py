"""What wren is asked by its benchmark: lines of held-out repositories, and of HumanEval's functions.

A line is taken out of a file, its indentation left; what imports and neighbours have for it stands
before the file, as far as a model's context goes. Half of the files end at the cursor, as code does
that is being written; of the others the rest follows.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from inference.content import Layout
from inference.engines.base import Engine
from inference.prompt import Chunk, Prompt, PromptLayout, PromptSection
from inference.protocol import Role, Tail
from inference.wren.corpus import SourceFile, read
from inference.wren.related_files import Repository
from lsp_server.bench.measure import CouldNotRun
from lsp_server.context.chunks import cut
from lsp_server.context.layout import ContextFile, lay
from lsp_server.context.window import Room
from lsp_server.workspace.documents import split_lines

_LEAST_CHARACTERS = 8  # of a line without its indentation
_LEAST_LINES = 30
_OTHERS = 4
# Characters of the current file, and of the others together: for 1,700 tokens at 2.8 a token.
_OWN_ROOM, _OTHERS_ROOM = 2_600, 2_200


@dataclass(frozen=True, slots=True)
class LineTask:
    repository: str
    path: str
    before: str  # up to the cursor, the line's indentation included
    line: str
    after: str  # from the line's end
    others: tuple[tuple[str, str], ...]  # path and text, the most telling one last
    # The same of files that an engine may search whole, where those are not the others.
    searched: tuple[tuple[str, str], ...] | None = None

    @property
    def whole_files(self) -> tuple[tuple[str, str], ...]:
        return self.others if self.searched is None else self.searched

    def file_with(self, line: str) -> str:
        return self.before + line + self.after


def line_tasks(corpus: Path, count: int, seed: int = 1) -> tuple[LineTask, ...]:
    """Lines of Python files, as many from each repository as can be. Raises `CouldNotRun`."""
    if not corpus.is_file():
        raise CouldNotRun(
            f"{corpus} is not there; `python -m inference.wren corpus` writes the held-out files"
        )
    by_repository: defaultdict[str, list[SourceFile]] = defaultdict(list)
    for file in read(corpus):
        if file.held_out:
            by_repository[file.repository].append(file)
    random = Random(seed)  # noqa: S311 - to draw tasks
    tasks: list[LineTask] = []
    for number, files in enumerate(by_repository.values()):
        repository = Repository(files)
        able = [it for it in files if it.language == "python" and _is_able(it)]
        share = (count - len(tasks)) // (len(by_repository) - number)
        for file in random.sample(able, min(share, len(able))):
            tasks.append(_task(file, repository, random, cut_off=len(tasks) % 2 == 0))
    if not tasks:
        raise CouldNotRun(f"{corpus} holds no Python file of a held-out repository")
    return tuple(tasks)


def _is_able(file: SourceFile) -> bool:
    return any(_is_telling(line) for line in file.text.splitlines()[_LEAST_LINES:])


def _is_telling(line: str) -> bool:
    stripped = line.strip()
    return len(stripped) >= _LEAST_CHARACTERS and not stripped.startswith(("#", '"""', "'''"))


def _task(file: SourceFile, repository: Repository, random: Random, *, cut_off: bool) -> LineTask:
    lines = file.text.split("\n")
    able = [at for at in range(_LEAST_LINES, len(lines)) if _is_telling(lines[at])]
    at = random.choice(able)
    line = lines[at].lstrip()
    indentation = lines[at][: len(lines[at]) - len(line)]
    related = [*repository.imported(file)[:_OTHERS], *repository.neighbours(file)]
    others = list({it.path: it for it in related}.values())[:_OTHERS]
    return LineTask(
        file.repository,
        file.path,
        "\n".join([*lines[:at], indentation]),
        line.rstrip(),
        "" if cut_off else "\n" + "\n".join(lines[at + 1 :]),
        tuple((it.path, it.text) for it in reversed(others)),
    )


@dataclass(frozen=True, slots=True)
class FunctionTask:
    name: str
    before: str
    line: str
    after: str
    entry_point: str
    test: str

    def program(self, line: str) -> str:
        return f"{self.before}{line}{self.after}\n{self.test}\ncheck({self.entry_point})\n"


def function_tasks(data: Path, count: int | None, seed: int = 1) -> tuple[FunctionTask, ...]:
    """HumanEval-Infilling's single lines, all or so many of them. Raises `CouldNotRun`."""
    path = data / "human-eval-infilling" / "HumanEval-SingleLineInfilling.jsonl.gz"
    if not path.is_file():
        raise CouldNotRun(f"{path} is not there")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        tasks = [
            FunctionTask(
                it["task_id"],
                it["prompt"],
                it["canonical_solution"],
                it["suffix"],
                it["entry_point"],
                it["test"],
            )
            for it in map(json.loads, lines)
        ]
    if count is not None and count < len(tasks):
        tasks = Random(seed).sample(tasks, count)  # noqa: S311
    return tuple(tasks)


def bounded_prompt(task: LineTask, engine: Engine[Any], *, with_others: bool) -> Prompt[Any]:
    """What a model is shown whose context holds 2,048 tokens; and what its engine may search."""
    left = _OTHERS_ROOM
    others: list[ContextFile] = []
    for path, text in reversed(task.others if with_others else ()):
        shown = text[: max(left // 2, min(left, 800))]
        shown = shown[: shown.rfind("\n") + 1]
        if shown:
            others.insert(0, ContextFile(path, tuple(cut(split_lines(shown)))))
            left -= len(shown)
    own = _OWN_ROOM if others else _OWN_ROOM + _OTHERS_ROOM
    whole = [ContextFile(path, tuple(cut(split_lines(text)))) for path, text in task.whole_files]
    references = whole if with_others and engine.capabilities.references else None
    return _prompt(task, engine, others, Room(own), references)


def whole_prompt(task: LineTask, engine: Engine[Any]) -> Prompt[Any]:
    """All of the same files, for an engine whose context has no bound."""
    others = [ContextFile(path, tuple(cut(split_lines(text)))) for path, text in task.whole_files]
    return _prompt(task, engine, others, None)


def _prompt(
    task: LineTask,
    engine: Engine[Any],
    others: Sequence[ContextFile],
    room: Room | None,
    references: Sequence[ContextFile] | None = None,
) -> Prompt[Any]:
    lines = split_lines(task.file_with(""))
    head = task.before.count("\n")
    column = len(task.before) - task.before.rfind("\n") - 1
    if head == len(lines):
        lines = [*lines, ""]
    epoch = lay(task.path, lines, head, others, room=room, references=references)
    return Prompt(encoded(epoch.layout, engine), epoch.tail(lines, head, column))


def function_prompt(task: FunctionTask) -> Prompt[Any]:
    section: PromptSection[Any] = PromptSection(Role.PREFIX, "solution.py", ())
    return Prompt(PromptLayout((section,)), Tail(task.before, task.after))


def encoded(layout: Layout, engine: Engine[Any]) -> PromptLayout[Any]:
    """As the host's store makes it: what no model is shown is not encoded."""

    def chunk(text: str, role: Role) -> Chunk[Any]:
        return Chunk(text, () if role is Role.REFERENCE else engine.encode(text))

    return PromptLayout(
        tuple(
            PromptSection(
                section.role,
                section.path,
                tuple(chunk(it.text, section.role) for it in section.chunks),
            )
            for section in layout.sections
        )
    )
