"""What the stages of a fix hand to each other. Pure.

Paths are below the snapshot's root, with forward slashes; lines count from 0.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


class Outcome(enum.StrEnum):
    """How one test ended. One that a run never came to has no outcome."""

    PASSED = "passed"
    FAILED = "failed"  # it ran, and what it expects is not so
    ERROR = "error"  # it could not be run, or be collected
    SKIPPED = "skipped"  # also where it is expected to fail, and does
    TIMEOUT = "timeout"  # it had begun when the time was over


# What stands in a test's id behind the file, the class or the function that it is in.
_WITHIN = re.compile(r"/|::|\[|\.| > ")


@dataclass(frozen=True, slots=True)
class TestRun:
    """One run of tests in one copy; `outcomes` by the framework's own test id.

    `output` is what was printed, its first and last 5,000 characters; `exit_code` is None where the
    run was killed. `contained` says in words what the sandbox stopped.
    """

    __test__: ClassVar[bool] = False  # it is no test of Sparrow's

    outcomes: Mapping[str, Outcome]
    exit_code: int | None
    output: str
    seconds: float
    contained: tuple[str, ...] = ()

    @property
    def failing(self) -> tuple[str, ...]:
        return tuple(it for it, outcome in self.outcomes.items() if is_failure(outcome))

    def passes(self, test: str) -> bool:
        return self.outcomes.get(test) is Outcome.PASSED

    def tests_of(self, named: str) -> tuple[str, ...]:
        """The test of that id; or those of the file, the class or the function that has it."""
        if named in self.outcomes:
            return (named,)
        named = named.removeprefix("./").rstrip("/")
        # unittest is given a file by its path, and calls it as a module.
        starts = (named, named.removesuffix(".py").replace("/", "."))
        return tuple(
            it
            for it in self.outcomes
            if any(it.startswith(start) and _WITHIN.match(it, len(start)) for start in starts)
        )

    def mends(self, test: str) -> bool:
        """Whether one that failed before passes; of what could not be imported or built, all in it.

        Such a one is named as the module is: `test_a.py` by pytest, `test_a` by unittest, `package::`
        by go; and its tests by longer names.
        """
        if test in self.outcomes:
            return self.passes(test)
        heads = (test,) if test.endswith("::") else (f"{test}::", f"{test}.")
        inside = [outcome for name, outcome in self.outcomes.items() if name.startswith(heads)]
        return Outcome.PASSED in inside and not any(map(is_failure, inside))


def is_failure(outcome: Outcome | None) -> bool:
    """Whether a test that should pass did anything else; None: the run never came to it."""
    return outcome not in (Outcome.PASSED, Outcome.SKIPPED)


@dataclass(frozen=True, slots=True)
class TestCommand:
    """How the tests of a workspace are run.

    `framework` is pytest, unittest, node, go, cargo or command. The last one is the user's own, and
    is one test, named `WHOLE_COMMAND`, that passes where the command exits with 0.
    """

    __test__: ClassVar[bool] = False

    framework: str
    argv: tuple[str, ...]  # without test ids

    def of(self, tests: Sequence[str]) -> tuple[str, ...]:
        """The command for some tests, which may run more than those; all of them where none is named.

        A test id is that of `TestRun.outcomes`: pytest's and unittest's own; `file::name > name` of
        node; `package::name` of go; `name::name` of cargo.
        """
        if not tests:
            return self.argv
        match self.framework:
            case "pytest" | "unittest":
                return (*self.argv, *tests)
            case "node":
                return (*self.argv, *_unique(it.partition("::")[0] for it in tests))
            case "go":
                packages = _unique(it.partition("::")[0] for it in tests)
                tops = _unique(it.partition("::")[2].partition("/")[0] for it in tests)
                names = "|".join(re.escape(it) for it in tops if it)
                argv = self.argv[:-1] if self.argv[-1:] == ("./...",) else self.argv
                return (*argv, *(("-run", f"^({names})$") if names else ()), *packages)
            case "cargo":
                return (*self.argv, "--", "--exact", *tests)
        return self.argv


WHOLE_COMMAND = "the command"


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to change some files, each as its whole new text."""

    files: Mapping[str, str]
    origin: str  # "template: off by one", "model sample 2", ...
    score: float  # the higher, the earlier it is tried


class Verdict(enum.StrEnum):
    VERIFIED = "verified"  # what failed passes, and nothing that passed fails
    PARTLY = "partly verified"  # some of what failed passes, and nothing that passed fails
    UNVERIFIED = "unverified"  # nothing speaks against it, but no test failed before
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What became of a candidate where it was tried; tests by their ids."""

    candidate: Candidate
    verdict: Verdict
    reason: str  # one sentence, for the user
    failed_before: tuple[str, ...] = ()
    passes_now: tuple[str, ...] = ()  # of those that failed before
    still_fails: tuple[str, ...] = ()  # of those as well
    regressed: tuple[str, ...] = ()  # passed before, and fail now, twice
    also_ran: tuple[str, ...] = ()  # passed before, and pass now
    flaky: tuple[str, ...] = ()  # now this way, now that
    gates: tuple[str, ...] = ()  # what was checked without running anything


@dataclass(frozen=True, slots=True)
class Suspect:
    """A place that may be wrong, up to and with `end_line`."""

    path: str
    line: int
    end_line: int
    score: float
    why: tuple[str, ...]
