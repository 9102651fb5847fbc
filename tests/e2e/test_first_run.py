from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from . import scenes
from .workbench import LaunchEditor, Workbench

pytestmark = pytest.mark.e2e

INSTALLATION_TIMEOUT_S = 300


def test_the_walkthrough_installs_the_server_without_a_terminal(
    launch_editor: LaunchEditor, tmp_path: Path
) -> None:
    """Needs the package index that pip is set up for: the server's dependencies come from there."""
    (tmp_path / "temperatures.py").write_text(scenes.TEMPERATURES)
    editor = launch_editor(tmp_path, environment={"PATH": _path_without_sparrow()})
    assert editor.wait_for_status("not installed") == "Sparrow: not installed"
    walkthrough = editor.page.locator(".gettingStartedContainer")
    install = walkthrough.get_by_role("button", name="Install Sparrow")
    install.wait_for()
    assert editor.notifications() == []
    editor.screenshot("walkthrough")

    install.click()
    editor.notification("Installing Sparrow").wait_for()
    assert len(editor.notifications()) == 1
    editor.screenshot("installing")
    editor.wait_for_status("^Sparrow: ready, suffix$", timeout_s=INSTALLATION_TIMEOUT_S)
    expect(_first_step(editor)).to_be_checked()
    expect(editor.notification("Installing")).to_have_count(0)
    editor.screenshot("installed")

    [server] = editor.servers()
    assert str(editor.home.user_data) in " ".join(server.command)
    editor.open_file("temperatures.py")
    editor.type_text(scenes.TYPED)
    editor.wait_for_ghost_text("ABSOLUTE_ZERO")
    editor.screenshot("ghost-text")
    assert editor.page.locator(".terminal-wrapper").count() == 0


def test_a_server_that_is_there_needs_no_installation(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    editor = launch_editor(tmp_path, {"sparrow.server.path": str(sparrow)})
    editor.wait_for_status("^Sparrow: ready")
    assert editor.page.locator(".tab").count() == 0
    editor.run_command("Sparrow: Open Walkthrough")
    expect(_first_step(editor)).to_be_checked()
    editor.screenshot("walkthrough")
    assert editor.notifications() == []


def _first_step(editor: Workbench) -> Locator:
    step = editor.page.get_by_role("button", name="Install the server")
    return step.get_by_role("checkbox")


def _path_without_sparrow() -> str:
    """The Python of this test first, and no folder with a `sparrow` that is there already."""
    base = Path(sys.base_prefix) / "bin"
    folders = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep) if folder]
    kept = [folder for folder in folders if not (folder / "sparrow").exists()]
    return os.pathsep.join(map(str, [base, *kept]))
