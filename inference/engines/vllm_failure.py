"""Why vLLM could not start, in one sentence: its own words are many lines, or stand elsewhere.

Of an argument that it refuses, pydantic tells the name, the value and what it may be. What fails in
one of vLLM's processes reaches this one as "see root cause above", which is in the host's log; where
standard error is that file, the last error in it is the reason.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ERROR_STREAM = Path("/proc/self/fd/2")
_READ_BYTES = 64 * 1024
_LONGEST = 400
_ELSEWHERE = re.compile(r"See (?:root cause|stack trace)")
_ERROR = re.compile(r"\b[A-Z]\w*(?:Error|Exception): (?P<said>\S.*)")


def reason(error: Exception) -> str:
    """What went wrong, without a full stop; never empty."""
    said = str(error).strip()
    if _ELSEWHERE.search(said):
        said = _last_error(_own_log()) or said
    elif told := _refused_argument(error):
        said = told
    else:
        said = said.splitlines()[-1].strip() if said else type(error).__name__
    return said[:_LONGEST].rstrip(" .")


def is_refused_argument(error: Exception) -> bool:
    return bool(_refused_argument(error))


def _refused_argument(error: Exception) -> str:
    """What pydantic's `ValidationError` says of the first value that it refused, else nothing."""
    problems: Any = getattr(error, "errors", None)
    found = problems() if callable(problems) else ()
    if not isinstance(found, Sequence) or not found or not isinstance(found[0], dict):
        return ""
    first = found[0]
    said = str(first.get("msg") or "").removeprefix("Value error, ").splitlines()
    names = first.get("loc") or ()
    if not said:
        return ""
    # A value that fits none of several types is told once for each, with the type behind the name.
    return f"{names[0]}={first.get('input')!r}: {said[0]}" if names else said[0]


def _own_log() -> str:
    """The end of what this process and its children wrote to standard error, where that is a file."""
    try:
        if not stat.S_ISREG(ERROR_STREAM.stat().st_mode):
            return ""
        with ERROR_STREAM.open("rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - _READ_BYTES))
            return log.read().decode(errors="replace")
    except OSError:
        return ""


def _last_error(log: str) -> str:
    errors = [it["said"] for it in _ERROR.finditer(log) if not _ELSEWHERE.search(it["said"])]
    return errors[-1].strip() if errors else ""
