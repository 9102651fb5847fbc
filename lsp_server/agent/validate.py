"""Tries candidates: each in a copy of its own, in the sandbox, against what the tests said before.

First, without running anything, the gates; then the tests that failed, those that have to do with the
change, and the whole suite as far as the time goes. What failed before as well counts for nothing, what
fails once and passes once is flaky, and a run that changed what it is judged by counts for nothing at
all. Only a test of which it was written down that it passed has passed.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lsp_server.agent.bubblewrap import Limits
from lsp_server.agent.data import (
    Candidate,
    Evidence,
    TestCommand,
    TestRun,
    Verdict,
    is_failure,
)
from lsp_server.agent.gates import change_of, pass_gates
from lsp_server.agent.impact import find_impacted
from lsp_server.agent.sandbox import Sandbox
from lsp_server.agent.seal import Seal
from lsp_server.agent.snapshot import Snapshot
from lsp_server.agent.test_results import run_tests
from lsp_server.agent.tests_found import TestsUnknown

TESTS_TIMEOUT_S = 60.0
SUITE_TIMEOUT_S = 300.0
_MIN_TIMEOUT_S = 10.0
_RAN_NONE = (0, 5)  # how it ends where there is no test; 5 is pytest's and unittest's
_QUICK_SUITE_S = 10.0  # that is run at once, without asking what of it is near to the change
_SLOWER = 4.0  # times that a candidate may be slower than the base, which had the machine to itself


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the tests say of the workspace as it is.

    `failing` failed twice; `passing` passed, once or twice; `is_whole`: the suite came to its end.
    """

    failing: tuple[str, ...]
    passing: tuple[str, ...]
    flaky: tuple[str, ...]
    is_whole: bool
    seconds: float  # of the failing tests
    suite_seconds: float
    output: str  # of the failing tests


@dataclass(slots=True)
class Validator:
    """For one snapshot. `extra` are files that are put into each copy: tests that reproduce an issue."""

    snapshot: Snapshot
    sandbox: Sandbox
    command: TestCommand
    extra: Mapping[str, str] = field(default_factory=dict)
    limits: Limits | None = None
    parallel: int = field(default_factory=lambda: os.cpu_count() or 1)
    is_denied_allowed: bool = False
    suite_timeout_s: float = SUITE_TIMEOUT_S
    tests_timeout_s: float = TESTS_TIMEOUT_S
    _baseline: Baseline | None = None

    async def baseline(self, tests: Sequence[str] = ()) -> Baseline:
        """Runs some tests twice, and the suite once; what fails of the suite, where none is named, again.

        A file, a class or a test without its parameters names all in it that fails. Raises
        `SandboxUnavailable`, `SnapshotRefused` and OSError, and `TestsUnknown` where no test ran or one
        that is named is none.
        """
        async with self.snapshot.copy(self.extra) as copy:
            suite = await self._run(copy, (), self.suite_timeout_s)
            first = await self._run(copy, tests, self.tests_timeout_s) if tests else suite
        is_cut_off = first.exit_code is None and suite.outcomes
        if not first.outcomes and not is_cut_off and (tests or first.exit_code not in _RAN_NONE):
            raise TestsUnknown(_why_none_ran(first))
        named = _meant(tests, first, suite) if tests else suite.failing
        second = first
        if named:
            async with self.snapshot.copy(self.extra) as copy:
                second = await self._run(copy, named, self.tests_timeout_s)
        failing = tuple(it for it in named if _fails(first, it) and _fails(second, it))
        flaky = tuple(
            it for it in named if it not in failing and (_fails(first, it) or _fails(second, it))
        )
        apart = {*failing, *flaky}
        passing = tuple(it for it in suite.outcomes if suite.passes(it) and it not in apart)
        self._baseline = Baseline(
            failing,
            passing,
            flaky,
            suite.exit_code is not None,
            second.seconds,
            suite.seconds,
            second.output,
        )
        return self._baseline

    async def validate(
        self,
        candidates: Iterable[Candidate],
        failing: Sequence[str] | None = None,
        budget_s: float = SUITE_TIMEOUT_S,
    ) -> AsyncIterator[Evidence]:
        """What becomes of candidates, the likelier ones first, as it is known.

        `failing` are those that should pass, of those that failed before; without it, all. Whoever
        stops asking ends what runs; when the budget is used up, what is not known by then stays
        unknown.
        """
        baseline = self._baseline or await self.baseline(failing or ())
        wanted = tuple(it for it in baseline.failing if failing is None or it in failing)
        deadline = time.monotonic() + budget_s
        waiting = iter(sorted(candidates, key=lambda it: -it.score))
        running: set[asyncio.Task[Evidence]] = set()
        try:
            while True:
                while len(running) < self.parallel and time.monotonic() < deadline:
                    if (candidate := next(waiting, None)) is None:
                        break
                    trial = _Trial(self, baseline, candidate, wanted, deadline)
                    running.add(asyncio.create_task(trial.run()))
                if not running:
                    return
                left_s = max(0.0, deadline - time.monotonic())
                done, running = await asyncio.wait(
                    running, timeout=left_s, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    return
                for task in done:
                    yield task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, copy: Path, tests: Sequence[str], timeout_s: float) -> TestRun:
        return await run_tests(
            self.sandbox, self.command, tests, copy, timeout_s=timeout_s, limits=self.limits
        )


