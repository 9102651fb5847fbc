from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from . import scenes
from .workbench import LaunchEditor

pytestmark = pytest.mark.e2e


def test_a_fresh_installation_completes_with_wren(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    """With no setting but where the program is."""
    (tmp_path / "temperatures.py").write_text(scenes.TEMPERATURES)
    editor = launch_editor(tmp_path, {"sparrow.server.path": str(sparrow)})
    editor.open_file("temperatures.py")
    assert editor.wait_for_status("ready") == "Sparrow: ready, wren"

    editor.type_text(scenes.TYPED)
    ghost = editor.wait_for_ghost_text("ABSOLUTE_ZERO")
    editor.screenshot("ghost-text")
    editor.accept()
    editor.save()
    assert editor.file_text("temperatures.py") == scenes.TEMPERATURES + scenes.TYPED + ghost

    editor.run_command("Sparrow: Explain Last Completion")
    expect(editor.webview().get_by_role("row", name="Model wren")).to_be_visible()
    assert editor.notifications() == []


def test_suffix_engine_completes_from_the_open_file(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    (tmp_path / "temperatures.py").write_text(scenes.TEMPERATURES)
    editor = launch_editor(tmp_path, scenes.with_suffix_engine(sparrow))
    editor.open_file("temperatures.py")
    assert editor.wait_for_status("ready") == "Sparrow: ready, suffix"

    editor.type_text(scenes.TYPED)
    ghost = editor.wait_for_ghost_text("ABSOLUTE_ZERO")
    editor.screenshot("ghost-text")
    editor.accept()
    editor.save()

    assert scenes.REPEATED.startswith(f"if celsius <{ghost}")
    assert editor.file_text("temperatures.py") == scenes.TEMPERATURES + scenes.TYPED + ghost
    assert editor.notifications() == []


def test_suffix_engine_completes_from_a_file_that_is_not_open(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "temperatures.py").write_text(scenes.TEMPERATURES)
    begun = 'def celsius_to_rankine(celsius: float) -> float:\n    """Convert degrees Celsius."""\n'
    (workspace / "rankine.py").write_text(begun)
    editor = launch_editor(workspace, scenes.with_suffix_engine(sparrow))
    editor.open_file("rankine.py")
    editor.wait_for_status("ready")
    editor.wait_for_index("2 files")

    editor.type_text(scenes.TYPED)
    ghost = editor.wait_for_ghost_text("ABSOLUTE_ZERO")
    editor.screenshot("ghost-text")
    editor.accept()
    editor.save()
    assert editor.file_text("rankine.py") == begun + scenes.TYPED + ghost

    editor.run_command("Sparrow: Explain Last Completion")
    expect(editor.webview()).to_contain_text("temperatures.py")
    editor.screenshot("explanation")
    assert editor.notifications() == []


def test_ghost_text_is_the_reply_of_the_model(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "sums.py").write_text('"""Sums."""\n\nvalues = [1, 2, 3]\n')
    model = scenes.scripted_model(
        tmp_path / "script.json",
        scenes.rule("total = ", "sum", "(values)"),
        scenes.rule("def mean(numbers)", ":\n", "    return sum(numbers) / len(numbers)"),
    )
    settings = {"sparrow.server.path": str(sparrow), "sparrow.completion.model": model}
    editor = launch_editor(workspace, settings)
    editor.open_file("sums.py")
    editor.wait_for_status("^Sparrow: ready, scripted")

    editor.type_text("total = ")
    assert editor.wait_for_ghost_text() == "sum(values)"
    editor.screenshot("one-line")
    editor.dismiss()
    assert editor.ghost_text() == ""

    editor.press("Enter")
    editor.type_text("def mean(numbers)")
    ghost = editor.wait_for_ghost_text("return")
    assert ghost == ":\n    return sum(numbers) / len(numbers)"
    editor.screenshot("two-lines")
    editor.accept()
    editor.save()

    written = editor.file_text("sums.py")
    assert written == f'"""Sums."""\n\nvalues = [1, 2, 3]\ntotal = \ndef mean(numbers){ghost}'
    assert editor.notifications() == []
