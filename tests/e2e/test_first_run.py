from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from . import scenes
from .waiting import wait_until
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
    editor.wait_for_status("^Sparrow: ready, wren$", timeout_s=INSTALLATION_TIMEOUT_S)
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


def test_the_walkthrough_shows_a_completion_and_lets_completions_take_longer(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    editor = launch_editor(tmp_path, {"sparrow.server.path": str(sparrow)})
    editor.wait_for_status("^Sparrow: ready")
    editor.run_command("Sparrow: Open Walkthrough")
    _step(editor, "See a completion").click()
    editor.screenshot("see-a-completion")
    editor.page.get_by_role("button", name="Open the Sample").click()
    editor.wait_for_ghost_text("raise ValueError")
    editor.screenshot("sample")

    editor.run_command("Sparrow: Open Walkthrough")
    expect(_step(editor, "See a completion").get_by_role("checkbox")).to_be_checked()
    _step(editor, "Take it or leave it").click()
    editor.screenshot("take-it-or-leave-it")
    _step(editor, "Give a larger model time").click()
    editor.screenshot("give-time")
    editor.page.get_by_role("button", name="Let Completions Take Longer").click()
    settings = editor.home.user_data / "User" / "settings.json"
    wait_until(
        lambda: json.loads(settings.read_text()).get("editor.quickSuggestions"), "the setting", 30
    )
    assert json.loads(settings.read_text())["editor.quickSuggestions"]["other"] == "on"
    _step(editor, "Choose a model").click()
    editor.screenshot("choose-a-model")
    assert editor.notifications() == []


def _first_step(editor: Workbench) -> Locator:
    return _step(editor, "Install the server").get_by_role("checkbox")


def _step(editor: Workbench, title: str) -> Locator:
    return editor.page.get_by_role("button", name=title)


def _path_without_sparrow() -> str:
    """The Python of this test first, and no folder with a `sparrow` that is there already."""
    base = Path(sys.base_prefix) / "bin"
    folders = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep) if folder]
    kept = [folder for folder in folders if not (folder / "sparrow").exists()]
    return os.pathsep.join(map(str, [base, *kept]))
