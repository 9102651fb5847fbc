"""What an editor is given that cannot take all of an edit, and what its user is told."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from lsprotocol import types

from lsp_server.edge.convert import PositionConverter
from lsp_server.edge.fitted_edit import TAKES_ALL, fitted_edit
from lsp_server.edits.change import Change, FileChange
from lsp_server.edits.hunks import find_renamed
from lsp_server.edits.preview import with_preview
from lsp_server.edits.workspace_edit import EditRefused, WorkspaceChange, plan_edit
from lsp_server.workspace.documents import Edit, Position

URI = "file:///w/a.py"
BEFORE, AFTER = 'x = 1\n\nprint("x")\n', 'y = 1\n\nprint("y")\n'


class Editor(SimpleNamespace):
    """The part of a server that is asked, and what the user was shown."""

    def __init__(self, told: types.WorkspaceEditClientCapabilities | None, *commands: str) -> None:
        workspace = types.WorkspaceClientCapabilities(workspace_edit=told)
        super().__init__(
            client_capabilities=types.ClientCapabilities(workspace=workspace),
            converter=PositionConverter("utf-16"),
            editor_commands=frozenset(commands),
            shown=[],
            window_show_message=lambda params: self.shown.append(params.message),
        )

    def given(self, change: WorkspaceChange) -> types.WorkspaceEdit:
        server: Any = self
        return fitted_edit(server, change)


def renamed(risk: str = "") -> WorkspaceChange:
    """A rename of two places, the second of them maybe with a risk."""
    return plan_edit(
        Change("Rename x", (FileChange(URI, BEFORE, AFTER, 3),)),
        refusal=lambda _: "",
        risk=lambda _, hunk: risk if hunk.start else "",
        find=lambda before, after: find_renamed(before, after, "x", "y"),
    )


def made() -> WorkspaceChange:
    return plan_edit(
        Change("Move it", (FileChange("file:///w/new.py", None, "x = 1\n"),)), refusal=lambda _: ""
    )


VERSIONED = types.WorkspaceEditClientCapabilities(document_changes=True)


def test_one_that_takes_all_is_given_all() -> None:
    editor = Editor(TAKES_ALL.workspace_edit)
    edit = editor.given(renamed("in a string"))
    assert edit.change_annotations is not None
    told = [it.needs_confirmation for it in edit.change_annotations.values()]
    assert told == [False, True]
    assert editor.given(made()).document_changes
    assert editor.shown == []


def test_what_nobody_is_asked_about_is_left_out_and_told() -> None:
    editor = Editor(VERSIONED)
    edit = editor.given(renamed("in a string"))
    (change,) = edit.document_changes or ()
    assert isinstance(change, types.TextDocumentEdit)
    assert change.text_document.version == 3
    assert change.edits == [types.TextEdit(_place(0, 0, 1), "y")]
    assert edit.change_annotations is None
    (told,) = editor.shown
    assert told == (
        "Rename x: left as it was, since it is not certain: a.py:3 writes y (in a string)."
    )


def test_where_all_is_doubtful_nothing_is_changed() -> None:
    change = plan_edit(
        Change("Do it", (FileChange(URI, BEFORE, AFTER),)),
        refusal=lambda _: "",
        risk=lambda *_: "others may call it",
    )
    editor = Editor(VERSIONED)
    with pytest.raises(EditRefused, match=r"cannot ask you: a\.py:1 .*others may call it.*Nothing"):
        editor.given(change)
    assert editor.shown == []


def test_files_are_made_by_those_alone_that_can() -> None:
    with pytest.raises(EditRefused, match=r"would create new\.py, which this editor cannot"):
        Editor(VERSIONED).given(made())
    creating = types.WorkspaceEditClientCapabilities(
        document_changes=True, resource_operations=[types.ResourceOperationKind.Create]
    )
    created, filled = Editor(creating).given(made()).document_changes or ()
    assert isinstance(created, types.CreateFile)
    assert created.annotation_id is None
    assert isinstance(filled, types.TextDocumentEdit)


def test_a_file_goes_only_where_somebody_is_asked() -> None:
    gone = plan_edit(
        Change("Split", (FileChange("file:///w/old.py", "x = 1\n", None),)), refusal=lambda _: ""
    )
    deleting = types.WorkspaceEditClientCapabilities(
        document_changes=True, resource_operations=[types.ResourceOperationKind.Delete]
    )
    with pytest.raises(EditRefused, match=r"deletes the file, old\.py, for which this editor"):
        Editor(deleting).given(gone)


def test_one_that_knows_no_versions_is_given_edits_by_file() -> None:
    edit = Editor(None).given(renamed())
    assert edit.document_changes is None
    assert edit.changes is not None
    assert [it.new_text for it in edit.changes[URI]] == ["y", "y"]


def test_what_opens_the_preview_is_for_our_own_extension_and_shows_no_line() -> None:
    (file,) = renamed().files
    other = replace(file, uri="file:///w/b.py")
    change = with_preview(WorkspaceChange("Rename x", (file, other)), "")
    opener = change.files[0].edits[-1]
    end = Position(BEFORE.count("\n"), 0)  # behind the last line
    assert (opener.edit, opener.annotation.needs_confirmation) == (Edit(end, end, ""), True)
    texts = {}
    for commands in ((), ("sparrow.renameAt",)):
        editor = Editor(TAKES_ALL.workspace_edit, *commands)
        edited, _ = editor.given(change).document_changes or ()
        assert isinstance(edited, types.TextDocumentEdit)
        texts[commands] = [it.new_text for it in edited.edits if hasattr(it, "new_text")]
    assert texts == {(): ["y", "y"], ("sparrow.renameAt",): ["y", "y", ""]}


def test_one_that_asks_for_a_word_knows_versions_unless_it_denies_that() -> None:
    asks = types.ChangeAnnotationsSupportOptions()
    silent = types.WorkspaceEditClientCapabilities(change_annotation_support=asks)
    assert Editor(silent).given(renamed("in a string")).change_annotations is not None
    denying = types.WorkspaceEditClientCapabilities(
        change_annotation_support=asks, document_changes=False
    )
    edit = Editor(denying).given(renamed("in a string"))
    assert edit.changes is not None
    assert [it.new_text for it in edit.changes[URI]] == ["y"]


def _place(line: int, start: int, end: int) -> types.Range:
    return types.Range(types.Position(line, start), types.Position(line, end))


def test_what_is_to_be_known_of_the_whole_is_told_beside_it() -> None:
    change = with_preview(renamed(), "the index is off")
    editor = Editor(TAKES_ALL.workspace_edit)
    editor.given(change)
    assert editor.shown == ["Rename x: the index is off."]
    own = Editor(TAKES_ALL.workspace_edit, "sparrow.chooseFile")
    edit = own.given(change)
    assert own.shown == editor.shown
    assert edit.change_annotations is not None
    told = [it.description for it in edit.change_annotations.values() if it.needs_confirmation]
    assert told == ["the index is off"]
