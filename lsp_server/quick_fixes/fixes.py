"""The fixes for a diagnostic, the likeliest first. Never a model; some milliseconds at most.

Nothing is verified here: who applies a fix does that, as with every change.
"""

from __future__ import annotations

import builtins
import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lsp_server.edits.change import Change, FileChange
from lsp_server.quick_fixes.diagnostics import Complaint, Diagnostic, Reading, read
from lsp_server.quick_fixes.import_place import (
    ECMASCRIPT,
    write_python_import,
    write_script_import,
)
from lsp_server.quick_fixes.missing_imports import Candidate, find_candidates
from lsp_server.quick_fixes.unused import (
    remove_python_import,
    remove_python_variable,
    remove_script_import,
)
from lsp_server.workspace.documents import Document, Edit
from lsp_server.workspace.snapshot import Snapshot

KIND = "quickfix"

_WORD = re.compile(r"[^\W\d][\w$]*")
_ALIKE = 0.7
_MAX_SPELLINGS = 2


@dataclass(frozen=True, slots=True)
class QuickFix:
    """A fix that is one or more edits of the document, whose positions are of the text as it is.

    One that is the only one in question `is_preferred`.
    """

    title: str
    edits: tuple[Edit, ...]
    kind: str = KIND
    is_preferred: bool = False

    def change(self, document: Document) -> Change:
        """What it makes of the document, which must be as it was when the fix was found."""
        edited = Document(document.uri, document.language, document.version, document.text)
        for edit in sorted(self.edits, key=lambda it: it.start, reverse=True):
            edited.apply(edit)
        changed = FileChange(document.uri, document.text, edited.text, document.version)
        return Change(self.title, (changed,))


def fixes(
    diagnostic: Diagnostic, document: Document, path: str, snapshot: Snapshot | None
) -> Sequence[QuickFix]:
    """The fixes for a diagnostic of a document, which is at a path of the snapshot's folder."""
    if document.problem or not document.contains(diagnostic.start):
        return ()
    reading = read(diagnostic)
    if reading is None:
        return ()
    match reading.complaint:
        case Complaint.UNDEFINED:
            found = [
                *_import(reading.name, document, path, snapshot),
                *_respell(reading, diagnostic, document),
            ]
        case Complaint.NO_ATTRIBUTE:
            found = list(_respell_attribute(reading, diagnostic, document, snapshot))
        case _:
            found = list(_remove(reading, diagnostic, document))
    if len(found) == 1:
        (only,) = found
        return (QuickFix(only.title, only.edits, is_preferred=True),)
    return found


def _import(
    name: str, document: Document, path: str, snapshot: Snapshot | None
) -> Iterator[QuickFix]:
    if snapshot is None or "." in name:
        return
    for candidate in find_candidates(name, path, document.language, snapshot):
        yield QuickFix(_import_title(candidate), (_import_edit(candidate, document),))


def _import_title(candidate: Candidate) -> str:
    if candidate.name:
        renamed = f" as {candidate.alias}" if candidate.alias != candidate.name else ""
        return f"Import {candidate.name}{renamed} from {candidate.module}"
    renamed = f" as {candidate.alias}" if candidate.alias != candidate.module else ""
    return f"Import {candidate.module}{renamed}"


def _import_edit(candidate: Candidate, document: Document) -> Edit:
    lines = document.lines
    if document.language in ECMASCRIPT:
        return write_script_import(
            lines, candidate.module, candidate.name, is_default=candidate.is_default
        )
    return write_python_import(lines, candidate.module, candidate.name, candidate.alias)


def _respell(reading: Reading, diagnostic: Diagnostic, document: Document) -> Iterator[QuickFix]:
    """Names that are like it: the one that the tool proposes, and those of the document."""
    words = {word for line in document.lines for word in _WORD.findall(line)}
    if document.language == "python":
        words.update(it for it in dir(builtins) if not it.startswith("_"))
    yield from _change_to(_alike(reading, words), reading.name, diagnostic, document)


def _respell_attribute(
    reading: Reading, diagnostic: Diagnostic, document: Document, snapshot: Snapshot | None
) -> Iterator[QuickFix]:
    """What the class has that is called like it; its name stands in the message."""
    members: set[str] = set()
    for class_name in _WORD.findall(diagnostic.message):
        if snapshot is None or class_name == reading.name:
            continue
        for found in snapshot.definitions(class_name):
            symbols = snapshot.symbols(found.path)
            if found.symbol in symbols:
                own = symbols.index(found.symbol)
                members.update(it.name for it in symbols if it.parent == own)
    yield from _change_to(_alike(reading, members), reading.name, diagnostic, document)


def _alike(reading: Reading, words: set[str]) -> list[str]:
    proposed = [reading.proposed] if reading.proposed else []
    others = sorted(words - {reading.name, reading.proposed})
    alike = difflib.get_close_matches(reading.name, others, _MAX_SPELLINGS, _ALIKE)
    return [*proposed, *alike][:_MAX_SPELLINGS]


def _change_to(
    names: Sequence[str], name: str, diagnostic: Diagnostic, document: Document
) -> Iterator[QuickFix]:
    """Where the name stands: at the diagnostic's start, or, as some tools say, behind it."""
    start, end = diagnostic.start, diagnostic.end
    line = document.lines[start.line]
    last = end.column if end.line == start.line and end > start else len(line)
    match = re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])").search(line, start.column, last)
    if match is None:
        return
    place = type(start)(start.line, match.start()), type(start)(start.line, match.end())
    for other in names:
        yield QuickFix(f"Change {name} to {other}", (Edit(*place, other),))


def _remove(reading: Reading, diagnostic: Diagnostic, document: Document) -> Iterator[QuickFix]:
    lines, name, at = document.lines, reading.name, diagnostic.start
    edits: tuple[Edit, ...] = ()
    what = "variable"
    if document.language in ECMASCRIPT:
        edits, what = remove_script_import(lines, name, at), "import" if name else "imports"
    elif document.language == "python":
        if reading.complaint is not Complaint.UNUSED_VARIABLE:
            edits, what = remove_python_import(lines, name, at), "import"
        if not edits and "." not in name:  # some tools do not say which of both it is
            edits, what = remove_python_variable(lines, name, at), "variable"
    if edits:
        yield QuickFix(f"Remove unused {what} {name}".rstrip(), edits)
