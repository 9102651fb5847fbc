"""Proposes repairs of Python without a chat model: templates, and lines that a model fills in.

All are tried on the failing tests by the hundred in the sandbox (`search.py`); those that pass are
proposed. Where the tests are run by nothing that can try variants, the likeliest are proposed untried;
where no test fails nothing is.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.agent.data import Candidate, Evidence, TestCommand
from lsp_server.agent.python_runs import PythonTests, Tried, Variant, read_tried, write_variants
from lsp_server.agent.search import Suspected, search, singles
from lsp_server.agent.task import Task

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from lsp_server.agent.repairs.templates import Repair
    from lsp_server.agent.sandbox import Finished

VARIANTS = ".sparrow-variants.jsonl"  # in a copy
# Of the processor's time. The first variant is the text as it is, and says how long the tests take and
# what they load; where they never end, a variant has so much.
_HANGING_SECONDS = 0.6
_LEAST_SECONDS = 0.2
_SLOWER = 4.0  # times that a variant may be slower
_UNTRIED = 24
_MAX_FILES = 3
_GRACE_S = 20.0

Run = Callable[[Sequence[str], Path, float], "Awaitable[Finished]"]
Copy = Callable[[], "AbstractAsyncContextManager[Path]"]
# Repairs of a file at its suspicious lines (from 0), by a model.
FillIn = Callable[[str, str, Mapping[int, float]], Awaitable[Sequence["Repair"]]]


@dataclass(frozen=True, slots=True)
class TemplateProposer:
    """`run` runs a command in a copy for so many seconds.

    `first_seconds` is what the failing tests surely do not take of the processor's time, if they end.
    """

    run: Run
    copy: Copy
    command: TestCommand
    first_seconds: float = 2.0
    fill_in: FillIn | None = None
    on_progress: Callable[[int], None] = lambda _: None
    name: str = "small changes, line by line"

    async def rounds(
        self, task: Task, tried: Sequence[Evidence], budget_s: float
    ) -> AsyncGenerator[Sequence[Candidate], None]:
        del tried  # there is one round
        if not task.failing:
            return  # nothing would tell a repair from any other change
        started = time.monotonic()
        files = [
            await self._suspected(path, text, task)
            for path, text in itertools.islice(_python(task.texts), _MAX_FILES)
        ]
        files = [it for it in files if it.suspicion]
        if not files:
            return
        tests = PythonTests.of(self.command, _together(task))
        if tests is None:
            untried = itertools.islice(singles(files), _UNTRIED)
            yield [it.candidate() for it in untried]
            return
        left_s = budget_s - (time.monotonic() - started)
        async with self.copy() as folder:
            seconds = self.first_seconds
            modules: tuple[str, ...] | None = None

            async def attempt(
                variants: Sequence[Variant], budget_s: float, enough: int
            ) -> Sequence[Tried]:
                nonlocal seconds, modules
                argv = tests.tried(VARIANTS, seconds, budget_s, enough)
                rows = write_variants(variants, modules, task.failing)
                results = await self._attempt(argv, folder, rows, budget_s)
                if modules is None and results:
                    taken = _LEAST_SECONDS + _SLOWER * results[0].seconds
                    seconds = taken if results[0].done else _HANGING_SECONDS
                    modules = results[0].modules
                return results

            found = await search(files, attempt, left_s, self.on_progress)
        yield found.candidates

    async def _suspected(self, path: str, text: str, task: Task) -> Suspected:
        suspicion = {line: value for (where, line), value in task.lines.items() if where == path}
        if not suspicion:
            for suspect in task.suspects:
                if suspect.path == path:
                    for line in range(suspect.line, suspect.end_line + 1):
                        suspicion[line] = max(suspicion.get(line, 0.0), suspect.score)
        more: Sequence[Repair] = ()
        if self.fill_in is not None and suspicion:
            more = await self.fill_in(path, text, suspicion)
        return Suspected(path, text, suspicion, tuple(more))

    async def _attempt(
        self,
        argv: Sequence[str],
        folder: Path,
        variants: str,
        budget_s: float,
    ) -> Sequence[Tried]:
        (folder / VARIANTS).write_text(variants, encoding="utf-8")
        finished = await self.run(argv, folder, budget_s + _GRACE_S)
        return read_tried(finished.report)


def _python(texts: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(path, text) for path, text in texts.items() if path.endswith((".py", ".pyw"))]


def _together(task: Task) -> tuple[str, ...]:
    """The failing tests, and those that passed in the same files: what breaks these is no repair."""
    files = {test.partition("::")[0] for test in task.failing}
    own = [it for it in task.passing if it.partition("::")[0] in files]
    return (*task.failing, *own[:40])
