"""Runs unittest's tests and writes down how each ends, a line of JSON for each, as it happens.

Called as `python -m unittest` is. Older than the rest of Sparrow's code in its syntax: it runs in the
user's environment, whichever Python that has.
"""

import json
import os
import sys
import unittest
from typing import Any

# What stands for a module that cannot be imported; behind it comes the module's name.
NOT_IMPORTED = "unittest.loader._FailedTest."


def name_of(test: Any) -> str:
    """By which it can be run again, once it can be imported."""
    name: str = test.id()
    return name.removeprefix(NOT_IMPORTED)


class Result(unittest.TextTestResult):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        path = os.path.join(os.environ["SPARROW_REPORT"], "report")  # noqa: PTH118
        self._file = open(path, "a", encoding="utf-8", buffering=1)  # noqa: PTH123, SIM115
        self._outcome = "passed"

    def write(self, **fields: Any) -> None:
        self._file.write(json.dumps(fields) + "\n")

    def startTest(self, test: Any) -> None:  # noqa: N802
        super().startTest(test)
        self._outcome = "passed"
        self.write(begin=name_of(test))

    def stopTest(self, test: Any) -> None:  # noqa: N802
        super().stopTest(test)
        self.write(end=name_of(test), outcome=self._outcome)

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802
        super().addFailure(test, err)
        self._outcome = "failed"

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802
        super().addError(test, err)
        self._outcome = "error"
        if not isinstance(test, unittest.TestCase):  # a class or a module could not be set up
            self.write(end=test.id(), outcome="error")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._outcome = "failed"

    def addSkip(self, test: Any, reason: Any) -> None:  # noqa: N802
        super().addSkip(test, reason)
        self._outcome = "skipped"

    def addExpectedFailure(self, test: Any, err: Any) -> None:  # noqa: N802
        super().addExpectedFailure(test, err)
        self._outcome = "skipped"

    def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: N802
        super().addUnexpectedSuccess(test)
        self._outcome = "failed"


def main(arguments: Any) -> None:
    """Where tests are named in a folder that is no package, it is on the path, as it is for discovery."""
    sys.path[0] = os.getcwd()  # noqa: PTH109
    if arguments[:1] == ["--start"]:
        start, names = arguments[1], arguments[2:]
        if names:
            sys.path.insert(0, os.path.abspath(start))  # noqa: PTH100
            arguments = names
        else:
            arguments = ["discover", "-s", start]
    runner = unittest.TextTestRunner(resultclass=Result)
    unittest.main(module=None, argv=["unittest", *arguments], testRunner=runner)


if __name__ == "__main__":
    main(sys.argv[1:])
