from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from . import scenes
from .workbench import LaunchEditor

pytestmark = pytest.mark.e2e


def test_explanation_and_doctor_are_shown_rendered(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "temperatures.py").write_text(scenes.TEMPERATURES)
    editor = launch_editor(workspace, {"sparrow.server.path": str(sparrow)})
    editor.open_file("temperatures.py")
    editor.wait_for_status("^Sparrow: ready")
    editor.type_text(scenes.TYPED)
    ghost = editor.wait_for_ghost_text("ABSOLUTE_ZERO")

    editor.open_status_menu()
    editor.choose("Explain Last Completion")
    report = editor.webview()
    expect(report.locator("strong")).to_have_text("A completion was shown.")
    shown = report.get_by_role("row", name=re.compile("^Characters shown"))
    expect(shown).to_contain_text(str(len(ghost)))
    expect(report).not_to_contain_text("|")
    editor.screenshot("explanation")

    editor.run_command("Sparrow: Run Doctor")
    expect(report.get_by_role("heading", name="Sparrow Doctor")).to_be_visible()
    for layer in ("Editor", "Program", "Python", "Completion"):
        expect(report.get_by_text(f"✓ {layer}: ")).to_be_attached()
    expect(report).to_contain_text(str(sparrow))
    expect(report).to_contain_text(f"of {workspace}; changes on disk are seen")
    editor.screenshot("doctor")
    assert editor.notifications() == []
