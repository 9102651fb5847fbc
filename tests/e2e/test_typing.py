"""Inline completion as a user has it: each way to take, leave and pass over what is shown."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from . import scenes
from .waiting import wait_until
from .workbench import LaunchEditor, Workbench

pytestmark = pytest.mark.e2e

SUMS = '"""Sums."""\n\nvalues = [1, 2, 3]\n'


def open_sums(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path, *rules: dict[str, Any], **more: Any
) -> Workbench:
    """An editor on `sums.py`, with a model of these rules."""
    workspace = tmp_path / "workspace"
    workspace.mkdir(exist_ok=True)
    (workspace / "sums.py").write_text(SUMS)
    model = scenes.scripted_model(tmp_path / "script.json", *rules)
    settings = {"sparrow.server.path": str(sparrow), "sparrow.completion.model": model, **more}
    editor = launch_editor(workspace, settings)
    editor.open_file("sums.py")
    editor.wait_for_status("^Sparrow: ready, scripted")
    return editor


def traces(editor: Workbench, sparrow: Path) -> list[dict[str, Any]]:
    """What `sparrow trace` says of this editor's windows."""
    told = subprocess.run(
        [sparrow, "trace", "--json", "--limit", "400"],
        env={**os.environ, "XDG_RUNTIME_DIR": str(editor.home.runtime)},
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in told.stdout.splitlines()]


def sources(editor: Workbench, sparrow: Path) -> list[str]:
    """Where the texts that were shown came from."""
    shown = (it for it in traces(editor, sparrow) if it["verdict"] == "a completion was shown")
    return [it["source"] for it in shown]


