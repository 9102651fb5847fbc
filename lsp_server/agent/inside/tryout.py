"""Tries many variants of a few files on the same tests, each in a process that is forked for it.

    python tryout.py VARIANTS SECONDS BUDGET ENOUGH pytest ARGUMENTS...     (or: unittest, script FILE)

VARIANTS is a file with a line of JSON for each: `{"id": number, "score": number, "files": {path: text}}`,
the highest score first. The folder that `$SPARROW_REPORT` names gets a file `report`, with a line for
each variant that was tried: `{"id", "passed", "failed", "done", "seconds"}`; `done` is false where its
SECONDS of processor time were over or it ended otherwise, `seconds` is what it took of that time. It stops when BUDGET seconds are over, when ENOUGH
variants had no failure, and when the scores are below the half of one that had none. What runs may
write what it likes: this says which variants to look at, and proves nothing. Python 3.8 and later, where
there is `os.fork`.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import select
import signal
import sys
import tempfile
import time
from typing import Any, Callable, Iterator

MEMORY_BYTES = 1 << 30  # that a variant may take beside what is there already
# Of the clock, for a second of the processor's: a machine may have much else to do.
CLOCK_SHARE = 10.0


class Told:
    """The process's own end: a byte for each test that has ended."""

    def __init__(self, pipe: int) -> None:
        self.pipe = pipe

    def passed(self) -> None:
        os.write(self.pipe, b".")

    def failed(self) -> None:
        os.write(self.pipe, b"F")


def run_pytest(arguments: list[str], told: Told) -> None:
    import pytest

    class Plugin:
        def pytest_runtest_logreport(self, report: Any) -> None:
            if report.failed:
                told.failed()
            elif report.when == "call" and report.passed:
                told.passed()

        def pytest_collectreport(self, report: Any) -> None:
            if report.failed:
                told.failed()

    quiet = ["-q", "-p", "no:cacheprovider", "--tb=no", "--no-header"]
    pytest.main([*quiet, *arguments], plugins=[Plugin()])


def run_unittest(arguments: list[str], told: Told) -> None:
    import unittest

    class Result(unittest.TestResult):
        def addSuccess(self, test: Any) -> None:  # noqa: ARG002, N802 - unittest's names
            told.passed()

        def addFailure(self, test: Any, err: Any) -> None:  # noqa: ARG002, N802 - unittest's names
            told.failed()

        def addError(self, test: Any, err: Any) -> None:  # noqa: ARG002, N802 - unittest's names
            told.failed()

        def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: ARG002, N802 - unittest's names
            if err is not None:
                told.failed()

    class Runner:
        def run(self, test: Any) -> Any:
            result = Result()
            test(result)
            return result

    options = [it for it in arguments if it not in {"-v", "-q", "--verbose", "--quiet"}]
    if options and options[0].startswith("--start="):
        sys.path.insert(0, os.path.abspath(options.pop(0).partition("=")[2]))  # noqa: PTH100
    unittest.main(module=None, argv=["unittest", *options], exit=False, testRunner=Runner())


def run_script(arguments: list[str], told: Told) -> None:
    sys.argv = arguments
    sys.path[0] = os.path.dirname(os.path.realpath(arguments[0]))  # noqa: PTH120
    try:
        runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as error:
        (told.passed if error.code in (None, 0) else told.failed)()
    except BaseException:
        told.failed()
        raise
    else:
        told.passed()


RUNNERS: Any = {"pytest": run_pytest, "unittest": run_unittest, "script": run_script}


@contextlib.contextmanager
def in_place(files: dict[str, str]) -> Iterator[None]:
    before = {}
    for path, text in files.items():
        with open(path, "rb") as file:  # noqa: PTH123
            before[path] = file.read()
        with open(path, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123
            file.write(text)
    try:
        yield
    finally:
        for path, data in before.items():
            with open(path, "wb") as file:  # noqa: PTH123
                file.write(data)


def attempt(run: Callable[[Told], None], seconds: float) -> tuple[str, bool, float]:
    """What the tests of a process that is forked for them said, if it came to their end, and its time."""
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(reads)
            os.setpgid(0, 0)
            bound(seconds)
            run(Told(writes))
            os.write(writes, b"E")
            code = 0
        finally:
            os._exit(code)
    os.close(writes)
    said = b""
    end = time.monotonic() + CLOCK_SHARE * seconds
    while True:
        left = end - time.monotonic()
        ready = select.select([reads], [], [], max(left, 0))[0] if left > 0 else []
        if not ready:
            break
        piece = os.read(reads, 4096)
        if not piece:
            break
        said += piece
        if said.endswith(b"E"):
            break
    for target in (-pid, pid):
        with contextlib.suppress(OSError):
            (os.killpg if target < 0 else os.kill)(abs(target), signal.SIGKILL)
    usage = os.wait4(pid, 0)[2]
    os.close(reads)
    return said.decode("ascii"), said.endswith(b"E"), usage.ru_utime + usage.ru_stime


def bound(seconds: float) -> None:
    """Nothing to read, nothing said; so much memory, and so much of the processor's time."""
    import resource

    signal.setitimer(signal.ITIMER_PROF, seconds)  # the signal ends the process

    empty = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(empty, number)
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123
        taken = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    limit = taken + MEMORY_BYTES
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def main() -> None:
    variants, seconds, budget, enough, runner = sys.argv[1:6]
    arguments = sys.argv[6:]
    sys.path[0] = os.getcwd()  # noqa: PTH109
    # Variants follow each other within a file's second and may have one size: no cache tells them apart.
    sys.dont_write_bytecode = True
    sys.pycache_prefix = tempfile.mkdtemp()
    if runner == "pytest":
        import pytest  # noqa: F401 - once for all that are forked
    elif runner == "unittest":
        import unittest  # noqa: F401
    run = RUNNERS[runner]
    end = time.monotonic() + float(budget)
    good, best = 0, 0.0
    report = os.path.join(os.environ["SPARROW_REPORT"], "report")  # noqa: PTH118
    out = open(report, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - open to the end
    with open(variants, encoding="utf-8") as lines:  # noqa: PTH123
        for line in lines:
            variant = json.loads(line)
            if good and variant["score"] < best / 2:
                break
            with in_place(variant["files"]):
                said, done, taken = attempt(lambda told: run(arguments, told), float(seconds))
            passed, failed = said.count("."), said.count("F")
            record = {
                "id": variant["id"],
                "passed": passed,
                "failed": failed,
                "done": done,
                "seconds": taken,
            }
            out.write(json.dumps(record) + "\n")
            out.flush()
            if done and passed and not failed:
                good, best = good + 1, max(best, variant["score"])
            if good == int(enough) or time.monotonic() > end:
                break


if __name__ == "__main__":
    main()
