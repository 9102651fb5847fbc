"""How long the gates of a refactor take for a change of 200 lines."""

from __future__ import annotations

import io
import os
import time
import tokenize
from pathlib import Path

from lsp_server.bench.measure import CouldNotRun
from lsp_server.edits.change import Change, EditKind, FileChange
from lsp_server.edits.verification import verify

CHANGED_LINES = 200
_FEWEST_LINES = 400


def time_verification(count: int) -> list[float]:
    """Milliseconds for each of so many changes of the standard library's files, parsed anew."""
    taken_ms = []
    for file in sorted(Path(os.__file__).parent.glob("*.py")):
        before = file.read_text(encoding="utf-8", errors="replace")
        if before.count("\n") < _FEWEST_LINES:
            continue
        change = Change("a change", (FileChange(file.as_uri(), before, _changed(before)),))
        started = time.perf_counter()
        evidence = verify(change, EditKind.REFACTOR)
        taken_ms.append((time.perf_counter() - started) * 1000)
        if not evidence.passed:
            raise CouldNotRun(f"a comment does not pass the gates: {evidence.refusal}")
        if len(taken_ms) == count:
            return taken_ms
    return taken_ms


def _changed(text: str) -> str:
    """The text with a comment behind `CHANGED_LINES` of its lines, from its middle on or before."""
    lines = text.split("\n")
    ends = {
        token.start[0] - 1
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.NEWLINE
    }
    for number in sorted(ends, key=lambda it: abs(it - len(lines) // 2))[:CHANGED_LINES]:
        lines[number] += "  # changed"
    return "\n".join(lines)
