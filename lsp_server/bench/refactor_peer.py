"""What rope takes by itself, with the whole library as its project: in a process of its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lsp_server.bench.measure import CouldNotRun
from lsp_server.bench.refactor_live import Extraction


def time_rope(library: Path, extractions: Sequence[Extraction]) -> list[float]:
    """Milliseconds for each extraction, in one project, the first one first."""
    asked = [[it.path, it.start_offset, it.end_offset] for it in extractions]
    answer = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-P", "-m", "lsp_server.bench.refactor_peer", str(library)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise CouldNotRun(f"rope failed: {answer.stderr[-500:]}")
    taken_ms: list[float] = json.loads(answer.stdout)
    return taken_ms


def main() -> None:
    from rope.base.exceptions import RefactoringError
    from rope.base.project import Project
    from rope.refactor.extract import ExtractMethod

    none: Any = None  # which rope takes for no folder of its own
    project: Any = Project(sys.argv[1], ropefolder=none)
    taken_ms = []
    for path, start, end in json.load(sys.stdin):
        started = time.perf_counter()
        project.validate(project.root)  # what is on disk may be another by now
        resource = project.get_resource(path)
        with contextlib.suppress(RefactoringError):  # which some places are too hard for
            ExtractMethod(project, resource, start, end).get_changes("extracted")
        taken_ms.append((time.perf_counter() - started) * 1000)
    json.dump(taken_ms, sys.stdout)


if __name__ == "__main__":
    main()
