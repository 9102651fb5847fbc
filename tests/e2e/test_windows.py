from __future__ import annotations

from pathlib import Path

import pytest

from . import scenes
from .waiting import wait_until
from .workbench import LaunchEditor

pytestmark = pytest.mark.e2e


def test_two_windows_share_one_inference_host(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "temperatures.py").write_text(scenes.TEMPERATURES)
    first = launch_editor(tmp_path / "first", scenes.with_suffix_engine(sparrow))
    second = first.open_window(tmp_path / "second")
    for window in (first, second):
        window.page.bring_to_front()
        window.open_file("temperatures.py")
        window.wait_for_status("^Sparrow: ready")
        window.type_text(scenes.TYPED)
        window.wait_for_ghost_text("ABSOLUTE_ZERO")
        window.screenshot("ghost-text")
        window.accept()
        window.save()
    assert len(first.servers()) == 2
    [host] = first.inference_hosts()

    second.close()
    wait_until(lambda: len(first.servers()) == 1, "the end of the second server", 60)
    first.page.bring_to_front()
    first.press("Enter")
    first.type_text("raise Val")
    first.wait_for_ghost_text("ueError")
    first.screenshot("still-there")

    assert first.inference_hosts() == [host]
    assert first.status_bar_text() == "Sparrow: ready, suffix"
    assert first.notifications() == []
