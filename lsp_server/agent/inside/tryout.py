"""Tries many variants of a few files on the same tests, each in a process that is forked for it.

    python tryout.py VARIANTS SECONDS BUDGET ENOUGH pytest ARGUMENTS...     (or: unittest, script FILE)

VARIANTS is a file of lines of JSON: first `{"modules": names, "failing": tests}`, or null in place of the
names, and then `{"id": number, "score": number, "files": {path: text}}`, the highest score first. The
folder that `$SPARROW_REPORT` names gets a file `report`, with a line for each variant that was tried:
`{"id", "passed", "failed", "done", "seconds"}`; `done` is false where its SECONDS of processor time were
over or it ended otherwise, `seconds` is what it took of that time. It stops when BUDGET seconds are over
and when ENOUGH variants had no failure. After the first one of these the others are its rivals: those with
a far lower score are not tried, and no more time is spent on them than the half of what it took to come to
it. What runs may write what it likes: this says which variants to look at, and proves nothing.

What all of these processes begin with is done once: Python, the runner and the plugins of pytest are
loaded, and the modules that are named. They part where what belongs to the folder would be read. Where
null stands for the names, the first line of the report has `modules`: what the first variant loaded
from elsewhere than the folder, and can be loaded before it without that its tests say anything else.

The tests that are named as failing are run first. Where none of them passes the others are left out, but
for what is run while the modules are not known: of a repair these could only say what it breaks.
Python 3.8 and later, where there is `os.fork`.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import runpy
import select
import signal
import sys
import tempfile
import time
from typing import IO, Any, Generator, Iterator

MEMORY_BYTES = 1 << 30  # that a variant may take beside what is there already
# Of the clock, for a second of the processor's: a machine may have much else to do.
CLOCK_SHARE = 10.0
# Rivals of a variant that had no failure: of so much of its score, and for so much of the processor's time
# that it took to find it, or so many seconds where that is less.
RIVAL_SCORE = 0.67
RIVAL_TIME = 0.5
LEAST_RIVALS_S = 1.0
INSTALLED = f"{os.sep}site-packages{os.sep}"  # also in a folder's own environment


class Told:
    """What a variant's process says: a byte for each test that has ended. It ends with the block."""

    def __init__(self, pipe: int, loaded: IO[str], failing: list[str]) -> None:
        self.pipe = pipe
        self.loaded = loaded
        self.known = set(sys.modules)
        self.failing = set(failing)
        self.waiting = set(failing)
        self.is_of_use = not failing

    def ended(self, test: str, *, passed: bool) -> bool:
        """Whether the tests go on behind that one."""
        self.is_of_use = self.is_of_use or (passed and test in self.failing)
        self.waiting.discard(test)
        return self.is_of_use or bool(self.waiting)

    def passed(self) -> None:
        os.write(self.pipe, b".")

    def failed(self) -> None:
        os.write(self.pipe, b"F")

    def __enter__(self) -> Told:  # noqa: PYI034 - for Python 3.8
        return self

    def __exit__(self, error: object, *_: object) -> None:
        try:
            if error is None:
                json.dump(modules_from_elsewhere(self.known), self.loaded)
                self.loaded.flush()
                os.write(self.pipe, b"E")
        finally:
            os._exit(error is not None)


# To rewrite the assertions of a long file, for what nobody reads, takes longer than its tests.
QUIET = ("-q", "-p", "no:cacheprovider", "--tb=no", "--no-header", "--assert=plain")