def test_taking_it_whole_by_words_and_the_next_is_on_its_way(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    editor = open_sums(
        launch_editor,
        sparrow,
        tmp_path,
        scenes.rule("total = ", "sum(values) + len(values)"),
        scenes.rule("len(values)", "\nprint(total)", delay_ms=250),
    )
    editor.type_text("total = ")
    assert editor.wait_for_ghost_text("sum") == "sum(values) + len(values)"

    asked = len([it for it in sources(editor, sparrow) if it == "the model"])
    editor.press("Control+ArrowRight")
    assert editor.wait_for_ghost_text_to_be("(values) + len(values)")
    editor.press("Control+ArrowRight")
    rest = editor.wait_for_ghost_text("len(values)")
    assert "(values) + len(values)".endswith(rest)
    editor.screenshot("a-word-was-taken")
    told = sources(editor, sparrow)
    assert len([it for it in told if it == "the model"]) == asked

    editor.accept()
    editor.wait_for_ghost_text("print(total)")
    editor.screenshot("the-next")
    assert "a generation that was begun when the last text was accepted" in sources(editor, sparrow)
    editor.accept()
    editor.save()
    written = editor.file_text("sums.py")
    assert written == SUMS + "total = sum(values) + len(values)\nprint(total)"
    assert editor.notifications() == []


def test_typing_along_and_undo(launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path) -> None:
    editor = open_sums(launch_editor, sparrow, tmp_path, scenes.rule("total = ", "sum(values)"))
    editor.type_text("total = ")
    editor.wait_for_ghost_text("sum(values)")
    editor.type_text("sum")
    assert editor.wait_for_ghost_text_to_be("(values)")
    editor.screenshot("typed-along")
    assert [it for it in sources(editor, sparrow) if it == "the model"] == ["the model"]
    editor.accept()
    before = len(traces(editor, sparrow))
    editor.press("Control+z")
    editor.press("Control+z")
    wait_until(lambda: len(traces(editor, sparrow)) > before, "a request after the undo", 60)
    editor.screenshot("undone")
    editor.press("Control+Shift+z")
    editor.press("Control+Shift+z")
    editor.press("Escape")
    editor.save()
    assert editor.file_text("sums.py") == SUMS + "total = sum(values)"


def test_by_hand_there_is_a_choice(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    choice = scenes.rule("total = ", "sum(values)")
    choice["drawn"] = ["len(values)", "sum(values)", "max(values)"]
    editor = open_sums(launch_editor, sparrow, tmp_path, choice)
    editor.type_text("total = ")
    assert editor.wait_for_ghost_text("values") == "sum(values)"
    seen = ["sum(values)"]
    for _ in range(3):
        editor.press("Alt+]")
        seen.append(wait_until(lambda: _another(editor, seen[-1]), "another suggestion", 60))
        editor.screenshot("another")
    assert seen == ["sum(values)", "len(values)", "max(values)", "sum(values)"]
    editor.press("Alt+[")
    assert editor.wait_for_ghost_text_to_be("max(values)")
    editor.accept()
    editor.save()
    assert editor.file_text("sums.py") == SUMS + "total = max(values)"


def test_tab_indents_where_it_is_to_indent(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    editor = open_sums(
        launch_editor,
        sparrow,
        tmp_path,
        scenes.rule("def mean(numbers):\n    ", "return sum(numbers)"),
        scenes.rule("def mean(numbers):\n", "    return sum(numbers)"),
    )
    editor.type_text("if values:")
    editor.press("Enter")
    editor.press("Shift+Tab")
    editor.stays_without_ghost_text()
    editor.press("Tab")
    editor.type_text("pass\n")
    editor.press("Home")
    editor.press("Shift+Tab")
    editor.type_text("def mean(numbers):\n")
    editor.wait_for_ghost_text("return")
    editor.press("Shift+Tab")
    editor.wait_for_ghost_text("return")
    editor.screenshot("indentation-is-missing")
    editor.press("Tab")
    assert editor.wait_for_ghost_text_to_be("return sum(numbers)")
    editor.accept()
    editor.save()
    expected = SUMS + "if values:\n    pass\ndef mean(numbers):\n    return sum(numbers)"
    assert editor.file_text("sums.py") == expected


def test_beside_the_suggestion_widget_and_with_several_cursors(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    editor = open_sums(
        launch_editor,
        sparrow,
        tmp_path,
        scenes.rule("total = values", "[0]"),
        scenes.rule("x = ", "1 + 2"),
    )
    editor.type_text("total = val")
    editor.press("Control+Space")
    widget = editor.page.locator(".suggest-widget.visible")
    expect(widget.get_by_text("values").first).to_be_visible()
    ghost = editor.wait_for_ghost_text("ues")
    editor.screenshot("suggestion-widget")
    assert ghost == "ues[0]"
    editor.press("Tab")
    expect(widget).to_have_count(0)
    editor.press("Escape")
    editor.press("Control+End")
    editor.press("Enter")
    editor.press("Enter")
    editor.run_command("Add Cursor Above")
    editor.type_text("x = ")
    editor.wait_for_ghost_text("11  ++  22")  # of both lines, from left to right
    editor.screenshot("two-cursors")
    editor.accept()
    editor.save()
    lines = editor.file_text("sums.py").splitlines()
    assert lines[3].startswith("total = values")
    assert lines[4:] == ["x = 1 + 2", "x = 1 + 2"]


def test_in_a_diff(launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path) -> None:
    editor = open_sums(launch_editor, sparrow, tmp_path, scenes.rule("total = ", "sum(values)"))
    editor.type_text("count = 3\n")
    editor.run_command("File: Compare Active File with Saved")
    expect(editor.page.locator(".monaco-diff-editor").first).to_be_visible()
    editor.page.locator(".editor.modified .view-lines").first.click()
    editor.press("Control+End")
    editor.type_text("total = ")
    editor.wait_for_ghost_text("sum(values)")
    editor.screenshot("diff")
    editor.accept()
    editor.save()
    assert editor.file_text("sums.py") == SUMS + "count = 3\ntotal = sum(values)"


def test_in_a_notebook(launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "sums.ipynb").write_text(json.dumps(NOTEBOOK))  # there when files are listed
    editor = open_sums(launch_editor, sparrow, tmp_path, scenes.rule("total = ", "sum(values)"))
    editor.press("Control+p")
    editor.pick("sums.ipynb")
    editor.page.locator(".notebookOverlay .cell .monaco-editor").first.click()
    editor.type_text("total = ")
    editor.wait_for_ghost_text("sum(values)")
    editor.screenshot("notebook")
    editor.accept()
    editor.press("Control+s")
    wait_until(lambda: "total = sum(values)" in editor.file_text("sums.ipynb"), "the notebook", 60)


def test_what_became_of_it_is_told_and_counted(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    editor = open_sums(launch_editor, sparrow, tmp_path, scenes.rule("total = ", "sum(values)"))
    editor.type_text("total = ")
    editor.wait_for_ghost_text("sum(values)")
    editor.accept()
    wait_until(
        lambda: (traces(editor, sparrow) or [{}])[-1].get("verdict") == NO_IDEA, "a verdict", 30
    )
    editor.run_command("Sparrow: Explain Last Completion")
    report = editor.webview()
    expect(report.locator("strong")).to_have_text("The model had nothing to add here.")
    expect(report.get_by_role("heading", name="The last requests")).to_be_attached()
    editor.screenshot("explanation")

    editor.run_command("Sparrow: Show Statistics")
    page = editor.page.locator("iframe.webview.ready").last.content_frame
    body = page.locator("iframe#active-frame").content_frame.locator("body")
    expect(body.get_by_role("heading", name="Completions")).to_be_visible()
    expect(body.locator("dl > div").filter(has_text="Accepted")).to_contain_text("1 (")
    expect(body.locator("svg").first).to_be_visible()
    editor.screenshot("statistics")
    editor.set_dark_theme()
    editor.screenshot("statistics-dark")
    assert editor.notifications() == []


NOTEBOOK: dict[str, Any] = {
    "cells": [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": []}
    ],
    "metadata": {"language_info": {"name": "python"}},
    "nbformat": 4,
    "nbformat_minor": 2,
}
NO_IDEA = "the model had nothing to add here"


def _another(editor: Workbench, before: str) -> str | None:
    shown = editor.ghost_text()
    return shown if shown and shown != before else None
