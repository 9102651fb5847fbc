"""Runs tests in the sandbox, and reads from what was written down how each of them ended.

Each framework is asked for its results test by test; no count that is printed is believed. A test of
which nothing was written down has no outcome, whatever the exit code says; and where the exit code says
another thing than the tests, as where one of them ends the process with success, none of them counts
as passed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lsp_server.agent.bubblewrap import Limits
from lsp_server.agent.data import WHOLE_COMMAND, Outcome, TestCommand, TestRun, is_failure
from lsp_server.agent.sandbox import KEPT_CHARACTERS, Finished, Sandbox

_MAX_NAMED = 400  # tests on one command line, beyond which their files are
_CARGO = re.compile(r"^test (?P<name>\S.*?) \.\.\. (?P<outcome>ok|FAILED|ignored)\b", re.MULTILINE)
_CARGO_OUTCOMES = {"ok": Outcome.PASSED, "FAILED": Outcome.FAILED, "ignored": Outcome.SKIPPED}
_GO_OUTCOMES = {"pass": Outcome.PASSED, "fail": Outcome.FAILED, "skip": Outcome.SKIPPED}
_NO_TESTS = 5  # pytest's exit code, where it found none


async def run_tests(
    sandbox: Sandbox,
    command: TestCommand,
    tests: Sequence[str],
    copy: Path,
    *,
    timeout_s: float,
    limits: Limits | None = None,
) -> TestRun:
    """Runs some tests, or all where none is named. Raises as `Sandbox.run` does."""
    argv, environment = recorded(command, tests, await sandbox.inside())
    finished = await sandbox.run(argv, copy, timeout_s, limits, environment)
    return read_run(command, finished)


def recorded(
    command: TestCommand, tests: Sequence[str], inside: str
) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """The command that writes down what it finds, and variables for it; scripts lie in `inside`."""
    if len(tests) > _MAX_NAMED:
        tests = _files(command.framework, tests)
    argv = command.of(tests)
    match command.framework:
        case "pytest":
            end = len(command.argv)
            options = ("-p", "sparrow_pytest", "-p", "no:cacheprovider", "--maxfail=0")
            return (*argv[:end], *options, *argv[end:]), {"PYTHONPATH": inside}
        case "unittest":
            # python -m unittest [discover -s FOLDER]
            start = command.argv[command.argv.index("-s") + 1] if "-s" in command.argv else "."
            script = f"{inside}/sparrow_unittest.py"
            return (command.argv[0], script, "--start", start, *tests), {}
        case "node":
            reporters = (
                f"--test-reporter={inside}/sparrow_node.mjs",
                "--test-reporter-destination=stderr",
                *("--test-reporter=spec", "--test-reporter-destination=stdout"),
            )
            end = argv.index("--test") + 1
            return (*argv[:end], *reporters, *argv[end:]), {}
        case "go" | "cargo":
            return ("/bin/sh", f"{inside}/to_report.sh", *argv), {}
    return argv, {}


def read_run(command: TestCommand, finished: Finished) -> TestRun:
    """What a run that `recorded` made found; from its report, which anybody may have written."""
    is_killed = finished.exit_code is None
    output = finished.output
    outcomes: dict[str, Outcome]
    match command.framework:
        case "go":
            outcomes, said = _read_go(finished.report, is_killed=is_killed)
            output = clip(said + output)
        case "cargo":
            outcomes = {
                it["name"]: _CARGO_OUTCOMES[it["outcome"]]
                for it in _CARGO.finditer(finished.report)
            }
            output = clip(finished.report + output)
        case "command":
            outcomes = {WHOLE_COMMAND: _whole(finished)}
        case _:
            outcomes = _read_lines(finished.report, is_killed=is_killed)
    is_failed = any(map(is_failure, outcomes.values()))
    if not is_killed and not is_failed and finished.exit_code not in (0, _NO_TESTS):
        outcomes = _none_passed(outcomes)
    if finished.exit_code == 0 and is_failed:
        outcomes = _none_passed(outcomes)
    return TestRun(outcomes, finished.exit_code, output, finished.seconds, finished.contained)


def clip(text: str) -> str:
    if len(text) <= 2 * KEPT_CHARACTERS:
        return text
    first, last = text[:KEPT_CHARACTERS], text[-KEPT_CHARACTERS:]
    return f"{first}\n[... {len(text)} characters in all ...]\n{last}"


def _whole(finished: Finished) -> Outcome:
    if finished.exit_code is None:
        return Outcome.TIMEOUT
    return Outcome.PASSED if finished.exit_code == 0 else Outcome.FAILED


def _none_passed(outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
    return {name: Outcome.ERROR if it is Outcome.PASSED else it for name, it in outcomes.items()}


def _files(framework: str, tests: Sequence[str]) -> tuple[str, ...]:
    if framework != "pytest":
        return ()
    return tuple(dict.fromkeys(it.partition("::")[0] for it in tests))


def _read_lines(report: str, *, is_killed: bool) -> dict[str, Outcome]:
    """Of the recorders in `inside`: a line where a test begins, and one where it ends."""
    outcomes: dict[str, Outcome] = {}
    unfinished = Outcome.TIMEOUT if is_killed else Outcome.ERROR
    for line in _objects(report):
        if isinstance(name := line.get("begin"), str):
            outcomes[name] = unfinished
        elif isinstance(name := line.get("gone"), str):  # it was none, but held some
            outcomes.pop(name, None)
        elif isinstance(name := line.get("end"), str):
            try:
                outcomes[name] = Outcome(str(line.get("outcome")))
            except ValueError:
                outcomes[name] = Outcome.ERROR
    return outcomes


def _read_go(report: str, *, is_killed: bool) -> tuple[dict[str, Outcome], str]:
    """Of `go test -json`: the outcomes, and what was printed."""
    outcomes: dict[str, Outcome] = {}
    said = []
    for line in _objects(report):
        action, package, test = line.get("Action"), line.get("Package"), line.get("Test")
        if action == "output":
            said.append(str(line.get("Output", "")))
        if not isinstance(package, str):
            continue
        if isinstance(test, str):
            name = f"{package}::{test}"
            if action == "run":
                outcomes[name] = Outcome.TIMEOUT if is_killed else Outcome.ERROR
            elif isinstance(action, str) and action in _GO_OUTCOMES:
                outcomes[name] = _GO_OUTCOMES[action]
        elif action == "fail" and not any(it.startswith(f"{package}::") for it in outcomes):
            outcomes[f"{package}::"] = Outcome.ERROR  # it could not be built
    return outcomes, "".join(said)


def _objects(report: str) -> Iterator[dict[str, object]]:
    for line in report.splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found
