from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from . import scenes
from .workbench import LaunchEditor

pytestmark = pytest.mark.e2e


def test_an_untrusted_workspace_gets_completions_and_redirects_nothing(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    workspace = tmp_path / "workspace"
    (workspace / ".vscode").mkdir(parents=True)
    marker = tmp_path / "the-workspace-ran-a-program"
    program = workspace / "program"
    program.write_text(f"#!/bin/sh\ntouch '{marker}'\n")
    program.chmod(0o755)
    model = scenes.scripted_model(
        workspace / "script.json", scenes.rule("celsius <", " CHOSEN_BY_THE_WORKSPACE")
    )
    settings = {
        "sparrow.server.path": str(program),
        "sparrow.python": str(program),
        "sparrow.completion.model": model,
    }
    (workspace / ".vscode" / "settings.json").write_text(json.dumps(settings))
    (workspace / "temperatures.py").write_text(scenes.TEMPERATURES)

    trust = {"security.workspace.trust.enabled": True}
    editor = launch_editor(workspace, {**trust, **scenes.with_suffix_engine(sparrow)})
    expect(editor.page.get_by_role("button", name="Restricted Mode").first).to_be_visible()
    editor.open_file("temperatures.py")
    assert editor.wait_for_status("ready") == "Sparrow: ready, suffix"
    editor.type_text(scenes.TYPED)
    editor.wait_for_ghost_text("ABSOLUTE_ZERO")
    editor.screenshot("ghost-text")

    [server] = editor.servers()
    assert str(sparrow) in server.command
    assert not marker.exists()
    assert editor.notifications() == []

    editor.run_command("Sparrow: Fix Issue…")
    told = editor.notification("In Restricted Mode Sparrow completes code and does nothing else.")
    told.get_by_role("button", name="Manage Workspace Trust").click()
    expect(editor.page.locator(".workspace-trust-editor")).to_be_visible()
    editor.screenshot("manage-trust")
