"""A model that vLLM serves completes in the editor: with real weights, though tiny ones."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.with_vllm import toy_model

from .waiting import wait_until
from .workbench import LaunchEditor, Workbench

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".venv-vllm" / "bin"
ENGINE_ARGS = {"max_model_len": 4096, "max_num_seqs": 4}
START_TIMEOUT_S = 240
END_TIMEOUT_S = 60
READY = "is ready"
TRIES, TRY_S = 6, 5

BEFORE = 'def budasi(values):\n    """The arithmetic mean."""\n'
AFTER = "\n    return gatako / len(values)\n"
INDENTATION = "    "
MIDDLE = "gatako = sum(values)"
"""The name in front is told by the text behind the cursor alone."""


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A model of the toy language, trained now; with suffix first, as Sparrow prefers."""
    if not (ENVIRONMENT / "sparrow").is_file():
        pytest.fail(f"{ENVIRONMENT} is missing: make .venv-vllm/.ready", pytrace=False)
    folder = tmp_path / "checkpoint"
    command = [str(ENVIRONMENT / "python"), "-m", toy_model.__name__, "spm", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    return folder


def test_a_model_served_by_hand_completes_in_the_editor(
    launch_editor: LaunchEditor, sparrow: Path, checkpoint: Path, tmp_path: Path, output: Path
) -> None:
    """The editor's own environment holds no vLLM: its server finds the host that is running."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "budasi.py").write_text(f"{BEFORE}{AFTER}")
    model = f"vllm:{checkpoint}"
    runtime = {"SPARROW_RUNTIME_DIR": str(tmp_path / "run")}
    settings = {
        "sparrow.server.path": str(sparrow),
        "sparrow.completion.model": model,
        "sparrow.completion.engineArgs": ENGINE_ARGS,
    }
    with served_by_hand(model, runtime, output / "serve.log") as log:
        assert "Suffix first is used" in log()
        editor = launch_editor(workspace, settings, environment=runtime)
        editor.open_file("budasi.py")
        editor.wait_for_status("^Sparrow: ready")
        editor.press("Control+Home")
        for _ in BEFORE.splitlines():
            editor.press("ArrowDown")
        type_until_ghost_text(editor)
        editor.screenshot("ghost-text")
        assert editor.ghost_text() == MIDDLE
        editor.accept()
        editor.save()
        assert editor.file_text("budasi.py") == f"{BEFORE}{INDENTATION}{MIDDLE}{AFTER}"
        assert editor.inference_hosts() == []
        assert editor.notifications() == []


def type_until_ghost_text(editor: Workbench) -> None:
    """Indent; once more where the model took longer than a completion may, on a busy machine."""
    for _ in range(TRIES - 1):
        editor.type_text(INDENTATION)
        with suppress(TimeoutError):
            editor.wait_for_ghost_text(MIDDLE, TRY_S)
            return
        editor.press("Escape")
        editor.press("Backspace")
    editor.type_text(INDENTATION)
    editor.wait_for_ghost_text(MIDDLE, TRY_S)


@contextmanager
def served_by_hand(
    model: str, environment: dict[str, str], log: Path
) -> Iterator[Callable[[], str]]:
    """Runs `sparrow serve` as the README says, from the environment with vLLM, until it is ready.

    Yields what reads its log.
    """
    with log.open("wb") as output:
        host = subprocess.Popen(
            [
                *(ENVIRONMENT / "sparrow", "serve", "--model", model),
                *("--engine-args", json.dumps(ENGINE_ARGS)),
            ],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def ready() -> bool:
        assert host.poll() is None, log.read_text()
        return READY in log.read_text()

    try:
        wait_until(ready, "the model to be loaded", START_TIMEOUT_S, instead=log.read_text)
        yield log.read_text
    finally:
        host.terminate()
        try:
            host.wait(END_TIMEOUT_S)
        finally:
            host.kill()
