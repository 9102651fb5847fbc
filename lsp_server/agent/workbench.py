"""Puts together what a fix works with: the snapshot, the sandbox, the tests and who proposes repairs.

Everything belongs to the block: when it is left nothing runs, and no copy is there. The user's folder is
read, and never written to.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inference import __version__
from lsp_server.agent.choosing import Chooser, Named, Ranked
from lsp_server.agent.copies import Copies
from lsp_server.agent.data import Evidence, TestCommand, TestRun
from lsp_server.agent.fill_in import fill_in
from lsp_server.agent.loop_proposer import LoopProposer
from lsp_server.agent.pipeline import Workbench
from lsp_server.agent.reasons import Baseline
from lsp_server.agent.sample_proposer import SampleProposer
from lsp_server.agent.sandbox import Finished, Sandbox
from lsp_server.agent.select import select
from lsp_server.agent.snapshot import Snapshot, Unsaved
from lsp_server.agent.task import Proposer
from lsp_server.agent.template_proposer import TemplateProposer
from lsp_server.agent.test_results import run_tests
from lsp_server.agent.tests_found import TestsUnknown, find_command
from lsp_server.agent.toolchain import Toolchain, find_toolchain
from lsp_server.agent.trajectory import key_of
from lsp_server.agent.validate import SUITE_TIMEOUT_S, TESTS_TIMEOUT_S, Validator
from lsp_server.workspace.store_file import cache_folder

if TYPE_CHECKING:
    from inference.client import InferenceClient
    from lsp_server.agent.repairs.templates import Repair
    from lsp_server.workspace.snapshot import Snapshot as Index

_LOOP_TESTS_S = 60.0
_HANGS = 0.9  # of the time that tests have
_HANGING_S = 2.0  # of the processor's time, to see whether they end after all


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user allows and names. Nothing of it may come from a repository."""

    test_command: str = ""
    interpreter: str = ""
    is_unsandboxed_allowed: bool = False
    tests_timeout_s: float = TESTS_TIMEOUT_S  # of some tests
    suite_timeout_s: float = SUITE_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class Models:
    """`completion` fills in lines, `chat` writes patches; either may be missing."""

    completion: InferenceClient | None = None
    chat: InferenceClient | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """`key` names this Sparrow, the files' state and how they are tested; `notes` are for the user."""

    workbench: Workbench
    snapshot: Snapshot
    key: str
    notes: tuple[str, ...]


@contextlib.asynccontextmanager
async def open_workbench(
    root: Path,
    index: Index,
    settings: Settings,
    models: Models,
    *,
    unsaved: Mapping[str, Unsaved] | None = None,
    on_note: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Opened]:
    """Of a folder. Raises `SnapshotRefused`, `SandboxUnavailable` and OSError."""
    copies = Copies(cache_folder())
    try:
        toolchain = await find_toolchain(root, settings.interpreter)
        sandbox = Sandbox(root, toolchain, is_unsandboxed_allowed=settings.is_unsandboxed_allowed)
        notes = [it for it in (await sandbox.check(),) if it]
        snapshot = await Snapshot.take(root, unsaved, copies=copies)
        notes += (f"tests run on a copy without {it}" for it in snapshot.missing)
        command = _command(snapshot, toolchain, settings, notes)
        bench = _Bench(index, snapshot, sandbox, command, models, settings, on_note)
        key = key_of(
            __version__,  # another one may find what this one did not
            str(root),
            snapshot.head,
            [[it.path, it.sha256] for it in snapshot.changed],
            command.argv if command is not None else (),
        )
        yield Opened(bench.workbench(), snapshot, key, tuple(notes))
    finally:
        copies.close()


def _command(
    snapshot: Snapshot, toolchain: Toolchain, settings: Settings, notes: list[str]
) -> TestCommand | None:
    try:
        return find_command(
            snapshot.paths,
            snapshot.text,
            python=toolchain.python,
            has_module=toolchain.has_module,
            configured=settings.test_command,
        )
    except TestsUnknown as error:
        if settings.test_command:
            raise
        notes.append(str(error))
        return None


