"""Edits by a model as a user meets them: by Ctrl+I, by the light bulb, refused, and undone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from . import scenes
from .workbench import LaunchEditor, Workbench

pytestmark = pytest.mark.e2e

FEES = "def fee(days):\n    if days > 10:\n        return days * 20\n    return days * 10\n"
OLD = "    if days > 10:\n        return days * 20\n    return days * 10\n"
NEW = "    return days * (20 if days > 10 else 10)\n"


FIRST = ("    if days > 10:\n", "    if days >= 10:\n")
SECOND = ("    return days * 10\n", "    return 10 * days\n")


TESTS = """\
from fees import fee


def test_ten_days_are_cheap():
    assert fee(10) == 100


def test_further_days_cost_more():
    assert fee(11) == 220
"""


def block(old: str, new: str, path: str = "") -> str:
    return f"{path}\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n".lstrip()


def answers(message: str, *blocks: str, delay_ms: float = 0) -> dict[str, Any]:
    when = {"message_ends_with": message}
    return {"when": when, "reply": list(blocks), "delay_ms": delay_ms}


def launch(launch_editor: LaunchEditor, sparrow: Path, folder: Path) -> Workbench:
    workspace = folder / "workspace"
    workspace.mkdir()
    (workspace / "fees.py").write_text(FEES)
    model = scenes.scripted_model(
        folder / "script.json",
        answers("Task: In one line.", block(OLD, NEW)),
        answers("Task: Bit by bit.", block(*FIRST), block(*SECOND), "\n", delay_ms=1500),
        answers("library of the tests that are there.", block("", TESTS, "test_fees.py")),
        answers("how it is called.", block(OLD, NEW.replace("20", "rate"))),
        answers("for the files as they were.", block(OLD, NEW.replace("20", "rate"))),
    )
    settings = {"sparrow.server.path": str(sparrow), "sparrow.completion.model": model}
    editor = launch_editor(workspace, settings)
    editor.open_file("fees.py")
    editor.wait_for_status("^Sparrow: ready, scripted")
    editor.wait_for_index("1 file")
    editor.press("Control+Home")
    return editor


def instruct(editor: Workbench, instruction: str) -> None:
    editor.press("Control+i")
    box = editor.page.locator(".quick-input-widget input[type=text]")
    expect(box).to_be_focused()
    editor.page.keyboard.type(instruction)
    editor.screenshot("instruction")
    editor.press("Enter")


def tab(editor: Workbench, title: str) -> Locator:
    return editor.page.locator(".tab.active").filter(has_text=title)


def wait_for_review(editor: Workbench) -> None:
    expect(tab(editor, "fees.py: Sparrow's Edit")).to_be_visible()
    expect(editor.page.locator(".monaco-diff-editor .monaco-editor.focused")).to_be_visible()


def wait_for_file(editor: Workbench) -> None:
    expect(editor.page.locator(".tab.active[data-resource-name='fees.py']")).to_be_visible()
    expect(tab(editor, "Sparrow's Edit")).to_have_count(0)


def test_a_function_is_edited_in_the_users_words_and_undone_in_one_step(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    editor = launch(launch_editor, sparrow, tmp_path)
    instruct(editor, "In one line.")
    wait_for_review(editor)
    editor.screenshot("review")
    editor.press("Control+Enter")
    wait_for_file(editor)
    expect(editor.page.locator(".view-lines")).to_contain_text("if days > 10 else 10")
    editor.save()
    assert editor.file_text("fees.py") == FEES.replace(OLD, NEW)
    editor.press("Control+z")
    editor.save()
    assert editor.file_text("fees.py") == FEES
    expect(editor.page.locator(".notification-toast")).to_have_count(0)


def test_an_edit_is_watched_while_it_is_written_and_judged_change_by_change(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    editor = launch(launch_editor, sparrow, tmp_path)
    instruct(editor, "Bit by bit.")
    expect(tab(editor, "fees.py: Sparrow is writing")).to_be_visible()
    expect(editor.page.locator(".editor.modified .view-lines")).to_contain_text("days >= 10")
    editor.screenshot("writing")
    assert editor.file_text("fees.py") == FEES
    wait_for_review(editor)
    editor.screenshot("review")
    editor.press("Control+Alt+Backspace")  # the first one
    expect(editor.page.locator(".editor.modified .view-lines")).not_to_contain_text("days >= 10")
    editor.press("Control+Enter")
    wait_for_file(editor)
    editor.save()
    assert editor.file_text("fees.py") == FEES.replace(*SECOND)

    editor.press("Control+z")
    editor.press("Control+z")
    editor.save()
    assert editor.file_text("fees.py") == FEES
    instruct(editor, "Bit by bit.")
    wait_for_review(editor)
    editor.press("Control+Shift+Backspace")
    wait_for_file(editor)
    editor.save()
    assert editor.file_text("fees.py") == FEES


def test_a_window_that_is_reloaded_has_the_file_in_place_of_the_review(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    editor = launch(launch_editor, sparrow, tmp_path)
    instruct(editor, "In one line.")
    wait_for_review(editor)
    editor.save()
    with editor.page.expect_navigation():
        editor.run_command("Developer: Reload Window")
    editor.wait_for_status("^Sparrow: ready")
    wait_for_file(editor)
    expect(editor.page.locator(".view-lines")).to_contain_text("if days > 10 else 10")
    editor.screenshot("reloaded")
    assert editor.file_text("fees.py") == FEES.replace(OLD, NEW)


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


def test_tests_are_written_where_the_user_lets_them_run(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    editor = launch(launch_editor, sparrow, tmp_path)
    (editor.workspace / ".venv").symlink_to(sys.prefix)  # which has pytest
    page = editor.page
    page.locator("[class*=lightbulb-sparkle], .lightBulbWidget").first.wait_for()
    choice = page.locator(".action-widget .monaco-list-row.action").filter(
        has_text="Write tests for fee"
    )
    editor.press("Control+.")
    choice.click()
    consent = page.locator(".monaco-dialog-box")
    expect(consent).to_contain_text("May Sparrow run this workspace's tests?")
    expect(consent).to_contain_text("tests that a model wrote")
    editor.screenshot("consent")
    consent.get_by_role("button", name="Cancel").click()
    expect(consent).to_have_count(0)
    expect(page.locator(".editor-instance .monaco-editor.focused")).to_be_visible()
    assert editor.notifications() == []
    assert not (editor.workspace / "test_fees.py").exists()

    editor.press("Control+.")
    choice.click()
    consent.get_by_role("button", name="Run Tests").click()
    expect(page.locator(".tab.active[data-resource-name='test_fees.py']")).to_be_visible()
    expect(page.locator(".view-lines")).to_contain_text("test_further_days_cost_more")
    editor.screenshot("tests")
    editor.save()
    assert editor.file_text("test_fees.py") == TESTS
    assert editor.notifications() == []
