"""The traces of this window in a file, for `sparrow trace`: no code, for this run alone.

A line of JSON for each completion that has ended, the last `KEPT_TRACES` and at most as many again,
in Sparrow's runtime folder, which only the user can read. The file goes with the server; one that a
killed server left goes when the next one starts.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import IO, Any

from lsp_server.trace import KEPT_TRACES, Trace

logger = logging.getLogger(__name__)

_PREFIX, _SUFFIX = "traces-", ".jsonl"
_FIELDS = tuple(it.name for it in fields(Trace) if not it.name.startswith("_"))


def as_json(trace: Trace) -> dict[str, Any]:
    """Its fields; a line and a column count from 1, as editors show them."""
    told = {name: getattr(trace, name) for name in _FIELDS}
    return told | {"line": trace.line + 1, "column": trace.column + 1}


class TraceLog:
    """`folder` makes the folder and says where it is; it may raise an `OSError`."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self._last: deque[str] = deque(maxlen=KEPT_TRACES)
        self._file: IO[str] | None = None
        self._path: Path | None = None
        self._lines = 0
        self._is_closed = False

    def add(self, trace: Trace) -> None:
        if self._is_closed:
            return
        self._last.append(json.dumps(as_json(trace)) + "\n")
        try:
            file = self._file or self._open()
            if self._lines >= 2 * KEPT_TRACES:
                file.seek(0)
                file.truncate()
                file.writelines(self._last)
                self._lines = len(self._last)
            else:
                file.write(self._last[-1])
                self._lines += 1
            file.flush()
        except OSError as error:
            logger.warning("traces are not written: %s", error)
            self.close()

    def close(self) -> None:
        self._is_closed = True
        if self._file is not None and self._path is not None:
            with contextlib.suppress(OSError):  # on a full disk closing fails as well
                self._file.close()
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            self._file = None

    def _open(self) -> IO[str]:
        folder = self._folder()
        for leftover, pid in _files(folder):
            if not _runs(pid):
                with contextlib.suppress(OSError):
                    leftover.unlink(missing_ok=True)
        path = self._path = folder / f"{_PREFIX}{os.getpid()}{_SUFFIX}"
        path.unlink(missing_ok=True)  # of a process that had our number
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "w", encoding="utf-8")
        return self._file


def read_traces(folder: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The process of each running window, and its traces, the oldest first."""
    for path, pid in _files(folder):
        if not _runs(pid):
            continue
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError:  # it has ended just now
            continue
        for line in lines:
            with contextlib.suppress(ValueError):  # the last one may be half written
                trace = json.loads(line)
                if isinstance(trace, dict):
                    yield pid, trace


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    for path in sorted(folder.glob(f"{_PREFIX}*{_SUFFIX}")):
        number = path.name.removeprefix(_PREFIX).removesuffix(_SUFFIX)
        if number.isdecimal():
            yield path, int(number)


def _runs(pid: int) -> bool:
    """Whether there is such a process.

    Windows cannot be asked so; there a file that is open cannot be deleted.
    """
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
