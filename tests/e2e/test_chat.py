"""The chat as a user meets it: asked, stopped, applied, reloaded, in another theme, without a model."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from . import scenes
from .chat_scene import CHEAPER, COST, FEES, LONG, ask, launch, question, write
from .waiting import wait_until
from .workbench import LaunchEditor, Workbench

pytestmark = pytest.mark.e2e


def test_a_question_is_answered_stopped_and_kept_over_a_reload(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    model = scenes.scripted_model(tmp_path / "script.json", COST, LONG)
    editor = launch(launch_editor, sparrow, tmp_path, model)
    chat = editor.open_chat()
    write(chat, "What does @fee")
    suggestion = chat.locator(".suggestions [role=option]").filter(has_text="fees.py").first
    expect(suggestion).to_be_visible()
    editor.screenshot("completion")
    while suggestion.get_attribute("aria-selected") != "true":
        question(chat).press("ArrowDown")
    question(chat).press("Enter")
    expect(question(chat)).to_have_value(re.compile(r"What does @fees\.py $"))
    expect(chat.locator(".chips .chip").filter(has_text="fees.py").first).to_be_visible()
    answer = ask(chat, "cost?")
    expect(answer.locator("td").last).to_have_text("200")
    expect(answer.locator(".token.keyword").first).to_have_text("def")
    expect(answer.locator(".usage")).to_contain_text("tokens in")
    expect(answer.locator(".thinking summary")).to_have_text("Thought")
    editor.screenshot("dark")

    answer.get_by_role("link", name="fees.py:6").click()
    expect(editor.page.locator(".editor-instance .monaco-editor.focused")).to_be_visible()
    expect(editor.page.locator("[id='status.editor.selection']")).to_contain_text("Ln 6")

    stopped = ask(chat, "Tell me everything")
    expect(stopped).to_contain_text("there")
    chat.get_by_role("button", name="Stop").click()
    expect(stopped).to_contain_text("Stopped")
    write(chat, "a draft")

    with editor.page.expect_navigation():
        editor.run_command("Developer: Reload Window")
    editor.wait_for_status("^Sparrow: ready")
    editor.run_command("View: Show Sparrow")
    chat = editor.webview()
    expect(chat.locator(".message")).to_have_count(4)
    expect(chat.locator(".message.assistant").first).to_contain_text("A day costs")
    expect(question(chat)).to_have_value("a draft")

    editor.run_command("Preferences: Toggle between Light/Dark Themes")
    wait_until(
        lambda: "vscode-light" in (editor.webview().get_attribute("class") or ""),
        "a light view",
        30,
    )
    editor.screenshot("light")
    narrow(editor)
    editor.screenshot("narrow")
    overflow = "(body) => document.documentElement.scrollWidth - body.clientWidth"
    assert chat.evaluate(overflow) <= 0
    assert editor.notifications() == []


def narrow(editor: Workbench) -> None:
    """Drag the edge of the side bar to 250 pixels."""
    bar = editor.page.locator(".part.sidebar").bounding_box()
    assert bar is not None
    edge = bar["x"] + bar["width"]
    editor.page.mouse.move(edge, 400)
    editor.page.mouse.down()
    editor.page.mouse.move(bar["x"] + 250, 400, steps=5)
    editor.page.mouse.up()
    wait_until(
        lambda: abs(editor.webview().evaluate("(body) => body.clientWidth") - 250) < 12,
        "a narrow view",
        30,
    )


def test_code_is_applied_by_hunk(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    model = scenes.scripted_model(tmp_path / "script.json", CHEAPER)
    editor = launch(launch_editor, sparrow, tmp_path, model)
    chat = editor.open_chat()
    answer = ask(chat, "Make it dearer")
    button = answer.get_by_label("Apply to the files")
    expect(button).to_be_enabled()
    button.click()
    apply = editor.page.get_by_role("button", name=re.compile("^Apply"))
    expect(apply).to_be_visible()
    editor.screenshot("preview")
    hunk = editor.page.locator(".monaco-list-row").filter(has_text="DAILY = 2")
    hunk.get_by_role("checkbox").click()
    apply.click()
    expect(editor.page.locator(".view-lines").first).to_contain_text("DAILY = 25")
    editor.run_command("File: Save All Files")
    wait_until(lambda: "DAILY = 25" in editor.file_text("fees.py"), "the edit on disk", 60)
    assert editor.file_text("fees.py") == FEES.replace("DAILY = 20", "DAILY = 25")


def test_without_a_chat_model_code_is_found(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    editor = launch(launch_editor, sparrow, tmp_path, "")
    chat = editor.open_chat()
    banner = chat.locator(".banner")
    expect(banner).to_contain_text("No chat model is set up")
    answer = ask(chat, "Where is total_fee?")
    card = answer.locator(".card").first
    expect(card).to_contain_text("def total_fee(days):")
    editor.screenshot("found")
    card.get_by_role("button", name=re.compile(r"fees\.py:6")).click()
    expect(editor.page.locator("[id='status.editor.selection']")).to_contain_text("Ln 6")
    banner.get_by_role("button").click()
    dialog = editor.page.locator(".monaco-dialog-box")
    expect(dialog).to_be_visible()
    editor.screenshot("set-up")
    dialog.get_by_role("button", name="Cancel").click()


def test_what_is_selected_is_asked_about(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    model = scenes.scripted_model(tmp_path / "script.json", COST)
    editor = launch(launch_editor, sparrow, tmp_path, model)
    editor.press("Control+Home")
    for _ in range(3):
        editor.press("Shift+ArrowDown")
    editor.run_command("Sparrow: Ask About Selection")
    chat = editor.webview()
    chip = chat.locator(".chips .chip").filter(has_text="fees.py:1-3").first
    expect(chip).to_be_visible()
    answer = ask(chat, "cost?")
    expect(answer.locator("td").last).to_have_text("200")
    editor.run_command("Sparrow: Export Chat as Markdown")
    expect(editor.page.locator(".view-lines").first).to_contain_text("cost?")
