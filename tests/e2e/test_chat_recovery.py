"""The chat where something ends under it: a host, the server, the window, the model in the settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from . import scenes
from .chat_scene import COST, LONG, ask, launch, question, settings
from .waiting import wait_until
from .workbench import LaunchEditor, Workbench

pytestmark = pytest.mark.e2e

AT_ONCE_MS = 5_000
AT_LAST = {"when": {"message_ends_with": "everything"}, "reply": ["At last."]}
WAITS = {"when": {"message_ends_with": "wait"}, "reply": ["Well, "], "then": "hang"}
IS_AT_END = """
(transcript) => transcript.scrollHeight - transcript.scrollTop - transcript.clientHeight < 2
  && transcript.scrollHeight > transcript.clientHeight
"""


def test_an_answer_that_loses_its_host_or_its_server_says_so_at_once(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    script = tmp_path / "script.json"
    model = scenes.scripted_model(script, LONG)
    editor = launch(launch_editor, sparrow, tmp_path, model)
    chat = editor.open_chat()
    answer = ask(chat, "Tell me everything")
    expect(answer).to_contain_text("there")
    [host] = [it for it in editor.inference_hosts() if model in it.command]
    scenes.scripted_model(script, AT_LAST, WAITS)  # which the next host reads
    host.kill()
    failure = answer.get_by_role("alert")
    expect(failure).to_contain_text("The model's process went away", timeout=AT_ONCE_MS)
    expect(chat.get_by_role("button", name="Send")).to_be_visible()
    editor.screenshot("host-killed")
    failure.get_by_role("button", name="Retry").click()
    expect(answer).to_contain_text("At last.")

    answer = ask(chat, "Now wait")
    expect(answer).to_contain_text("Well,")
    [server] = editor.servers()
    server.kill()
    failure = answer.get_by_role("alert")
    expect(failure).to_contain_text("Sparrow's server ended while", timeout=AT_ONCE_MS)
    expect(chat.get_by_role("button", name="Send")).to_be_visible()
    editor.screenshot("server-killed")
    wait_until(lambda: editor.servers() not in ([], [server]), "another server", 60)
    expect(failure).to_contain_text("was cut off")
    editor.screenshot("server-started-again")
    failure.get_by_role("button", name="Retry").click()
    expect(answer.get_by_role("alert")).to_have_count(0)
    expect(answer).to_contain_text("Well,")
    chat.get_by_role("button", name="Stop").click()
    expect(answer).to_contain_text("Stopped")
    assert editor.notifications() == []


def test_a_question_is_answered_by_the_model_that_takes_its_models_place(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    slow = tmp_path / "slow.json"
    slow.write_text('{"load_seconds": 600, "rules": []}')
    editor = launch(launch_editor, sparrow, tmp_path, f"scripted:{slow}")
    chat = editor.open_chat()
    answer = ask(chat, "Tell me everything")
    expect(answer).to_contain_text("Waiting for the model…")
    editor.screenshot("waiting")
    model = scenes.scripted_model(tmp_path / "script.json", AT_LAST)
    editor.home.write_settings(settings(sparrow, model))
    expect(answer).to_contain_text("At last.")
    expect(chat.locator(".message")).to_have_count(2)
    editor.screenshot("answered")


def test_a_window_that_is_reloaded_shows_its_conversation_and_what_was_cut_off(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path
) -> None:
    model = scenes.scripted_model(tmp_path / "script.json", COST, LONG)
    editor = launch(launch_editor, sparrow, tmp_path, model)
    chat = editor.open_chat()
    for _ in range(2):
        expect(ask(chat, "What does it cost?").locator(".usage")).to_contain_text("tokens in")
    expect(ask(chat, "Tell me everything")).to_contain_text("there")
    reload(editor)

    chat = editor.webview()
    expect(chat.locator(".message")).to_have_count(6)
    cut = chat.locator(".message.assistant").last
    expect(cut).to_contain_text("Well, there is")
    expect(cut.get_by_role("alert")).to_contain_text("was cut off")
    expect(cut).to_be_in_viewport()
    transcript = chat.locator(".transcript")
    wait_until(lambda: transcript.evaluate(IS_AT_END), "the end of the conversation in sight", 10)
    editor.screenshot("reloaded")
    expect(question(chat)).to_have_value("")
    expect(chat.locator("header .title")).to_have_text("What does it cost?")
    cut.get_by_role("button", name="Retry").click()
    expect(cut.get_by_role("alert")).to_have_count(0)
    expect(cut).to_contain_text(re.compile("Well, there is"))
    chat.get_by_role("button", name="Stop").click()
    expect(cut).to_contain_text("Stopped")


def reload(editor: Workbench) -> None:
    """The view is shown again as it was: nobody opens it."""
    with editor.page.expect_navigation():
        editor.run_command("Developer: Reload Window")
    editor.wait_for_status("^Sparrow: ready")
