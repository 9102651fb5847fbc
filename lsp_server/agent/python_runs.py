"""How tests in Python are run by our own scripts in the sandbox: traced, and for many variants. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from lsp_server.agent.data import TestCommand
from lsp_server.agent.spectrum import CoveredTest

# The scripts are where the sandbox says, and the interpreter is the user's.
_SHELL = ("/bin/sh", "-c", 'script="$1"; shift; exec "$0" "$SPARROW_INSIDE/$script" "$@"')


@dataclass(frozen=True, slots=True)
class PythonTests:
    """A command that runs tests by a runner that our scripts know."""

    python: str
    runner: str  # pytest, unittest, script
    arguments: tuple[str, ...]

    @classmethod
    def of(cls, command: TestCommand, tests: Sequence[str] = ()) -> PythonTests | None:
        """None where the command is none of Python's, or starts it in a way that is not known."""
        argv = command.of(tests)
        if not argv or not PurePath(argv[0]).name.startswith(("python", "pypy")):
            return None
        match argv[1:]:
            case ("-m", "unittest", "discover", "-s", start, *named) if tests:
                return cls(argv[0], "unittest", (f"--start={start}", *named))
            case ("-m", "pytest" | "unittest" as runner, *arguments):
                return cls(argv[0], runner, tuple(arguments))
            case (str(script), *arguments) if script.endswith(".py"):
                return cls(argv[0], "script", (script, *arguments))
        return None

    def traced(self) -> tuple[str, ...]:
        """The command that writes down which lines each test runs."""
        return (*_SHELL, self.python, "tracer.py", self.runner, *self.arguments)

    def tried(self, variants: str, seconds: float, budget_s: float, enough: int) -> tuple[str, ...]:
        """The command that tries the variants of a file; see `inside/tryout.py`."""
        numbers = (f"{seconds:g}", f"{budget_s:g}", str(enough))
        return (
            *(*_SHELL, self.python, "tryout.py", variants, *numbers),
            *(self.runner, *self.arguments),
        )


@dataclass(frozen=True, slots=True)
class Tried:
    """What the tests said of a variant; `done` is whether they came to their end in time."""

    id: int
    passed: int
    failed: int
    done: bool
    seconds: float = 0.0  # of the processor's time
    modules: tuple[str, ...] = ()  # that the first one of a run loaded, where they were not known

    @property
    def is_good(self) -> bool:
        return self.done and self.passed > 0 and self.failed == 0

    def is_as_good_as(self, other: Tried) -> bool:
        """By the same tests."""
        return (
            self.done >= other.done and self.passed >= other.passed and self.failed <= other.failed
        )


@dataclass(frozen=True, slots=True)
class Variant:
    id: int
    score: float
    files: Mapping[str, str]  # by path, the whole new text


def write_variants(
    variants: Sequence[Variant], modules: Sequence[str] | None, failing: Sequence[str] = ()
) -> str:
    """With the modules that are loaded once for all; None has them be found out.

    A variant with which none of the `failing` tests passes is tried on no others.
    """
    rows: list[object] = [{"modules": modules, "failing": failing}]
    rows += ({"id": it.id, "score": it.score, "files": dict(it.files)} for it in variants)
    return "".join(json.dumps(it) + "\n" for it in rows)


def read_tried(report: str) -> list[Tried]:
    """What a run of `tryout.py` wrote, which a variant may have written as well: what fits is taken."""
    found = []
    for row in _rows(report):
        match row:
            case {
                "id": int(number),
                "passed": int(passed),
                "failed": int(failed),
                "done": bool(done),
                "seconds": float(seconds),
                **rest,
            }:
                modules = rest.get("modules")
                names = modules if isinstance(modules, list) else []
                loaded = tuple(it for it in names if isinstance(it, str))
                found.append(Tried(number, passed, failed, done, seconds, loaded))
    return found


def read_covered(report: str) -> list[CoveredTest]:
    """What a run of `tracer.py` wrote; what does not fit is left out."""
    found = []
    for row in _rows(report):
        match row:
            case {"test": str(test), "passed": bool(passed), "lines": dict(lines)}:
                kept = {
                    path: [line for line in numbers if isinstance(line, int)]
                    for path, numbers in lines.items()
                    if isinstance(path, str) and isinstance(numbers, list)
                }
                found.append(CoveredTest(test, passed, kept))
    return found


def _rows(report: str) -> Iterator[object]:
    for line in report.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue
