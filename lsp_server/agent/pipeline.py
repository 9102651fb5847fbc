"""The way from an issue to a change that was seen to help: each stage a step around plain data.

    baseline     which tests fail, and which pass
    coverage     which lines they run
    location     which files and lines are under suspicion
    choice       which of them a chat model would look at first, where there is one
    reproduction where no test fails: the issue's own code, if it fails as the issue says
    rounds       candidates by each proposer, and the evidence for each of them
    verdict      the best of them

What a stage came to is written to the trajectory, and taken from there where a run goes on. Cancelling
ends what runs, and leaves nothing behind: copies, processes and requests belong to blocks that end.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from inference.errors import InferenceError
from lsp_server.agent.choosing import NOTHING_NAMED, Named, Ranked, put_forward
from lsp_server.agent.clues import Clues, read_clues
from lsp_server.agent.data import Candidate, Evidence, TestCommand, Verdict
from lsp_server.agent.localize import Findings, SuspectFile, is_source, rank_files, suspects
from lsp_server.agent.python_runs import PythonTests, read_covered
from lsp_server.agent.reasons import (
    Baseline,
    why,
    why_not_tried,
    why_nothing_to_mend,
    why_nowhere,
)
from lsp_server.agent.reproduce import FOLDER, Reproduction, as_test, reproduces, scripts
from lsp_server.agent.spectrum import Line, suspicion
from lsp_server.agent.task import Proposer, Request, Task
from lsp_server.agent.trajectory import Trajectory, dump_evidence, fingerprint, load_evidence

if TYPE_CHECKING:
    from lsp_server.agent.sandbox import Finished
    from lsp_server.workspace.snapshot import Snapshot

MAX_FILES = 8  # that candidates may be about
MAX_CANDIDATES = 16  # of a round, that are validated
_TRACED_TESTS = 200  # that pass, to be compared with those that fail
_TRACE_S = 120.0
_SCRIPT_S = 30.0


class Judge(Protocol):
    """Runs tests, and says what became of candidates; see `validate.py`."""

    async def baseline(self, tests: Sequence[str] = ()) -> Baseline: ...

    def validate(
        self, candidates: Iterable[Candidate], failing: Sequence[str] | None, budget_s: float
    ) -> AsyncIterator[Evidence]: ...


@dataclass(frozen=True, slots=True)
class Workbench:
    """What a fix works with. `text` reads a file of the snapshot; `command` is how tests are run."""

    index: Snapshot
    text: Callable[[str], str | None]
    copy: Callable[[Mapping[str, str]], AbstractAsyncContextManager[Path]]  # with files in it
    run: Callable[[Sequence[str], Path, float], Awaitable[Finished]]  # see `Sandbox.run`
    # With files that are put into each copy beside; None where no tests are found.
    judge: Callable[[Mapping[str, str]], Judge | None]
    command: TestCommand | None
    select: Callable[[Sequence[Evidence]], Evidence | None]
    proposers: Callable[[Baseline | None, Mapping[str, str]], Sequence[Proposer]]
    # Of an issue and of what its failing tests say; None where there is no model to ask.
    choose: Callable[[str, str, Ranked], Awaitable[Named]] | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    stage: str
    message: str
    elapsed_s: float
    budget_s: float


@dataclass(frozen=True, slots=True)
class Result:
    """`best` is None where nothing that was tried may be shown; `reason` then says why."""

    best: Evidence | None
    evidence: tuple[Evidence, ...]
    files: tuple[SuspectFile, ...]
    failing: tuple[str, ...]
    reason: str
    seconds: float


class Fix:
    """One run, or what is left of one."""

    def __init__(
        self,
        request: Request,
        workbench: Workbench,
        trajectory: Trajectory,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self._request = request
        self._bench = workbench
        self._log = trajectory
        self._tell = on_progress
        self._started = time.monotonic()
        self._clues: Clues = read_clues(request.issue)
        self._extra: Mapping[str, str] = {}
        self._judge = workbench.judge({})

    async def run(self) -> Result:
        """Raises what the sandbox and the judge raise where nothing can be run."""
        baseline = await self._baseline(self._request.tests)
        if baseline is not None and not baseline.failing and self._request.issue:
            reproduction = await self._reproduction()
            if reproduction is not None:
                self._extra = {reproduction.path: reproduction.text}
                self._judge = self._bench.judge(self._extra)
                baseline = await self._baseline((reproduction.test,))
        if reason := why_nothing_to_mend(self._request, baseline):
            return self._result(None, (), (), baseline, reason)
        if (
            self._bench.choose is None and baseline is not None
        ):  # a model may mend a name's spelling
            reason = why_not_tried(baseline, self._bench.command, self._bench.index.paths())
            if reason:
                return self._result(None, (), (), baseline, reason)
        lines = await self._coverage(baseline)
        ranked = await self._choice(baseline, self._location(baseline, lines))
        files = ranked.files
        if not files:
            return self._result(
                None, (), files, baseline, why_nowhere(self._request.issue, baseline)
            )
        had_time = self._left_s > 0
        evidence = await self._rounds(self._task(baseline, lines, ranked), baseline)
        best = self._bench.select(evidence)
        self._log.add(
            "verdict", {"verdict": best and str(best.verdict), "reason": best and best.reason}
        )
        reason = why(
            best,
            evidence,
            baseline,
            self._bench.command,
            has_model=self._bench.choose is not None,
            had_time=had_time,
        )
        return self._result(best, evidence, files, baseline, reason)

    @property
    def extra(self) -> Mapping[str, str]:
        """The test of the issue's own code, by its path, where one was made."""
        return self._extra

    # The stages.

    async def _baseline(self, tests: Sequence[str]) -> Baseline | None:
        if self._judge is None:
            self._say("baseline", "no tests are found: what is proposed will be unverified")
            return None
        self._say("baseline", "running the tests as they are")
        run = await self._judge.baseline(tests)
        self._log.add(
            "baseline",
            {
                "failing": run.failing,
                "passing": len(run.passing),
                "seconds": run.seconds,
                "output": run.output,
            },
        )
        self._say(
            "baseline", f"{_counted(len(run.failing), 'test')} failed, {len(run.passing)} passed"
        )
        return run

    async def _coverage(self, baseline: Baseline | None) -> dict[Line, float]:
        known = self._log.find("coverage")
        if known is not None:
            return {(path, line): value for path, line, value in known}
        failing = _failing(baseline)
        if baseline is None or not failing or self._bench.command is None:
            return {}
        near = {it.partition("::")[0] for it in failing}
        passing = sorted(baseline.passing, key=lambda it: it.partition("::")[0] not in near)
        tests = PythonTests.of(self._bench.command, (*failing, *passing[:_TRACED_TESTS]))
        if tests is None:
            return {}
        self._say("coverage", "looking which lines the tests run")
        async with self._bench.copy(self._extra) as folder:
            finished: Finished = await self._bench.run(tests.traced(), folder, _TRACE_S)
        covered = read_covered(finished.report)
        if not covered:
            said = finished.output.strip().rpartition("\n")[2] or f"exit {finished.exit_code}"
            self._say("coverage", f"which lines the tests run is not known: {said}")
        lines = {
            line: value
            for line, value in suspicion(covered).items()
            if is_source(line[0]) and value > 0
        }
        self._log.add("coverage", [[*line, round(value, 4)] for line, value in lines.items()])
        return lines

    def _location(self, baseline: Baseline | None, lines: dict[Line, float]) -> Ranked:
        self._say("location", "looking where the cause may be")
        output = baseline.output if baseline is not None else ""
        failing = _failing(baseline)
        # A failing test's traceback says as much as an issue's.
        clues = read_clues(f"{self._request.issue}\n\n{output}") if failing else self._clues
        known = Findings((*failing, *self._request.tests), lines)
        files = rank_files(clues, self._bench.index, known)[:MAX_FILES]
        places = suspects(files, clues, self._bench.index, known)
        self._log.add(
            "location",
            {
                "files": [[it.path, round(it.score, 4), it.why] for it in files],
                "places": [[it.path, it.line, it.end_line, round(it.score, 4)] for it in places],
            },
        )
        if files:
            self._say("location", f"most suspicious: {', '.join(it.path for it in files[:3])}")
        return Ranked(tuple(files), tuple(places))

    async def _choice(self, baseline: Baseline | None, ranked: Ranked) -> Ranked:
        """What the chat model names is put forward; where it names nothing the order stands."""
        if self._bench.choose is None or not ranked.files:
            return ranked
        known = self._log.find("choice")
        if known is not None:
            named = Named(tuple(known["files"]), tuple(known["places"]))
        else:
            self._say("choice", "asking the model where to look first")
            output = baseline.output if baseline is not None and baseline.failing else ""
            named = await self._bench.choose(self._request.issue, output, ranked)
            self._log.add("choice", {"files": named.files, "places": named.places})
        if named == NOTHING_NAMED:
            return ranked
        chosen = put_forward(ranked, named)
        self._say("choice", f"looking first at {', '.join(it.path for it in chosen.files[:3])}")
        return chosen

    async def _reproduction(self) -> Reproduction | None:
        """A test of the issue's own code, where it fails here as the issue says."""
        command = self._bench.command
        if command is None or PythonTests.of(command) is None:
            return None
        script = self._log.find("reproduction")
        if script is None:
            script = await self._reproducing_script(command.argv[0])
            self._log.add("reproduction", script)
        return as_test(script, command) if script else None

    async def _reproducing_script(self, python: str) -> str:
        for script in scripts(self._clues):
            self._say("reproduction", "running the issue's own code")
            outputs, codes = [], []
            for _ in range(2):
                async with self._bench.copy({f"{FOLDER}/issue.py": script}) as folder:
                    # What it imports stands in the copy, not beside it.
                    code = "import runpy, sys; sys.path[:0] = ['src', '.']; runpy.run_path(sys.argv[1])"
                    argv = (python, "-c", code, f"{FOLDER}/issue.py")
                    finished = await self._bench.run(argv, folder, _SCRIPT_S)
                outputs.append(finished.output)
                codes.append(finished.exit_code)
            if error := reproduces(self._clues, outputs, codes):
                self._say("reproduction", f"the issue's code ends with {error}")
                return script
        self._say("reproduction", "no code of the issue fails as it says")
        return ""

    def _task(
        self,
        baseline: Baseline | None,
        lines: dict[Line, float],
        ranked: Ranked,
    ) -> Task:
        texts = {it.path: self._bench.text(it.path) for it in ranked.files}
        return Task(
            self._request,
            {path: text for path, text in texts.items() if text is not None},
            ranked.places,
            lines,
            tuple(_failing(baseline)),
            baseline.passing if baseline is not None else (),
            baseline.output if baseline is not None else "",
        )

    async def _rounds(self, task: Task, baseline: Baseline | None) -> tuple[Evidence, ...]:
        """Rounds of each proposer in turn, until a candidate is verified or the time is over."""
        evidence = [load_evidence(it) for it in self._log.all("evidence")]
        done = {fingerprint(it.candidate) for it in evidence}
        finished = set(self._log.all("proposer ended"))
        if _is_verified(evidence):
            return tuple(evidence)
        for proposer in self._bench.proposers(baseline, self._extra):
            if proposer.name in finished or self._left_s <= 0:
                continue
            self._say("repair", f"trying {proposer.name}")
            try:
                await self._follow(proposer, task, evidence, done)
            except InferenceError as error:
                # Others may do without that model.
                self._say("repair", f"{proposer.name}: {error.message}")
                continue
            if _is_verified(evidence) or self._left_s <= 0:
                break
            self._log.add("proposer ended", proposer.name)
        return tuple(evidence)

    async def _follow(
        self, proposer: Proposer, task: Task, evidence: list[Evidence], done: set[str]
    ) -> None:
        """A proposer's rounds, whose evidence is added to what there is."""
        async with aclosing(proposer.rounds(task, evidence, self._left_s)) as rounds:
            async for candidates in rounds:
                new = [it for it in candidates if fingerprint(it) not in done]
                done.update(map(fingerprint, new))
                async for found in self._validated(new[:MAX_CANDIDATES], task.failing):
                    evidence.append(found)
                    self._log.add("evidence", dump_evidence(found))
                if _is_verified(evidence) or self._left_s <= 0:
                    return

    async def _validated(
        self, candidates: Sequence[Candidate], failing: Sequence[str]
    ) -> AsyncIterator[Evidence]:
        if not candidates:
            return
        if self._judge is None:
            for it in candidates:
                reason = "no tests were found, so that nothing of it was run"
                yield Evidence(it, Verdict.UNVERIFIED, reason)
            return
        self._say("validation", f"running the tests on {_counted(len(candidates), 'candidate')}")
        wanted = failing or None
        left_s = max(self._left_s, 1.0)
        async for found in self._judge.validate(candidates, wanted, left_s):
            self._say("validation", f"{found.candidate.origin}: {found.verdict}")
            yield found

    # What is said.

    @property
    def _elapsed_s(self) -> float:
        return time.monotonic() - self._started

    @property
    def _left_s(self) -> float:
        return self._request.budget_s - self._elapsed_s

    def _say(self, stage: str, message: str) -> None:
        self._tell(Progress(stage, message, self._elapsed_s, self._request.budget_s))

    def _result(
        self,
        best: Evidence | None,
        evidence: Sequence[Evidence],
        files: Sequence[SuspectFile],
        baseline: Baseline | None,
        reason: str,
    ) -> Result:
        failing = tuple(_failing(baseline))
        return Result(best, tuple(evidence), tuple(files), failing, reason, self._elapsed_s)


def _failing(run: Baseline | None) -> list[str]:
    return list(run.failing) if run is not None else []


def _is_verified(evidence: Sequence[Evidence]) -> bool:
    return any(it.verdict is Verdict.VERIFIED for it in evidence)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
