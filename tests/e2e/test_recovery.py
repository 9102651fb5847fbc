from __future__ import annotations

import re
from pathlib import Path

import pytest

from . import scenes
from .waiting import wait_until
from .workbench import LaunchEditor, Workbench

pytestmark = pytest.mark.e2e


def test_typing_and_completion_survive_the_death_of_the_inference_host(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "notes.py").write_text("")
    model = scenes.scripted_model(
        tmp_path / "script.json",
        scenes.rule("endless = ", "nev", then="hang"),
        scenes.rule("again = ", "42"),
    )
    settings = {
        "sparrow.server.path": str(sparrow),
        "sparrow.completion.model": model,
        "sparrow.trace.server": "messages",
    }
    editor = launch_editor(workspace, settings)
    editor.open_file("notes.py")
    editor.wait_for_status("^Sparrow: ready")
    [host] = editor.inference_hosts()

    with editor.recorded_statuses() as statuses:
        editor.type_text("endless = ")
        wait_until(lambda: _completions_in_flight(editor) > 0, "a request in flight", 60)
        host.kill()
        editor.type_text("1 + ")
        editor.screenshot("after-the-kill")
        editor.type_text("2 + 3")
        wait_until(lambda: host not in editor.inference_hosts(), "the end of the host", 60)
        editor.press("Enter")
        editor.type_text("typing_goes_on = True")
        editor.wait_for_status("^Sparrow: ready", timeout_s=60)

    assert re.match(r"Sparrow: (error|starting)", _first_that_is_not_ready(statuses)), statuses
    editor.press("Enter")
    editor.type_text("again = ")
    assert editor.wait_for_ghost_text() == "42"
    editor.screenshot("recovered")
    editor.accept()
    editor.save()
    written = "endless = 1 + 2 + 3\ntyping_goes_on = True\nagain = 42"
    assert editor.file_text("notes.py") == written
    assert len(editor.inference_hosts()) == 1
    assert editor.notifications() == []


def test_a_language_server_that_dies_is_started_again(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    (tmp_path / "temperatures.py").write_text(scenes.TEMPERATURES)
    editor = launch_editor(tmp_path, {"sparrow.server.path": str(sparrow)})
    editor.open_file("temperatures.py")
    editor.wait_for_status("^Sparrow: ready")
    [server] = editor.servers()
    [host] = editor.inference_hosts()

    with editor.recorded_statuses() as statuses:
        server.kill()
        wait_until(lambda: editor.servers() not in ([], [server]), "another server", 60)
        editor.wait_for_status("^Sparrow: ready", timeout_s=60)
    assert "Sparrow starts it again in" in _first_that_is_not_ready(statuses)
    assert len(editor.servers()) == 1
    editor.type_text(scenes.TYPED)
    editor.wait_for_ghost_text("ABSOLUTE_ZERO")
    editor.screenshot("recovered")
    assert editor.inference_hosts() == [host]  # it outlives the window's server
    assert editor.notifications() == []


def _completions_in_flight(editor: Workbench) -> int:
    trace = editor.output_channel_text("Sparrow Trace")
    sent = re.findall(r"Sending request 'textDocument/inlineCompletion - \((\d+)\)'", trace)
    answered = re.findall(r"Received response 'textDocument/inlineCompletion - \((\d+)\)'", trace)
    return len(set(sent) - set(answered))


def _first_that_is_not_ready(statuses: list[str]) -> str:
    return next((status for status in statuses if not status.startswith("Sparrow: ready")), "")
