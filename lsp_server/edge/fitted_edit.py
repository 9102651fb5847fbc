"""Edits as the editor at hand can take them, by what it said of itself.

An editor may be unable to ask the user for a word on a hunk, to make files, or to know of versions.
What it cannot ask for is never applied unasked: such a hunk is left out, as if the user had not ticked
it, and the user is told. What it cannot do at all refuses the edit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote

from lsprotocol import types

from lsp_server.edits.workspace_edit import EditRefused, FileEdit, WorkspaceChange

if TYPE_CHECKING:
    from lsp_server.server import SparrowServer

# What an editor says that can take all that there is.
TAKES_ALL = types.WorkspaceClientCapabilities(
    workspace_edit=types.WorkspaceEditClientCapabilities(
        document_changes=True,
        resource_operations=list(types.ResourceOperationKind),
        change_annotation_support=types.ChangeAnnotationsSupportOptions(),
    )
)
_MAX_TOLD = 5


@dataclass(frozen=True, slots=True)
class EditSupport:
    """Whether the editor asks for a word on hunks, and knows versions; what it does to files."""

    confirms: bool
    versions: bool
    operations: frozenset[str]

    @classmethod
    def of(cls, capabilities: types.ClientCapabilities) -> Self:
        workspace = capabilities.workspace
        told = workspace.workspace_edit if workspace is not None else None
        if told is None:
            return cls(confirms=False, versions=False, operations=frozenset())
        operations = frozenset(it.value for it in told.resource_operations or ())
        confirms, versions = told.change_annotation_support is not None, told.document_changes
        if versions is None:  # Neovim says nothing of it, but of what stands in such edits alone
            versions = confirms or bool(operations)
        return cls(confirms=confirms and versions, versions=versions, operations=operations)


def fitted_edit(server: SparrowServer, change: WorkspaceChange) -> types.WorkspaceEdit:
    """The edit of a change, for this editor. Raises `EditRefused` where it cannot make it.

    What was left out is told in a message, which the user sees beside the edit that was asked for.
    """
    support = EditSupport.of(server.client_capabilities)
    left_out: list[str] = []
    if not server.editor_commands:  # not our own extension, whose preview it opens
        change = _without_opener(change)
    if change.warning:
        text = f"{change.title}: {change.warning}."
        server.window_show_message(types.ShowMessageParams(types.MessageType.Warning, text))
    if not support.confirms:
        change, left_out = without_doubtful(change)
    for file in change.files:
        if (needed := _operation(file)) and needed not in support.operations:
            raise EditRefused(
                f"it would {needed} {_name(file.uri)}, which this editor cannot be asked for. "
                "Nothing was changed."
            )
    edit = server.converter.workspace_edit(change, annotated=support.confirms)
    if left_out:
        text = f"{change.title}: left as it was, since it is not certain: {_listed(left_out)}."
        server.window_show_message(types.ShowMessageParams(types.MessageType.Warning, text))
    return edit if support.versions else types.WorkspaceEdit(changes=_by_uri(edit))


def without_doubtful(change: WorkspaceChange) -> tuple[WorkspaceChange, list[str]]:
    """The change less what the user has to confirm, and a phrase for each hunk that was left out.

    Raises `EditRefused` where nothing is left of it, or where a file would go.
    """
    left_out = []
    files = []
    for file in change.files:
        if file.operation is not None and file.operation.needs_confirmation:
            raise EditRefused(
                f"it {file.operation.description}, {_name(file.uri)}, for which this editor "
                "cannot ask you first. Nothing was changed."
            )
        certain = [it for it in file.edits if not it.annotation.needs_confirmation]
        left_out += [
            f"{_name(file.uri)}:{it.edit.start.line + 1} {it.annotation.description}"
            for it in file.edits
            if it.annotation.needs_confirmation
        ]
        if certain or file.operation is not None:
            files.append(replace(file, edits=tuple(certain)))
    if not files:
        raise EditRefused(
            f"each change has to be confirmed, and this editor cannot ask you: {_listed(left_out)}. "
            "Nothing was changed."
        )
    return replace(change, files=tuple(files)), left_out


def _without_opener(change: WorkspaceChange) -> WorkspaceChange:
    """Less what does nothing: an editor that asks about one file at a time would ask for nothing."""
    files = [
        replace(
            file,
            edits=tuple(it for it in file.edits if it.edit.text or it.edit.start != it.edit.end),
        )
        for file in change.files
    ]
    return replace(change, files=tuple(files))


def _operation(file: FileEdit) -> str:
    if file.is_created:
        return types.ResourceOperationKind.Create.value
    if file.is_deleted:
        return types.ResourceOperationKind.Delete.value
    return types.ResourceOperationKind.Rename.value if file.renamed_from is not None else ""


def _listed(phrases: list[str]) -> str:
    more = len(phrases) - _MAX_TOLD
    return "; ".join(phrases[:_MAX_TOLD]) + (f"; and {more} more" if more > 0 else "")


def _name(uri: str) -> str:
    return unquote(uri.rpartition("/")[2])


def _by_uri(edit: types.WorkspaceEdit) -> dict[str, list[types.TextEdit]]:
    return {
        it.text_document.uri: [each for each in it.edits if isinstance(each, types.TextEdit)]
        for it in edit.document_changes or ()
        if isinstance(it, types.TextDocumentEdit)
    }
