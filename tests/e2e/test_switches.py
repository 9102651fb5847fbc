from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from . import scenes
from .workbench import LaunchEditor

pytestmark = pytest.mark.e2e


def test_the_status_bar_menu_turns_a_language_off_and_on(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "sums.py").write_text("values = [1, 2, 3]\n")
    (workspace / "sums.js").write_text("const values = [1, 2, 3];\n")
    model = scenes.scripted_model(tmp_path / "script.json", scenes.rule("total = ", "6"))
    settings = {"sparrow.server.path": str(sparrow), "sparrow.completion.model": model}
    editor = launch_editor(workspace, settings)
    editor.open_file("sums.py")
    editor.wait_for_status("^Sparrow: ready")

    entries = editor.open_status_menu()
    editor.screenshot("menu")
    assert "Turn Off for python" in entries
    editor.choose("Turn Off for python")
    assert editor.wait_for_status("off") == "Sparrow: off for python"
    editor.type_text("total = ")
    editor.stays_without_ghost_text()
    editor.screenshot("off-for-python")

    editor.open_file("sums.js")
    editor.wait_for_status("^Sparrow: ready")
    editor.type_text("total = ")
    assert editor.wait_for_ghost_text() == "6"
    editor.screenshot("still-on-for-javascript")
    editor.dismiss()
    editor.open_status_menu()
    editor.leave_menu()
    editor.type_text("0;")
    editor.save()
    assert editor.file_text("sums.js") == "const values = [1, 2, 3];\ntotal = 0;"

    editor.open_file("sums.py")
    editor.open_status_menu()
    editor.choose("Turn On for python")
    editor.wait_for_status("^Sparrow: ready")
    editor.press("Enter")
    editor.type_text("total = ")
    assert editor.wait_for_ghost_text() == "6"
    editor.screenshot("on-again")
    assert editor.notifications() == []


def test_the_settings_of_models_are_found_where_the_window_is_remote(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    """To a browser the machine that runs the editor is remote; its settings have a page of their own."""
    editor = launch_editor(tmp_path, {"sparrow.server.path": str(sparrow)})
    editor.wait_for_status("^Sparrow: ready, wren$")
    editor.open_status_menu()
    editor.choose("ready · wren")
    settings = editor.page.locator(".settings-editor")
    expect(settings).to_contain_text("The model that completes code.")
    editor.screenshot("setting")


def test_the_menu_sets_up_a_model_for_the_chat_where_none_chats(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    editor = launch_editor(tmp_path, {"sparrow.server.path": str(sparrow)})
    editor.wait_for_status("^Sparrow: ready, wren$")
    editor.open_status_menu()
    editor.choose("no model that chats")
    expect(editor.page.locator(".monaco-dialog-box")).to_contain_text("chat")
    editor.screenshot("chat-model")
