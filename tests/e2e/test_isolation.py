from __future__ import annotations

import json
from pathlib import Path

import pytest

from . import scenes
from .workbench import LaunchEditor

pytestmark = pytest.mark.e2e

DECOYS = (
    "inference/__init__.py",
    "lsp_server/__init__.py",
    "pygls/__init__.py",
    "click.py",
    "msgpack.py",
    "sitecustomize.py",
    "usercustomize.py",
)


def test_code_of_the_workspace_never_runs(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    workspace = tmp_path / "workspace"
    marker = tmp_path / "decoys-that-ran"
    for decoy in DECOYS:
        path = workspace / decoy
        path.parent.mkdir(parents=True, exist_ok=True)
        note = f"with open({str(marker)!r}, 'a') as marker:\n    marker.write({decoy + ' '!r})\n"
        path.write_text(f"{note}raise ImportError('a decoy was imported')\n")
    program = workspace / "sparrow"
    program.write_text(f"#!/bin/sh\nprintf 'sparrow ' >>'{marker}'\nexit 1\n")
    program.chmod(0o755)
    redirections = {"sparrow.server.path": str(program), "sparrow.python": str(program)}
    (workspace / ".vscode").mkdir()
    (workspace / ".vscode" / "settings.json").write_text(json.dumps(redirections))
    (workspace / "temperatures.py").write_text(scenes.TEMPERATURES)

    editor = launch_editor(workspace, {"sparrow.server.path": str(sparrow)})
    editor.open_file("temperatures.py")
    editor.wait_for_status("^Sparrow: ready")
    editor.type_text(scenes.TYPED)
    editor.wait_for_ghost_text("ABSOLUTE_ZERO")
    editor.screenshot("ghost-text-beside-decoys")

    assert len(editor.servers()) == 1
    assert len(editor.inference_hosts()) == 1
    assert not marker.exists(), marker.read_text()
    assert editor.notifications() == []
