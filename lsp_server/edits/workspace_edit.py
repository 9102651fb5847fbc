"""A change as an editor is to make it: hunks with positions, one annotation for each. Pure.

Positions count code points; what the editor counts is `edge/convert.py`'s business. A hunk that is risky
is one that the user has to confirm.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from lsp_server.edits.change import Change, FileChange
from lsp_server.edits.hunks import Hunk, find_hunks
from lsp_server.workspace.documents import Edit, Position, split_lines

_TOLD_CHARACTERS = 60


class EditRefused(ValueError):
    """A change that must not be made: what, why, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """What the editor's preview says of a hunk."""

    label: str
    description: str
    needs_confirmation: bool


@dataclass(frozen=True, slots=True)
class AnnotatedEdit:
    edit: Edit
    annotation: Annotation


@dataclass(frozen=True, slots=True)
class FileEdit:
    """What is done to a file: it is moved, created or deleted first, and then edited.

    `lines` are those that the positions are in. `operation` is the annotation of what is done to the
    file as a whole.
    """

    uri: str
    version: int | None
    lines: Sequence[str]
    edits: tuple[AnnotatedEdit, ...]
    renamed_from: str | None = None
    is_created: bool = False
    is_deleted: bool = False
    operation: Annotation | None = None


@dataclass(frozen=True, slots=True)
class WorkspaceChange:
    """`warning` is what the user is to know of the whole of it."""

    title: str
    files: tuple[FileEdit, ...]
    warning: str = ""


def plan_edit(
    change: Change,
    *,
    refusal: Callable[[str], str],
    risk: Callable[[FileChange, Hunk], str] = lambda *_: "",
    find: Callable[[str, str], Sequence[Hunk]] = find_hunks,
) -> WorkspaceChange:
    """The edits that a change comes to.

    `refusal` says of a URI why it may not be edited (outside the workspace, excluded), or nothing;
    `risk` of a hunk why the user has to confirm it, or nothing; `find` cuts two texts into hunks.
    Raises `EditRefused`.
    """
    for file in change.files:
        for uri in filter(None, (file.uri, file.renamed_from)):
            if reason := refusal(uri):
                raise EditRefused(f"{uri} must not be edited: {reason}. Nothing was changed.")
    return WorkspaceChange(
        change.title, tuple(_plan_file(change.title, file, risk, find) for file in change.files)
    )


def find_moved(
    change: Change, text_of: Callable[[str], tuple[int | None, str | None]]
) -> list[str]:
    """The URIs of files that are others by now than when the change was made.

    `text_of` gives a file's version and text as they are now; None for a file that is not there.
    """
    moved = []
    for file in change.files:
        version, text = text_of(file.renamed_from or file.uri)
        is_same_version = file.version is None or version == file.version
        if text != file.before or not is_same_version:
            moved.append(file.uri)
    return moved


def _plan_file(
    title: str,
    file: FileChange,
    risk: Callable[[FileChange, Hunk], str],
    find: Callable[[str, str], Sequence[Hunk]],
) -> FileEdit:
    if file.after is None:
        operation = Annotation(title, "deletes the file", needs_confirmation=True)
        return FileEdit(file.uri, file.version, (), (), is_deleted=True, operation=operation)
    before = file.before or ""
    lines = split_lines(before)
    starts = [0, *accumulate(map(len, lines))]
    edits = tuple(
        AnnotatedEdit(
            Edit(
                _position(starts, lines, hunk.start), _position(starts, lines, hunk.end), hunk.new
            ),
            _annotate(title, hunk, risk(file, hunk)),
        )
        for hunk in find(before, file.after)
    )
    told = "creates the file" if file.before is None else ""
    told = f"moves the file from {file.renamed_from}" if file.renamed_from else told
    return FileEdit(
        file.uri,
        file.version,
        lines,
        edits,
        renamed_from=file.renamed_from,
        is_created=file.before is None and file.renamed_from is None,
        operation=Annotation(title, told, needs_confirmation=False) if told else None,
    )


def _position(starts: Sequence[int], lines: Sequence[str], offset: int) -> Position:
    line = min(bisect_right(starts, offset), len(lines)) - 1
    return Position(line, offset - starts[line])


def _annotate(title: str, hunk: Hunk, risk: str) -> Annotation:
    text = " ".join((hunk.new or hunk.old).split())
    if len(text) > _TOLD_CHARACTERS:
        text = text[: _TOLD_CHARACTERS - 1] + "…"
    verb = "removes" if not hunk.new else "inserts" if not hunk.old else "writes"
    told = f"{verb} {text}" if text else f"{verb} white space"
    return Annotation(title, f"{told} ({risk})" if risk else told, needs_confirmation=bool(risk))
