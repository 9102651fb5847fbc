"""The process that refactors: one job a line, one answer a line, as JSON; it ends with its input.

The server kills it where a job takes too long or nobody waits for it any more. What it writes are
mirrors of files in the folder that it is given; see `mirror.py`.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from lsp_server.refactor.job import Job
from lsp_server.refactor.perform import perform
from lsp_server.refactor.refusal import RefactorRefused

logger = logging.getLogger(__name__)

NICENESS = 5


def answer(job: Job, scratch: Path) -> dict[str, Any]:
    """The outcome, or why there is none.

    The folder is there for as long as the job: a process that is killed while it waits leaves
    nothing behind.
    """
    try:
        scratch.mkdir(mode=0o700)
        return {"outcome": perform(job, scratch).to_json()}
    except RefactorRefused as refusal:
        return {"refused": str(refusal)}
    except OSError as error:
        told = error.strerror or error
        return {"refused": f"the files to work on cannot be written below {scratch.parent}: {told}"}
    except Exception as error:  # of rope's, on code that it does not expect
        logger.exception("%s failed", job.task)
        return {"refused": f"the refactoring engine failed on this code: {error!r}"}
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def main() -> None:
    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends when its input does
    if hasattr(os, "nice"):
        os.nice(max(0, NICENESS - os.nice(0)))
    scratch = Path(sys.argv[1])
    jobs = os.fdopen(os.dup(0), "rb")
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what prints goes to the log
    for line in jobs:
        told = answer(Job.of_json(json.loads(line)), scratch)
        output.write(json.dumps(told).encode() + b"\n")
        output.flush()


if __name__ == "__main__":
    main()
