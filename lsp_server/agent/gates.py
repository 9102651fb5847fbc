"""What a candidate has to pass before anything of it is run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lsp_server.agent.copies import PathRefused, checked
from lsp_server.agent.data import Candidate
from lsp_server.agent.denied import find_denied
from lsp_server.agent.patch import find_excess
from lsp_server.agent.snapshot import Snapshot
from lsp_server.edits.change import Change, EditKind, FileChange
from lsp_server.edits.verification import Outcome, verify


@dataclass(frozen=True, slots=True)
class Gated:
    """`refusal` says why a candidate is not to be run, or nothing; `passed` what it has passed."""

    refusal: str
    passed: tuple[str, ...]


def change_of(candidate: Candidate, snapshot: Snapshot) -> Change:
    """A candidate as the change of the user's files that it is."""
    versions = {it.path: it.version for it in snapshot.changed}
    files = (
        FileChange((snapshot.root / path).as_uri(), snapshot.text(path), after, versions.get(path))
        for path, after in candidate.files.items()
    )
    return Change(candidate.origin, tuple(files))


def pass_gates(
    candidate: Candidate, snapshot: Snapshot, *, is_denied_allowed: bool = False
) -> Gated:
    """Paths, sizes, syntax and names. Takes up to some hundred milliseconds."""
    if refusal := _refuse_paths(candidate, snapshot, is_denied_allowed=is_denied_allowed):
        return Gated(refusal, ())
    if excess := find_excess(candidate.files, snapshot.text):
        return Gated(excess, ())
    evidence = verify(change_of(candidate, snapshot), EditKind.FIX)
    if evidence.failures:
        return Gated(evidence.refusal, ())
    passed = dict.fromkeys(
        it.gate.value for it in evidence.findings if it.outcome is Outcome.PASSED
    )
    told = (it.detail for it in evidence.findings if it.outcome is Outcome.NOTED)
    return Gated("", (*passed, *told))


def _refuse_paths(candidate: Candidate, snapshot: Snapshot, *, is_denied_allowed: bool) -> str:
    for path in candidate.files:
        try:
            checked(Path("/"), path)
        except PathRefused as error:
            return str(error)
        if (said := find_denied(path)) and not is_denied_allowed:
            return f"it would change {path}, which is {said}"
        if path in snapshot.paths and snapshot.text(path) is None:
            return f"{path} is no text"
    return ""
