"""A chat model whose answers a test writes, and a judge that runs small programs right here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from inference.content import Message
from inference.protocol import (
    Answer,
    CallText,
    Delta,
    Done,
    FinishReason,
    Priority,
    SampleEnd,
    Timings,
    ToolCall,
    Usage,
)
from inference.sampling import Sampling
from lsp_server.agent.data import Candidate, Evidence, Verdict

STOP = FinishReason.STOP


@dataclass(frozen=True)
class Call:
    """An answer that calls a tool."""

    name: str
    arguments: str


@dataclass
class FakeChat:
    """Gives its answers one after another, whatever is asked; `hangs` when it has no more."""

    answers: list[Any]
    samples: bool = True
    asked: list[list[Message]] = field(default_factory=list)
    samplings: list[Sampling] = field(default_factory=list)
    open_requests: int = 0
    hanging: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def capabilities(self) -> SimpleNamespace:
        return SimpleNamespace(chat=True, context_tokens=32_000, samples=self.samples)

    async def wait_ready(self, timeout_s: float) -> None:
        assert timeout_s > 0

    async def chat(
        self, messages: Sequence[Message], sampling: Sampling, priority: Priority, **_: Any
    ) -> AsyncGenerator[Answer, None]:
        assert priority is Priority.AGENT
        self.asked.append(list(messages))
        self.samplings.append(sampling)
        self.open_requests += 1
        try:
            for sample in range(sampling.samples):
                if not self.answers:
                    self.hanging.set()
                    await asyncio.Event().wait()
                answer = self.answers.pop(0)
                if isinstance(answer, Exception):
                    raise answer
                if isinstance(answer, Call):
                    call = CallText(f"call-{len(self.asked)}", answer.name, answer.arguments)
                    yield ToolCall(1, sample, call)
                else:
                    yield Delta(1, "<<<<<<< SEARCH", 1, sample, thinking=True)
                    for at in range(0, len(answer), 7):
                        yield Delta(1, answer[at : at + 7], 1, sample)
            others = (SampleEnd(STOP, 0),) * (sampling.samples - 1)
            yield Done(1, STOP, Usage(10, 0, 10), Timings(0, 0, 0), others)
        finally:
            self.open_requests -= 1


@dataclass(frozen=True)
class FakeBaseline:
    failing: tuple[str, ...]
    passing: tuple[str, ...]
    seconds: float = 0.0
    output: str = ""


@dataclass
class LocalJudge:
    """Judges by expressions that should be true of a program's functions: a test each."""

    program: str
    before: str
    tests: Mapping[str, str]
    judged: list[Candidate] = field(default_factory=list)

    def passing(self, text: str) -> set[str]:
        names: dict[str, Any] = {}
        with contextlib.suppress(Exception):
            exec(text, names)  # noqa: S102 - the test's own programs
        found = set()
        for name, expression in self.tests.items():
            with contextlib.suppress(Exception):
                if eval(expression, names):  # noqa: S307
                    found.add(name)
        return found

    async def baseline(self, tests: Sequence[str] = ()) -> FakeBaseline:
        del tests
        passing = self.passing(self.before)
        failing = tuple(it for it in self.tests if it not in passing)
        return FakeBaseline(failing, tuple(sorted(passing)), output="AssertionError")

    async def validate(
        self, candidates: Iterable[Candidate], failing: Sequence[str] | None, budget_s: float
    ) -> AsyncIterator[Evidence]:
        assert budget_s > 0
        before = self.passing(self.before)
        for it in candidates:
            self.judged.append(it)
            now = self.passing(it.files.get(self.program, self.before))
            wanted = set(failing or ())
            fixed, lost = now & wanted, before - now
            verdict = Verdict.VERIFIED if fixed == wanted else Verdict.PARTLY
            if lost or not fixed or set(it.files) != {self.program}:
                verdict = Verdict.REJECTED
            yield Evidence(
                it, verdict, str(verdict), tuple(wanted), tuple(fixed), tuple(wanted - fixed)
            )
