"""That the editor shows a change of several files before it makes it. Pure."""

from __future__ import annotations

from dataclasses import replace

from lsp_server.edits.workspace_edit import AnnotatedEdit, Annotation, WorkspaceChange
from lsp_server.workspace.documents import Edit, Position


def with_preview(change: WorkspaceChange, gap: str) -> WorkspaceChange:
    """A change of several files with something to confirm: that alone opens the editor's preview.

    Where nothing in it is doubtful, that is an edit which does nothing; all others start ticked. It
    stands at a file's end, where the preview has no line to show as if that were to change.
    """
    annotations = [edit.annotation for file in change.files for edit in file.edits]
    is_single = len(change.files) < 2  # noqa: PLR2004 - several
    if not gap and (is_single or any(it.needs_confirmation for it in annotations)):
        return change
    places, count = (f"{len(it):,}" for it in (annotations, change.files))
    told = gap or f"{places} places in {count} files: look through them, and apply"
    first = next((it for it in change.files if it.edits), None)
    if first is None:
        return change
    end = Position(len(first.lines) - 1, len(first.lines[-1]))
    opener = AnnotatedEdit(
        Edit(end, end, ""), Annotation(change.title, told, needs_confirmation=True)
    )
    headed = replace(first, edits=(*first.edits, opener))
    files = tuple(headed if it is first else it for it in change.files)
    return replace(change, files=files, warning=gap)
