"""Edits by a model as a user meets them: by Ctrl+I, by the light bulb, refused, and undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from . import scenes
from .workbench import LaunchEditor, Workbench

pytestmark = pytest.mark.e2e

FEES = "def fee(days):\n    if days > 10:\n        return days * 20\n    return days * 10\n"
OLD = "    if days > 10:\n        return days * 20\n    return days * 10\n"
NEW = "    return days * (20 if days > 10 else 10)\n"


def answers(message: str, replacement: str) -> dict[str, Any]:
    block = f"<<<<<<< SEARCH\n{OLD}=======\n{replacement}>>>>>>> REPLACE\n"
    return {"when": {"message_ends_with": message}, "reply": [block]}


def launch(launch_editor: LaunchEditor, sparrow: Path, folder: Path) -> Workbench:
    workspace = folder / "workspace"
    workspace.mkdir()
    (workspace / "fees.py").write_text(FEES)
    model = scenes.scripted_model(
        folder / "script.json",
        answers("Task: In one line.", NEW),
        answers("how it is called.", NEW.replace("20", "rate")),
        answers("for the files as they were.", NEW.replace("20", "rate")),
    )
    settings = {"sparrow.server.path": str(sparrow), "sparrow.completion.model": model}
    editor = launch_editor(workspace, settings)
    editor.open_file("fees.py")
    editor.wait_for_status("^Sparrow: ready, scripted")
    editor.wait_for_index("1 file")
    editor.press("Control+Home")
    return editor


def test_a_function_is_edited_in_the_users_words_and_undone_in_one_step(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    editor = launch(launch_editor, sparrow, tmp_path)
    editor.press("Control+i")
    box = editor.page.locator(".quick-input-widget input[type=text]")
    expect(box).to_be_focused()
    editor.page.keyboard.type("In one line.")
    editor.screenshot("instruction")
    editor.press("Enter")
    expect(editor.page.locator(".view-lines")).to_contain_text("if days > 10 else 10")
    editor.screenshot("edited")
    editor.save()
    assert editor.file_text("fees.py") == FEES.replace(OLD, NEW)
    editor.press("Control+z")
    editor.save()
    assert editor.file_text("fees.py") == FEES
    assert editor.notifications() == []


def test_an_edit_that_is_not_good_is_refused_with_the_reason(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    editor = launch(launch_editor, sparrow, tmp_path)
    # The bulb sparkles once what a model does is listed.
    editor.page.locator("[class*=lightbulb-sparkle], .lightBulbWidget").first.wait_for()
    editor.press("Control+.")
    choice = editor.page.locator(".action-widget .monaco-list-row.action").filter(
        has_text="Simplify fee"
    )
    expect(choice).to_be_visible()
    editor.screenshot("light-bulb")
    choice.click()
    message = editor.notification("rate is no longer or nowhere defined")
    expect(message).to_be_visible()
    editor.screenshot("refused")
    assert editor.file_text("fees.py") == FEES
