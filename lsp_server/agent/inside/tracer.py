"""Runs tests and writes down which lines of the current folder each one runs.

    python tracer.py pytest ARGUMENTS...      (or: unittest ARGUMENTS..., script FILE ARGUMENTS...)

The folder that `$SPARROW_REPORT` names gets a file `report`, with a line of JSON for each test: `{"test",
"passed", "lines": {path: [line]}}`; paths are below the folder, lines count from 0. It exits as the
runner does. Functions that were run before the first test, as modules were imported, are taken for run by
each. Where Python has `sys.monitoring` (3.12) a line costs once for each test; otherwise a trace
function is called at each. A test that takes `SECONDS` of the processor's time has failed. Python 3.8
and later.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
import threading
from typing import Any, Dict, Optional, Set, Tuple

OUT = os.path.join(os.environ["SPARROW_REPORT"], "report")  # noqa: PTH118
ROOT = os.path.realpath(os.getcwd()) + os.sep  # noqa: PTH109
SECONDS = 1.0
LEFT_OUT = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", ".venv", "venv", ".git"))
paths: Dict[str, Optional[str]] = {}
lines: Set[Tuple[str, int]] = set()
# Of functions that run as modules are imported; None until a test has begun.
imported: Optional[Set[Tuple[str, int]]] = None
OF_FUNCTION = 1  # CO_OPTIMIZED, which bodies of modules and classes do not have


def path_of(filename: str) -> str | None:
    if filename not in paths:
        real = os.path.realpath(filename)
        inside = real.startswith(ROOT) and not any(it in real for it in LEFT_OUT)
        paths[filename] = real[len(ROOT) :].replace(os.sep, "/") if inside else None
    return paths[filename]


def counts(code: Any) -> bool:
    """Whether its lines are to be told: what only defines a function is not what runs it."""
    return imported is not None or bool(code.co_flags & OF_FUNCTION)


class TooLong(BaseException):
    """So that no test takes it for an error of its own."""


def limit(seconds: float) -> None:
    """Has `TooLong` raised after so much of the processor's time; 0 takes that back."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def on_time_over(_signal: int, _frame: Any) -> None:
    raise TooLong(f"it took more than {SECONDS:g} s of the processor's time")


class Monitor:
    """By `sys.monitoring`: each line is told once, until a test begins."""

    def __init__(self) -> None:
        self.api: Any = getattr(sys, "monitoring")  # noqa: B009 - of Python 3.12
        self.api.use_tool_id(self.api.COVERAGE_ID, "sparrow")
        self.api.register_callback(self.api.COVERAGE_ID, self.api.events.LINE, self.on_line)
        self.api.set_events(self.api.COVERAGE_ID, self.api.events.LINE)

    def on_line(self, code: Any, line: int) -> Any:
        path = path_of(code.co_filename)
        if path is not None and counts(code):
            lines.add((path, line - 1))
        return self.api.DISABLE

    def begin(self) -> None:
        lines.clear()
        self.api.restart_events()


class Tracer:
    """By `sys.settrace`, in frames of the folder alone."""

    def __init__(self) -> None:
        self.begin()

    def on_call(self, frame: Any, _event: str, _argument: Any) -> Any:
        path = path_of(frame.f_code.co_filename)
        if path is None or not counts(frame.f_code):
            return None
        add = lines.add

        def on_line(frame: Any, event: str, _argument: Any) -> Any:
            if event == "line":
                add((path, frame.f_lineno - 1))
            return on_line

        return on_line

    def begin(self) -> None:
        lines.clear()
        sys.settrace(self.on_call)
        threading.settrace(self.on_call)


def begin(tracing: Monitor | Tracer) -> None:
    """A test begins."""
    global imported  # noqa: PLW0603 - as the others are
    if imported is None:
        imported = set(lines)
    tracing.begin()


def write(test: str, *, passed: bool) -> None:
    covered: Dict[str, list[int]] = {}
    for path, line in lines | (imported or set()):
        covered.setdefault(path, []).append(line)
    record = {"test": test, "passed": passed, "lines": covered}
    with open(OUT, "a", encoding="utf-8") as out:  # noqa: PTH123
        out.write(json.dumps(record) + "\n")


def trace_pytest(tracing: Monitor | Tracer) -> None:
    import types

    import pytest

    failed = set()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(item: Any, nextitem: Any) -> Any:  # noqa: ARG001 - pytest's names
        begin(tracing)
        yield
        write(item.nodeid, passed=item.nodeid not in failed)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(item: Any) -> Any:  # noqa: ARG001
        limit(SECONDS)
        outcome = yield
        limit(0)
        if outcome.excinfo is not None and outcome.excinfo[0] is TooLong:
            outcome.force_exception(RuntimeError(str(outcome.excinfo[1])))

    def pytest_runtest_logreport(report: Any) -> None:
        if report.failed:
            failed.add(report.nodeid)

    # That it cannot be rewritten any more would be a warning, which projects make an error.
    plugin: Any = types.ModuleType("sparrow_tracer_plugin", "PYTEST_DONT_REWRITE")
    plugin.pytest_runtest_protocol = pytest_runtest_protocol
    plugin.pytest_runtest_call = pytest_runtest_call
    plugin.pytest_runtest_logreport = pytest_runtest_logreport
    sys.modules[plugin.__name__] = plugin
    sys.argv[1:] = ["-p", plugin.__name__, *sys.argv[1:]]
    runpy.run_module("pytest", run_name="__main__", alter_sys=True)


def trace_unittest(tracing: Monitor | Tracer) -> None:
    import unittest

    if sys.argv[1:] and sys.argv[1].startswith("--start="):
        sys.path.insert(0, os.path.abspath(sys.argv.pop(1).partition("=")[2]))  # noqa: PTH100
    run = unittest.TestCase.run

    def traced(self: Any, result: Any = None) -> Any:
        begin(tracing)
        if result is None:
            result = self.defaultTestResult()
        before = len(result.failures) + len(result.errors)
        passed = False
        try:
            limit(SECONDS)
            run(self, result)
            passed = len(result.failures) + len(result.errors) == before
        except TooLong:
            result.addError(self, sys.exc_info())
        finally:
            limit(0)
            write(self.id(), passed=passed)
        return result

    unittest.TestCase.run = traced  # type: ignore[method-assign]
    runpy.run_module("unittest", run_name="__main__", alter_sys=True)


def trace_script(tracing: Monitor | Tracer) -> None:
    begin(tracing)
    sys.argv = sys.argv[1:]
    script = sys.argv[0]
    sys.path[0] = os.path.dirname(os.path.realpath(script))  # noqa: PTH120
    passed = False
    try:
        runpy.run_path(script, run_name="__main__")
        passed = True
    except SystemExit as error:
        passed = error.code in (None, 0)
        raise
    finally:
        write(script, passed=passed)


def main() -> None:
    runner = sys.argv.pop(1)
    sys.path[0] = os.getcwd()  # noqa: PTH109
    if hasattr(signal, "SIGPROF"):
        signal.signal(signal.SIGPROF, on_time_over)
    tracing = Monitor() if hasattr(sys, "monitoring") else Tracer()
    if runner == "pytest":
        trace_pytest(tracing)
    elif runner == "unittest":
        trace_unittest(tracing)
    else:
        trace_script(tracing)


if __name__ == "__main__":
    main()