@dataclass(frozen=True, slots=True)
class _Bench:
    index: Index
    snapshot: Snapshot
    sandbox: Sandbox
    command: TestCommand | None
    models: Models
    settings: Settings
    on_note: Callable[[str], None]

    def workbench(self) -> Workbench:
        return Workbench(
            self.index,
            self.snapshot.text,
            self.snapshot.copy,
            self._run,
            self._judge,
            self.command,
            self._select,
            self._proposers,
            self._choose if self.models.chat is not None else None,
        )

    async def _choose(self, issue: str, output: str, ranked: Ranked) -> Named:
        assert self.models.chat is not None
        return await Chooser(self.models.chat, self.index, self.on_note).choose(
            issue, output, ranked
        )

    def _judge(self, extra: Mapping[str, str]) -> Validator | None:
        if self.command is None:
            return None
        return Validator(
            self.snapshot,
            self.sandbox,
            self.command,
            extra,
            suite_timeout_s=self.settings.suite_timeout_s,
            tests_timeout_s=self.settings.tests_timeout_s,
        )

    async def _run(self, argv: Sequence[str], folder: Path, timeout_s: float) -> Finished:
        return await self.sandbox.run(argv, folder, timeout_s)

    def _select(self, evidence: Sequence[Evidence]) -> Evidence | None:
        return select(evidence, self.snapshot.text)

    def _proposers(self, baseline: Baseline | None, extra: Mapping[str, str]) -> list[Proposer]:
        """A chat model first, where there is one: what templates find is seldom what it would write."""
        found: list[Proposer] = []
        chat = self.models.chat
        if chat is not None:
            found.append(SampleProposer(chat, on_problem=self.on_note))
        if self.command is not None:
            found.append(
                TemplateProposer(
                    self._run,
                    lambda: self.snapshot.copy(extra),
                    self.command,
                    self._first_seconds(baseline),
                    self._fill_in if self.models.completion is not None else None,
                    lambda count: self.on_note(
                        f"{count:,} {'variant' if count == 1 else 'variants'} tried"
                    ),
                )
            )
        if chat is not None and baseline is not None and baseline.failing:
            failing = baseline.failing

            async def run_failing(changed: Mapping[str, str]) -> tuple[str, bool]:
                return await self._run_failing(failing, {**changed, **extra})

            found.append(
                LoopProposer(
                    chat, self.index, self.snapshot.text, run_failing, on_step=self.on_note
                )
            )
        return found

    def _first_seconds(self, baseline: Baseline | None) -> float:
        """For the tests as they are: what they took by the clock and more, unless they never ended."""
        taken = baseline.seconds if baseline is not None else 0.0
        hangs = taken > _HANGS * self.settings.tests_timeout_s
        return _HANGING_S if hangs else _HANGING_S + 2 * taken

    async def _fill_in(
        self, path: str, text: str, suspicion: Mapping[int, float]
    ) -> Sequence[Repair]:
        from inference.errors import InferenceError

        assert self.models.completion is not None
        try:
            return await fill_in(self.models.completion, path, text, suspicion)
        except InferenceError as error:
            self.on_note(f"no lines are filled in: {error.message}")
            return ()

    async def _run_failing(
        self, failing: Sequence[str], changed: Mapping[str, str]
    ) -> tuple[str, bool]:
        """What the failing tests say on changed files, and whether all pass."""
        assert self.command is not None
        async with self.snapshot.copy(changed) as folder:
            run: TestRun = await run_tests(
                self.sandbox, self.command, failing, folder, timeout_s=_LOOP_TESTS_S
            )
        passing = [it for it in failing if run.mends(it)]
        told = f"{len(passing)} of {len(failing)} tests pass.\n{run.output}"
        return told, len(passing) == len(failing)
