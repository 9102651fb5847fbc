"""A newcomer's day in a real repository: first with what Sparrow brings, then with a model for chat.

Needs the package index that pip is set up for: the repository is a release of a well-known package.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from lsp_server.bench.context_packages import read_releases, unpack_releases

from .test_model import ENGINE_ARGS, ENVIRONMENT, served_by_hand
from .test_refactor import rename as enter_new_name
from .waiting import wait_until
from .workbench import LaunchEditor, Workbench

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
RELEASE = (
    "toolz==1.0.0 --hash=sha256:2c86e3d9a04798ac556793bced838816296a2f085017664e4995cb40a1047a02"
)
RIGHT, WRONG = "itertools.islice(seq, 0, None, n)", "itertools.islice(seq, 1, None, n)"
BROKEN = "toolz/itertoolz.py"
CONTEXT_TOKENS = 4096
FIX_LIMIT_S = 240


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Its sources with one fault, and an environment that runs its tests."""
    (folder,) = unpack_releases(read_releases(RELEASE), tmp_path / "releases", None).values()
    file = folder / BROKEN
    text = file.read_text()
    assert text.count(RIGHT) == 1
    file.write_text(text.replace(RIGHT, WRONG))
    run = [sys.executable, "-m", "venv", str(folder / ".venv")]
    subprocess.run(run, check=True)
    pip = [str(folder / ".venv/bin/python"), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "pytest"], check=True, capture_output=True)
    return folder


@pytest.fixture
def chat_model(tmp_path: Path) -> Path:
    """A checkpoint that has learned nothing, with a template for chats."""
    folder = tmp_path / "checkpoint"
    maker = "lsp_server.bench.checkpoints"
    command = [str(ENVIRONMENT / "python"), "-m", maker, "dense", str(folder), str(CONTEXT_TOKENS)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


def test_a_newcomers_day(  # noqa: PLR0917 - fixtures
    launch_editor: LaunchEditor,
    sparrow: Path,
    repository: Path,
    chat_model: Path,
    tmp_path: Path,
    output: Path,
) -> None:
    runtime = {"SPARROW_RUNTIME_DIR": str(tmp_path / "run")}
    settings = {"sparrow.server.path": str(sparrow)}
    editor = launch_editor(repository, settings, environment=runtime)
    editor.open_file("toolz/recipes.py")
    editor.wait_for_status("^Sparrow: ready, wren$")
    editor.wait_for_index("files")
    complete(editor)
    answer = ask(editor, "Where is take_nth?")
    expect(answer.locator(".card").filter(has_text="def take_nth(n, seq):")).to_be_visible()
    editor.screenshot("found")
    fix(editor)
    assert editor.file_text(BROKEN).count(RIGHT) == 1
    rename(editor)

    def command_line(*words: str) -> str:
        return subprocess.run(
            [str(sparrow), *words],
            cwd=repository,
            env={**os.environ, **editor.home.private_folders(), **runtime},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert "All is well." in command_line("doctor")
    assert "wren" in command_line("stats")
    assert "Last completions" in command_line("trace")
    shown = map(json.loads, command_line("trace", "--shown", "--json").splitlines())
    assert any(it["path"].endswith("recipes.py") for it in shown)

    model = f"vllm:{chat_model}"
    with served_by_hand(model, runtime, output / "serve.log"):
        more = {"sparrow.chat.model": model, "sparrow.chat.engineArgs": ENGINE_ARGS}
        editor.home.write_settings({**settings, **more})
        # As a user, who sees that there is a model now before there is a question for it.
        expect(editor.open_chat().get_by_text("Sparrow finds the code that")).to_have_count(0)
        answer = ask(editor, "And what does it do?")
        expect(answer.locator(".usage")).to_contain_text("tokens in")
        editor.screenshot("answered")
        complete(editor)
    assert editor.notifications() == []


def complete(editor: Workbench) -> None:
    """A line is gone on with; then the file is as it was."""
    editor.open_file("toolz/recipes.py")
    editor.type_text("\n\ndef countlens(key, seqs):\nif not callable(")
    assert editor.wait_for_ghost_text().strip()
    editor.screenshot("ghost-text")
    editor.dismiss()
    editor.run_command("File: Revert File")
    expect(editor.page.locator(".tab.active.dirty")).to_have_count(0)


def rename(editor: Workbench) -> None:
    """In all files that use the name."""
    editor.open_file("toolz/recipes.py")
    line = editor.file_text("toolz/recipes.py").splitlines().index("def countby(key, seq):") + 1
    editor.press("Control+Home")
    for _ in range(line - 1):
        editor.press("ArrowDown")
    for _ in range(len("def ")):
        editor.press("ArrowRight")
    enter_new_name(editor, "countby", "count_by")
    apply = editor.page.get_by_role("button", name=re.compile("^Apply"))
    expect(apply).to_be_visible()
    editor.screenshot("rename")
    apply.click()
    expect(editor.page.locator(".view-lines").first).to_contain_text("count_by")
    editor.screenshot("renamed")
    editor.run_command("File: Save All Files")
    files = ("toolz/recipes.py", "toolz/tests/test_recipes.py")
    wait_until(
        lambda: all("count_by" in editor.file_text(it) for it in files), "the new name on disk", 30
    )


def ask(editor: Workbench, question: str) -> Locator:
    """Its answer, which may not have ended."""
    chat = editor.open_chat()
    box = chat.get_by_label("Question", exact=True)
    box.evaluate("(box) => box.focus()")
    box.press_sequentially(question)
    box.press("Enter")
    expect(chat.locator(".message.user").last).to_contain_text(question)
    return chat.locator(".message.assistant").last


def fix(editor: Workbench) -> None:
    """Of the test that fails, with no model for chat: asked for, looked at, and taken."""
    editor.run_command("Sparrow: Fix Issue…")
    editor.page.locator(".quick-input-widget input").wait_for()
    editor.screenshot("fix-what")
    editor.press("Enter")
    dialog = editor.page.locator(".monaco-dialog-box")
    expect(dialog).to_contain_text("May Sparrow run this workspace's tests?")
    editor.screenshot("fix-consent")
    dialog.get_by_role("button", name="Run Tests").click()
    editor.notification("looking for a fix").wait_for()
    editor.screenshot("fix-looking")
    apply = editor.page.get_by_role("button", name=re.compile("^Apply"))
    apply.wait_for(timeout=1000 * FIX_LIMIT_S)
    editor.screenshot("fix-found")
    changed = editor.page.get_by_role("checkbox", name=re.compile(r"itertoolz\.py")).first
    changed.click()
    editor.press("Space")
    expect(changed.get_by_role("checkbox")).to_be_checked()
    apply.click()
    editor.run_command("File: Save All Files")
    wait_until(lambda: RIGHT in editor.file_text(BROKEN), "the fault mended", 60)