class _Tampered(Exception):
    """A run changed what it is judged by; says what."""


@dataclass(slots=True)
class _Trial:
    """One candidate on its way."""

    validator: Validator
    baseline: Baseline
    candidate: Candidate
    wanted: tuple[str, ...]
    deadline: float
    gates: tuple[str, ...] = ()
    passes_now: tuple[str, ...] = ()
    still_fails: tuple[str, ...] = ()
    also_ran: dict[str, None] = field(default_factory=dict)
    regressed: tuple[str, ...] = ()
    flaky: dict[str, None] = field(default_factory=dict)
    is_whole: bool = False
    is_confirmed: bool = False  # what failed has passed in two runs
    hangs: str = ""  # that tests which came to their end before do not any more

    async def run(self) -> Evidence:
        validator = self.validator
        gated = await asyncio.to_thread(
            pass_gates,
            self.candidate,
            validator.snapshot,
            is_denied_allowed=validator.is_denied_allowed,
        )
        if gated.refusal:
            return self._say(Verdict.REJECTED, gated.refusal)
        self.gates = gated.passed
        files = {**self.candidate.files, **validator.extra}
        try:
            async with validator.snapshot.copy(files) as copy:
                seal = await asyncio.to_thread(Seal.of, copy, validator.snapshot.paths, files)
                return await self._judge(copy, seal)
        except _Tampered as error:
            self.passes_now = ()
            return self._say(Verdict.REJECTED, f"its run changed what it is judged by: {error}")

    async def _judge(self, copy: Path, seal: Seal) -> Evidence:
        if self.wanted:
            timeout_s = self._limit(self.baseline.seconds, self.validator.tests_timeout_s)
            run = await self._run(copy, seal, self.wanted, timeout_s)
            self._count(run)
            if not self.passes_now:
                return self._say(Verdict.REJECTED, _why_it_fails(run, self.still_fails))
        await self._look_for_regressions(copy, seal)
        if self.hangs:
            return self._say(Verdict.REJECTED, self.hangs)
        if self.regressed:
            return self._say(
                Verdict.REJECTED, f"{_some(self.regressed)} passed before and would fail"
            )
        if self.wanted and not self.is_confirmed:
            # A test that passes now and then has not been repaired.
            timeout_s = self._limit(self.baseline.seconds, self.validator.tests_timeout_s)
            again = await self._run(copy, seal, self.passes_now, timeout_s)
            if now_and_then := [it for it in self.passes_now if not again.mends(it)]:
                self.flaky |= dict.fromkeys(now_and_then)
                self.passes_now = tuple(it for it in self.passes_now if again.mends(it))
                self.still_fails += tuple(now_and_then)
                if not self.passes_now:
                    return self._say(Verdict.REJECTED, "what failed passes now and then only")
        return await self._conclude()

    def _count(self, run: TestRun) -> None:
        self.passes_now = tuple(it for it in self.wanted if run.mends(it))
        self.still_fails = tuple(it for it in self.wanted if not run.mends(it))

    async def _look_for_regressions(self, copy: Path, seal: Seal) -> None:
        """What passed before and does not now: of the tests that are near to the change, then of all."""
        validator, before = self.validator, self.baseline
        expected = [it for it in before.passing if it not in self.wanted]
        if before.suite_seconds > _QUICK_SUITE_S:
            impacted = await asyncio.to_thread(
                find_impacted,
                self.candidate.files,
                expected,
                validator.command.framework,
                validator.snapshot.paths,
                validator.snapshot.text,
            )
            if impacted and await self._has_regressed(copy, seal, impacted, impacted):
                return
        if not expected:
            self.is_whole = True
        elif not await self._has_regressed(copy, seal, (), expected):
            self.is_whole = len(self.also_ran | self.flaky) >= len(expected)

    async def _has_regressed(
        self, copy: Path, seal: Seal, named: Sequence[str], expected: Sequence[str]
    ) -> bool:
        """Runs those that are named, or all, and again what of the expected fails."""
        timeout_s = self._limit(self.baseline.suite_seconds, self.validator.suite_timeout_s)
        if timeout_s <= 0:
            return False
        run = await self._run(copy, seal, named, timeout_s)
        if self._has_to_end(run, timeout_s):
            # Once more: the machine may have been busy.
            run = await self._run(copy, seal, named, timeout_s)
            if self._has_to_end(run, timeout_s):
                why = f": {run.contained[0]}" if run.contained else ""
                self.hangs = f"the tests came to their end before, and do not any more{why}"
                return True
        if all(map(run.mends, self.passes_now)):
            self.is_confirmed = True
        is_over = run.exit_code is None
        failed = [it for it in expected if _fails(run, it, is_over=is_over)]
        self.also_ran |= dict.fromkeys(it for it in expected if run.passes(it))
        if failed:
            again = await self._run(copy, seal, failed, timeout_s)
            self.regressed = tuple(it for it in failed if not again.passes(it))
            self.flaky |= dict.fromkeys(it for it in failed if again.passes(it))
        return bool(self.regressed)

    def _has_to_end(self, run: TestRun, timeout_s: float) -> bool:
        """Whether a run was killed that had the time to end, since the whole suite ended before."""
        enough_s = _enough(self.baseline.suite_seconds)
        return run.exit_code is None and self.baseline.is_whole and timeout_s >= enough_s

    async def _conclude(self) -> Evidence:
        rest = "" if self.is_whole and self.baseline.is_whole else "; not all tests were run"
        if refusal := await self._check_types():
            return self._say(Verdict.PARTLY if self.wanted else Verdict.UNVERIFIED, refusal)
        if not self.wanted:
            return self._say(
                Verdict.UNVERIFIED,
                f"no test failed before, so that none can show that it is right{rest}",
            )
        if self.still_fails:
            return self._say(
                Verdict.PARTLY, f"{_some(self.still_fails)} still fails, the others pass{rest}"
            )
        return self._say(
            Verdict.VERIFIED, f"what failed passes, and nothing else fails by it{rest}"
        )

    async def _check_types(self) -> str:
        """The new error that the workspace's type checker finds, or nothing."""
        from lsp_server.edits.verification import Outcome
        from lsp_server.type_check import TIMEOUT_S, check_types

        snapshot = self.validator.snapshot
        left_s = min(TIMEOUT_S, self.deadline - time.monotonic())
        if left_s <= 0:
            return ""
        change = change_of(self.candidate, snapshot)
        findings = await check_types(change, snapshot.root, timeout_s=left_s)
        if any(it.outcome is Outcome.PASSED for it in findings):
            self.gates += ("type check",)
        failed = [it.detail for it in findings if it.outcome is Outcome.FAILED]
        return f"the type checker finds a new error: {failed[0]}" if failed else ""

    async def _run(self, copy: Path, seal: Seal, tests: Sequence[str], timeout_s: float) -> TestRun:
        run = await self.validator._run(copy, tests, timeout_s)  # noqa: SLF001 - its other half
        if broken := await asyncio.to_thread(seal.find_broken, copy):
            raise _Tampered(broken)
        return run

    def _limit(self, before_s: float, most_s: float) -> float:
        return min(_enough(before_s), most_s, self.deadline - time.monotonic())

    def _say(self, verdict: Verdict, reason: str) -> Evidence:
        return Evidence(
            self.candidate,
            verdict,
            reason,
            failed_before=self.wanted,
            passes_now=self.passes_now,
            still_fails=self.still_fails,
            regressed=self.regressed,
            also_ran=tuple(self.also_ran),
            flaky=(*self.flaky, *(it for it in self.baseline.flaky if it not in self.flaky)),
            gates=self.gates,
        )


