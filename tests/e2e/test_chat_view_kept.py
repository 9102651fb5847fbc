"""The chat's page over its ends: it is another one whenever it is shown, and goes on where it was."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .chat_page import FRAMES, OpenChat, chat_of

pytestmark = pytest.mark.e2e


def test_what_is_typed_is_not_written_down_at_each_key(open_chat: OpenChat) -> None:
    chat = open_chat(300)
    chat.page.clock.install()
    chat.page.reload()  # what a page begins with is written down by the clock that it found
    expect(chat.page.locator(".welcome")).to_be_visible()
    chat.page.clock.pause_at("2099-01-01")
    chat.question.fill("x" * 200_000)
    before = chat.run("() => harness.kept")
    chat.question.press_sequentially("0123456789")
    assert chat.run("() => harness.kept") == before
    chat.page.clock.run_for(1_000)
    assert chat.run("() => harness.kept") == before + 1
    chat.question.press("a")
    chat.page.reload()
    expect(chat.question).to_have_value("x" * 200_000 + "0123456789a")


def test_a_question_that_arrived_while_the_chat_was_hidden_is_not_asked_again(
    open_chat: OpenChat,
) -> None:
    chat = open_chat(300)
    chat.run("(chat) => harness.put(chat)", chat_of("s", ["Because."]))
    chat.question.fill("Why?")
    chat.page.reload()
    expect(chat.question).to_have_value("Why?")
    asked: dict[str, object] = {
        "id": None,
        "text": "Why?",
        "mentions": [],
        "without": [],
        "replaces": None,
    }
    sent = {"kind": "sent", "asked": asked, "sent": {"id": "s", "messageId": "", "answerId": ""}}
    chat.run("(sent) => harness.tell(sent)", sent)
    expect(chat.answer.locator(".answer")).to_have_text("Because.")
    expect(chat.question).to_have_value("")

    # Who has begun another question meanwhile goes on with that.
    chat.page.get_by_label("New chat").click()
    chat.question.fill("And then?")
    chat.run("(sent) => harness.tell(sent)", sent)
    chat.run(f"async () => {{ {FRAMES} }}")
    expect(chat.question).to_have_value("And then?")


def test_a_reply_to_another_page_is_passed_over(open_chat: OpenChat) -> None:
    chat = open_chat(300)
    before = "tell({ ...notice, kind: 'refusal', page: 'another', message: 'Not yours.' });"
    chat.run(
        "() => { const tell = harness.tell.bind(harness); harness.tell = (notice) => {"
        f" if (notice.kind === 'reply') {before} tell(notice); }}; }}"
    )
    chat.ask("Why?")
    expect(chat.page.locator(".message")).to_have_count(2)
    expect(chat.page.get_by_text("Not yours.")).to_have_count(0)
