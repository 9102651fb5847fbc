"""What a fix has done so far, as lines of JSON: to be read by people, and to go on from.

Each line is `{"key", "stage", "at_s", "data"}`. The key names what is fixed and the state of the
files, so that nothing is taken over from another one. A last line that was cut off as it was
written counts for nothing.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from lsp_server.agent.data import Candidate, Evidence, Verdict


class Trajectory:
    """In a file, or in memory alone. Values are what JSON has: objects, arrays, texts, numbers."""

    def __init__(self, key: str, file: Path | None, rows: Sequence[Mapping[str, Any]] = ()) -> None:
        """Use `open` for a file that may be there."""
        self._key = key
        self._file = file
        self._rows = list(rows)
        self._started = time.monotonic()

    @classmethod
    def open(cls, key: str, file: Path) -> Self:
        """Goes on with a file where it is about the same. Raises OSError."""
        rows: list[Mapping[str, Any]] = []
        if file.exists():
            for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    row = json.loads(line)
                except ValueError:
                    continue
                if isinstance(row, dict) and row.get("key") == key and "stage" in row:
                    rows.append(row)
        file.parent.mkdir(parents=True, exist_ok=True)
        return cls(key, file, rows)

    def find(self, stage: str) -> Any | None:
        """What a stage came to the last time, or None."""
        return next((it.get("data") for it in reversed(self._rows) if it["stage"] == stage), None)

    def all(self, stage: str) -> list[Any]:
        return [it.get("data") for it in self._rows if it["stage"] == stage]

    def add(self, stage: str, data: Any) -> None:
        """Raises OSError where the file cannot be written."""
        at_s = round(time.monotonic() - self._started, 3)
        row = {"key": self._key, "stage": stage, "at_s": at_s, "data": data}
        self._rows.append(row)
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as file:
                # A line that was cut off must not swallow this one.
                lead = "" if file.tell() == 0 or self._ends_well() else "\n"
                file.write(lead + json.dumps(row, ensure_ascii=False) + "\n")

    def _ends_well(self) -> bool:
        assert self._file is not None
        with self._file.open("rb") as file:
            file.seek(-1, 2)
            return file.read(1) == b"\n"


def key_of(*parts: object) -> str:
    """A name for what is fixed, from texts and numbers in lists and mappings."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:24]


def fingerprint(candidate: Candidate) -> str:
    """The same for candidates that make the same of the files, wherever they come from."""
    return key_of(dict(candidate.files))


def dump_candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "files": dict(candidate.files),
        "origin": candidate.origin,
        "score": candidate.score,
    }


def load_candidate(data: Mapping[str, Any]) -> Candidate:
    return Candidate(dict(data["files"]), data["origin"], float(data["score"]))


_TESTS = ("failed_before", "passes_now", "still_fails", "regressed", "also_ran", "flaky", "gates")


def dump_evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "candidate": dump_candidate(evidence.candidate),
        "verdict": str(evidence.verdict),
        "reason": evidence.reason,
        **{name: list(getattr(evidence, name)) for name in _TESTS},
    }


def load_evidence(data: Mapping[str, Any]) -> Evidence:
    return Evidence(
        candidate=load_candidate(data["candidate"]),
        verdict=Verdict(data["verdict"]),
        reason=data["reason"],
        **{name: tuple(data.get(name, ())) for name in _TESTS},
    )
