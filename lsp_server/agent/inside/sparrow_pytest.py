"""A plugin of pytest's that writes down how each test ends, a line of JSON for each, as it happens.

So what a run that is killed has come to is known, and which test it was at. Older than the rest of
Sparrow's code in its syntax: it runs in the user's environment, whichever Python that has.
"""

import json
import os
from typing import Any, Dict

_RANK = {"passed": 0, "skipped": 1, "failed": 2, "error": 3}


class Recorder:
    def __init__(self, path: Any) -> None:
        self._file = open(path, "a", encoding="utf-8", buffering=1)  # noqa: PTH123, SIM115
        self._outcomes: Dict[str, str] = {}

    def write(self, **fields: Any) -> None:
        self._file.write(json.dumps(fields) + "\n")

    def pytest_runtest_logstart(self, nodeid: Any) -> None:
        self.write(begin=nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        outcome = report.outcome
        if outcome == "failed" and report.when != "call":
            outcome = "error"
        if report.when == "call" or outcome != "passed":
            known = self._outcomes.get(report.nodeid, "passed")
            self._outcomes[report.nodeid] = max(known, outcome, key=lambda it: _RANK.get(it, 3))

    def pytest_runtest_logfinish(self, nodeid: Any) -> None:
        self.write(end=nodeid, outcome=self._outcomes.pop(nodeid, "error"))

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.write(end=report.nodeid, outcome="error")

    def pytest_sessionfinish(self, exitstatus: Any) -> None:
        self.write(exit=int(exitstatus))


def pytest_configure(config: Any) -> None:
    """Of pytest-xdist only the process that hears of all tests writes."""
    folder = os.environ.get("SPARROW_REPORT")
    if folder and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(os.path.join(folder, "report")))  # noqa: PTH118
