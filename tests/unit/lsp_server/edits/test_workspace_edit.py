"""A change as the editor is to make it: where its hunks are, and what may not be touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from lsprotocol import types

from lsp_server.edge.convert import PositionConverter
from lsp_server.edits.change import Change, FileChange
from lsp_server.edits.workspace_edit import EditRefused, find_moved, plan_edit
from lsp_server.workspace.documents import Document
from lsp_server.workspace.folders import Folders
from tests.unit.lsp_server.edits.test_hunks import TEXTS

URI = "file:///w/a.py"
CONVERTER = PositionConverter(types.PositionEncodingKind.Utf16)


def as_sent(change: Change, **options: object) -> types.WorkspaceEdit:
    planned = plan_edit(change, refusal=lambda _: "", **options)  # type: ignore[arg-type]
    return CONVERTER.workspace_edit(planned)


@settings(max_examples=200, deadline=None)
@given(before=TEXTS, after=TEXTS)
def test_what_the_editor_makes_of_it_is_the_text_behind_the_change(before: str, after: str) -> None:
    change = Change("Do it", (FileChange(URI, before, after, version=3),))
    document = Document(URI, "python", 3, before)
    for edited in as_sent(change).document_changes or ():
        assert isinstance(edited, types.TextDocumentEdit)
        # From the last to the first, since the positions are those of the text before.
        for edit in reversed(edited.edits):
            assert isinstance(edit, types.AnnotatedTextEdit)
            partial = types.TextDocumentContentChangePartial(edit.range, edit.new_text)
            document.apply(CONVERTER.edit(partial, document.lines))
    assert document.text == after


def test_an_edit_is_versioned_and_each_hunk_has_its_annotation() -> None:
    change = Change(
        "Rename x", (FileChange(URI, "🐦 = x\n\nb\ny = x\n", "🐦 = z\n\nb\ny = z\n", 7),)
    )
    sent = as_sent(change, risk=lambda _, hunk: "in a string" if hunk.start > 6 else "")
    (edited,) = sent.document_changes or ()
    assert isinstance(edited, types.TextDocumentEdit)
    assert (edited.text_document.uri, edited.text_document.version) == (URI, 7)
    edits = [it for it in edited.edits if isinstance(it, types.AnnotatedTextEdit)]
    places = [(it.range.start.line, it.range.start.character) for it in edits]
    assert places == [(0, 5), (3, 4)]
    assert sent.change_annotations is not None
    told = [sent.change_annotations[it.annotation_id] for it in edits]
    assert [(it.label, it.description, it.needs_confirmation) for it in told] == [
        ("Rename x", "writes z", False),
        ("Rename x", "writes z (in a string)", True),
    ]


def test_files_come_go_and_move() -> None:
    change = Change(
        "Split",
        (
            FileChange("file:///w/new.py", None, "x = 1\n"),
            FileChange("file:///w/old.py", "y = 1\n", None),
            FileChange("file:///w/c.py", "z = 1\n", "z = 2\n", renamed_from="file:///w/b.py"),
        ),
    )
    sent = as_sent(change).document_changes or ()
    assert [type(it).__name__ for it in sent] == [
        *("CreateFile", "TextDocumentEdit", "DeleteFile", "RenameFile", "TextDocumentEdit")
    ]
    assert isinstance(sent[3], types.RenameFile)
    assert (sent[3].old_uri, sent[3].new_uri) == ("file:///w/b.py", "file:///w/c.py")


def test_what_may_not_be_edited_refuses_the_whole_change() -> None:
    change = Change("Do it", (FileChange(URI, "a", "b"), FileChange("file:///etc/x", "a", "b")))
    with pytest.raises(EditRefused, match="file:///etc/x must not be edited: outside"):
        plan_edit(change, refusal=lambda uri: "outside" if "etc" in uri else "")


def test_files_outside_or_left_out_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "w"
    root.mkdir()
    (root / ".gitignore").write_text("build/\n")
    (tmp_path / "other").mkdir()
    (root / "link").symlink_to(tmp_path / "other")
    folders = Folders(lambda: tmp_path / "none")
    folders.set_roots([root.as_uri()])
    refusals = {
        name: folders.edit_refusal(f"{root.as_uri()}/{name}")
        for name in ("a.py", "new/b.py", "../other/a.py", "link/a.py", "build/a.py", ".env")
    }
    assert refusals == {
        "a.py": "",
        "new/b.py": "",
        "../other/a.py": "it lies outside of the workspace",
        "link/a.py": "a link leads out of the workspace",
        "build/a.py": ".gitignore leaves the file out",
        ".env": "the file looks like it holds secrets",
    }
    assert folders.edit_refusal("untitled:a") == "it lies outside of the workspace"


def test_files_that_moved_on_are_found() -> None:
    change = Change(
        "Do it",
        (
            FileChange("a", "x", "y", version=1),
            FileChange("b", "x", "y", version=1),
            FileChange("c", "x", "y"),
            FileChange("d", None, "y"),
            FileChange("e", None, "y"),
        ),
    )
    now = {"a": (1, "x"), "b": (2, "x"), "c": (None, "z"), "d": (None, None), "e": (None, "")}
    assert find_moved(change, now.__getitem__) == ["b", "c", "e"]