def _meant(tests: Sequence[str], run: TestRun, suite: TestRun) -> tuple[str, ...]:
    """The tests that are named, and of what has tests in it those that fail. Raises `TestsUnknown`."""
    has_ended = run.exit_code is not None and suite.exit_code is not None
    failed = (*run.failing, *suite.failing)
    meant: dict[str, None] = {}
    for test in tests:
        if test not in run.outcomes and (found := run.tests_of(test)):
            meant |= dict.fromkeys(it for it in found if is_failure(run.outcomes[it]))
            continue
        meant[test] = None
        # What a run never came to may be a test; and so may what is in a module that has failed.
        is_known = test in run.outcomes or test in suite.outcomes
        if has_ended and not is_known and not any(map(test.startswith, failed)):
            raise TestsUnknown(f"{test} is none of the tests that are run; name it as they do")
    return tuple(meant)


def _enough(before_s: float) -> float:
    """Seconds in which a candidate is to do what took the base so long."""
    return max(_MIN_TIMEOUT_S, _SLOWER * before_s)


def _fails(run: TestRun, test: str, *, is_over: bool = False) -> bool:
    """Whether it did not pass; where the time was over before, only one that is known to have failed."""
    if is_over and test not in run.outcomes:
        return False
    return not run.passes(test)


def _why_none_ran(run: TestRun) -> str:
    why_killed = run.contained[:1] if run.exit_code is None else ()
    said = [it.strip() for it in (*run.output.splitlines(), *why_killed) if it.strip()]
    what = f"no test ran: {' '.join(said[-2:])}" if said else "no test ran, and nothing was said"
    return f"{what}; run them by yourself first, or name the command that runs them"


def _why_it_fails(run: TestRun, tests: Sequence[str]) -> str:
    if run.exit_code is None and run.contained:
        return f"{_some(tests)} did not pass: {run.contained[0]}"
    return f"{_some(tests)} still fails"


def _some(tests: Sequence[str]) -> str:
    return tests[0] if len(tests) == 1 else f"{tests[0]} and {len(tests) - 1} more"