class Reports:
    """A plugin of pytest's."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.session: Any = None
        self.has_passed = False

    def pytest_collection_modifyitems(self, session: Any, items: list[Any]) -> None:
        self.session = session
        items.sort(key=lambda it: it.nodeid not in self.told.failing)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.told.failed()
        elif report.when == "call" and report.passed:
            self.told.passed()
        if report.when == "setup":
            self.has_passed = False
        elif report.when == "call":
            self.has_passed = report.passed
        elif not self.told.ended(report.nodeid, passed=self.has_passed):
            self.session.shouldstop = "no failing test passes"

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.told.failed()


def run_pytest(arguments: list[str], told: Told) -> None:
    import pytest

    pytest.main([*QUIET, *arguments], plugins=[Reports(told)])


def part_in_pytest(arguments: list[str], variants: str, trials: Iterator[Told]) -> None:
    """Has pytest load its plugins once; each trial goes on from there."""
    import pytest

    with contextlib.ExitStack() as stack:

        class Parting:
            # Around what other plugins do here, such as taking the output: each process does that itself.
            @pytest.hookimpl(hookwrapper=True, tryfirst=True)
            def pytest_load_initial_conftests(self, early_config: Any) -> Iterator[None]:
                if is_any_loaded(variants):
                    # By a plugin of the folder's own: each process has to load its variant.
                    argv = [sys.executable, *sys.argv]
                    argv[argv.index("pytest")] = WITHOUT_PARTING
                    os.execv(sys.executable, argv)  # noqa: S606 - what runs here already
                told = next(trials, None)
                if told is None:
                    raise SystemExit
                stack.enter_context(told)
                early_config.pluginmanager.register(Reports(told))
                yield

        pytest.main([*QUIET, *arguments], plugins=[Parting()])


def is_any_loaded(variants: str) -> bool:
    """Whether a file that is varied has been imported."""
    varied: set[str] = set()
    with open(variants, encoding="utf-8") as lines:  # noqa: PTH123
        for line in lines:
            varied.update(map(os.path.realpath, json.loads(line).get("files", ())))
    return any(file_of(it) in varied for it in list(sys.modules.values()))


def file_of(module: Any) -> str:
    file = getattr(module, "__file__", None)
    return os.path.realpath(file) if isinstance(file, str) else ""


def modules_from_elsewhere(known: set[str]) -> list[str]:
    """What was loaded since, without what belongs to the folder; in the order in which it was."""
    own = os.path.realpath(os.getcwd()) + os.sep  # noqa: PTH109
    found = []
    for name, module in list(sys.modules.items()):
        file = file_of(module)
        if name not in known and file and (not file.startswith(own) or INSTALLED in file):
            found.append(name)
    return found


def load(names: list[str]) -> None:
    for name in names:
        # What cannot be loaded here a test may not need, or tells of it.
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def unittest_runner(told: Told) -> Any:
    import unittest

    class Result(unittest.TestResult):
        def startTest(self, test: Any) -> None:  # noqa: N802 - unittest's names
            super().startTest(test)
            self.has_passed = False

        def addSuccess(self, test: Any) -> None:  # noqa: ARG002, N802 - unittest's names
            told.passed()
            self.has_passed = True

        def stopTest(self, test: Any) -> None:  # noqa: N802 - unittest's names
            super().stopTest(test)
            if not told.ended(test.id(), passed=self.has_passed):
                self.stop()

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

    return Runner()


def run_unittest(arguments: list[str], told: Told) -> None:
    import unittest

    options = [it for it in arguments if it not in {"-v", "-q", "--verbose", "--quiet"}]
    if options and options[0].startswith("--start="):
        sys.path.insert(0, os.path.abspath(options.pop(0).partition("=")[2]))  # noqa: PTH100
    runner = unittest_runner(told)
    unittest.main(module=None, argv=["unittest", *options], exit=False, testRunner=runner)


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


WITHOUT_PARTING = "pytest-each"
RUNNERS: Any = {
    "pytest": run_pytest,
    WITHOUT_PARTING: run_pytest,
    "unittest": run_unittest,
    "script": run_script,
}


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


class Trials:
    """Tries variants one after another, and writes the report."""

    def __init__(self, variants: str, seconds: float, budget: float, enough: int) -> None:
        self.variants = variants
        self.seconds = seconds
        self.budget = budget
        self.enough = enough

    def each_in_a_fork(self) -> Iterator[Told]:
        """Yields once in each of the processes that are forked, and never in our own."""
        end = time.monotonic() + self.budget
        good, best, spent, allowed = 0, 0.0, 0.0, 0.0
        report = os.path.join(os.environ["SPARROW_REPORT"], "report")  # noqa: PTH118
        out = open(report, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - open to the end
        with open(self.variants, encoding="utf-8") as lines:  # noqa: PTH123
            first = json.loads(next(lines))
            modules = first["modules"]
            load(modules or [])
            for line in lines:
                variant = json.loads(line)
                if good and (variant["score"] < RIVAL_SCORE * best or spent > allowed):
                    break
                with in_place(variant["files"]):
                    failing = first["failing"] if modules is not None else []
                    record, loaded = yield from self.forked(failing)
                    if modules is None and record["done"]:
                        modules = []
                        load(loaded)
                        again, _ = yield from self.forked([])
                        if same(again, record):
                            record, modules = {**again, "modules": loaded}, loaded
                out.write(json.dumps({"id": variant["id"], **record}) + "\n")
                out.flush()
                spent += record["seconds"]
                if record["done"] and record["passed"] and not record["failed"]:
                    if not good:
                        best, allowed = (
                            variant["score"],
                            spent + max(RIVAL_TIME * spent, LEAST_RIVALS_S),
                        )
                    good += 1
                if good == self.enough or time.monotonic() > end:
                    break

    def forked(self, failing: list[str]) -> Generator[Told, None, tuple[dict[str, Any], list[str]]]:
        """What the tests say of the files as they are, and what modules they loaded."""
        loaded = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - the process has it too
        reads, writes = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(reads)
                os.setpgid(0, 0)
                bound(self.seconds)
            except BaseException:  # noqa: BLE001 - it must not go on as our own
                os._exit(1)
            yield Told(writes, loaded, failing)
        os.close(writes)
        said, done, taken = wait_for(pid, reads, CLOCK_SHARE * self.seconds)
        record = {
            "passed": said.count("."),
            "failed": said.count("F"),
            "done": done,
            "seconds": taken,
        }
        with loaded:
            loaded.seek(0)
            return record, json.load(loaded) if done else []


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one[it] == other[it] for it in ("passed", "failed", "done"))


def wait_for(pid: int, reads: int, seconds: float) -> tuple[str, bool, float]:
    """What a process said, if it came to its end, and its time of the processor. It is killed then."""
    said = b""
    end = time.monotonic() + seconds
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
    trials = Trials(variants, float(seconds), float(budget), int(enough)).each_in_a_fork()
    if runner == "pytest":
        part_in_pytest(arguments, variants, trials)
        return
    if runner == "unittest":
        import unittest  # noqa: F401 - once for all that are forked
    for told in trials:
        with told:
            RUNNERS[runner](arguments, told)


if __name__ == "__main__":
    main()
