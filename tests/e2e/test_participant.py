"""`@sparrow` in the editor's own chat: asked there, it answers there.

The editor asks a participant only where it has a language model, so a test-only extension gives it one
that is never asked anything.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from . import scenes
from .chat_scene import COST, FEES, LONG, settings
from .workbench import LaunchEditor, Workbench

pytestmark = pytest.mark.e2e

IDLE_MODEL = Path(__file__).parent / "idle_model"


@pytest.fixture
def installed_extensions(installed_extensions: Path, tmp_path: Path) -> Path:
    """Sparrow, and the model."""
    folder = tmp_path / "extensions"
    shutil.copytree(installed_extensions, folder)
    manifest = json.loads((IDLE_MODEL / "package.json").read_text())
    name = f"{manifest['publisher']}.{manifest['name']}"
    shutil.copytree(IDLE_MODEL, folder / name)
    index = folder / "extensions.json"
    entry = {
        "identifier": {"id": name},
        "version": manifest["version"],
        "location": {"$mid": 1, "scheme": "file", "path": str(folder / name)},
        "relativeLocation": name,
    }
    index.write_text(json.dumps([*json.loads(index.read_text()), entry]))
    return folder


def test_the_editors_own_chat_asks_sparrow(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    model = scenes.scripted_model(tmp_path / "script.json", COST, LONG)
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "fees.py").write_text(FEES)
    given = {**settings(sparrow, model), "chat.disableAIFeatures": False}
    editor = launch_editor(workspace, given)
    editor.open_file("fees.py")
    editor.wait_for_status("^Sparrow: ready")
    editor.wait_for_index("1 file")
    editor.press("Control+Alt+i")
    chat = editor.page.locator(".interactive-session")
    expect(chat.get_by_text("Idle")).to_be_visible()

    answer = ask(editor, chat, "What does total_fee cost?")
    expect(answer.locator("td").last).to_have_text("200")
    expect(answer.get_by_text("def week() -> int:")).to_be_visible()
    answer.locator(".completed-response-summary").click()
    answer.get_by_role("button", name="Used 1 reference").click()
    reference = answer.locator(".chat-used-context-list .monaco-list-row").filter(
        has_text="fees.py"
    )
    expect(reference).to_be_visible()
    editor.screenshot("answered")
    editor.run_command("View: Close Editor")
    reference.click()
    expect(editor.page.locator(".tab.active[data-resource-name='fees.py']")).to_be_visible()

    # What streams is shown as it comes; it is stopped there, and the conversation is Sparrow's own.
    stopped = ask(editor, chat, "Tell me everything")
    expect(stopped).to_contain_text("Well, there is")
    editor.screenshot("streaming")
    chat.locator(".codicon-stop-circle").click()
    expect(chat.locator(".codicon-stop-circle")).to_have_count(0)
    editor.run_command("View: Show Sparrow")
    view = editor.webview()
    view.get_by_label("All chats").click()
    view.get_by_role("button", name=re.compile("What does total_fee cost")).first.click()
    expect(view.locator(".message")).to_have_count(4)
    expect(view.locator(".message.assistant").last).to_contain_text("Stopped")

    # Without a model that chats the code that matches, each with a link to it.
    editor.home.write_settings({**given, "sparrow.chat.model": ""})
    expect(view.locator(".banner")).to_contain_text("No chat model is set up")
    found = ask(editor, chat, "Where is total_fee?")
    link = found.locator(".chat-inline-anchor-widget").filter(has_text="fees.py").first
    expect(link).to_be_visible()
    editor.screenshot("found")
    editor.press("Control+Home")
    link.click()
    expect(editor.page.locator("[id='status.editor.selection']")).to_contain_text("Ln 6")
    assert editor.notifications() == []


def ask(editor: Workbench, chat: Locator, text: str) -> Locator:
    """Write a question to `@sparrow`; returns the answer."""
    chat.locator(".chat-editor-container .monaco-editor").last.click()
    editor.press("Control+a")
    editor.type_text(f"@sparrow {text}")
    editor.press("Escape")
    editor.press("Enter")
    expect(chat.locator(".interactive-request").filter(has_text=text)).to_be_visible()
    return chat.locator(".interactive-response.chat-most-recent-response")
