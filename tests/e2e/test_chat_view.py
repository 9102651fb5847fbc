"""The chat's page alone, in a browser: what it shows, and what it is asked for by keys and clicks."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .chat_page import DONE, FRAMES, PARAGRAPH, OpenChat, chat_of
from .waiting import wait_until

pytestmark = pytest.mark.e2e

FEES = {"kind": "file", "ref": "file:///w/fees.py", "label": "fees.py", "detail": "src/fees.py"}
FEE = {"kind": "symbol", "ref": "file:///w/fees.py#fee", "label": "fee", "detail": "src/fees.py"}
USAGE = {
    "promptTokens": 1000,
    "cachedTokens": 950,
    "generatedTokens": 300,
    "firstTokenMs": 40,
    "totalMs": 3000,
}
FROM_END = "(it) => it.scrollHeight - it.scrollTop - it.clientHeight"


def test_a_mention_is_completed_by_keys_and_taken_out_again(open_chat: OpenChat) -> None:
    chat = open_chat(300)
    chat.run("(mentions) => { harness.mentions = mentions; }", [FEES, FEE])
    chat.question.press_sequentially("explain @fe")
    options = chat.page.locator(".suggestions").get_by_role("option", include_hidden=True)
    expect(options).to_have_count(2)
    expect(chat.question).to_have_attribute("aria-expanded", "true")
    chat.question.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    chat.question.press("ArrowUp")
    chat.question.press("Enter")
    expect(options).to_have_count(0)
    expect(chat.question).to_have_value("explain @fees.py ")
    chip = chat.page.locator(".chips .chip")
    expect(chip).to_contain_text("1.2k")
    expect(chat.page.get_by_role("meter")).to_have_attribute(
        "aria-valuetext", "9,876 of 32,768 tokens"
    )
    chat.page.get_by_label("Leave out fees.py").click()
    expect(chip).to_have_count(0)
    expect(chat.question).to_have_value("explain ")

    chat.question.press_sequentially("@")
    expect(options).to_have_count(2)
    chat.question.press("Escape")
    expect(options).to_have_count(0)
    chat.question.press("Backspace")
    chat.question.press_sequentially("@fees")
    expect(options).to_have_count(1)
    chat.question.press("Tab")
    chat.question.press("Enter")
    (sent,) = chat.asked("send")
    assert (sent["text"], sent["mentions"]) == ("explain @fees.py ", [FEES])


def test_an_answer_streams_and_is_stopped(open_chat: OpenChat) -> None:
    chat = open_chat(300)
    chat.answer_with({"kind": "thinking", "text": "Hm."})
    chat.ask("Why?")
    thought = chat.answer.locator("details.thinking")
    expect(thought.locator("summary")).to_have_text("Thinking…")
    expect(thought).not_to_have_attribute("open", "")
    step = {"id": "s", "tool": "search", "summary": "for fee", "state": "running", "detail": ""}
    chat.emit({"kind": "step", "step": step}, {"kind": "text", "text": "Because of **fe"})
    expect(chat.answer.locator(".step")).to_contain_text("running")
    chat.emit({"kind": "step", "step": {**step, "state": "done", "detail": "3 places"}})
    expect(chat.answer.locator(".step")).to_contain_text("done")
    chat.emit({"kind": "text", "text": "es** and\n\n```py\nx = 1\n"})
    expect(chat.answer.locator(".answer strong")).to_have_text("fees")
    expect(chat.answer.locator("pre").last).to_have_text("x = 1")
    expect(chat.answer.get_by_label("Apply to the files")).to_be_disabled()
    chat.page.get_by_role("button", name="Stop").click()
    expect(chat.answer).to_contain_text("Stopped")
    assert len(chat.asked("stop")) == 1
    expect(chat.page.get_by_role("button", name="Send")).to_be_visible()

    chat.answer_with({"kind": "text", "text": "Again."}, {"kind": "usage", "usage": USAGE}, DONE)
    chat.answer.get_by_label("Answer again").click()
    expect(chat.answer.locator(".answer")).to_have_text("Again.")
    chat.answer.locator(".usage summary").click()
    expect(chat.answer.locator(".usage")).to_contain_text("950 tokens (95%)")


def test_what_can_be_done_with_code_and_links(open_chat: OpenChat) -> None:
    chat = open_chat(400)
    text = (
        "1. a\n   ```py\n   x = 1\n   ```\n\n[fees](src/fees.py:3) `fee()` <https://a.example/>\n\n"
    )
    chat.answer_with({"kind": "text", "text": f"{text}```py\ny = 2\n```\n"}, DONE)
    chat.ask("How?")
    expect(chat.answer.locator("pre").last).to_have_text("y = 2")
    for name in ("Copy", "Insert at the cursor", "Apply to the files"):
        chat.answer.get_by_label(name, exact=True).last.click()
    assert chat.asked("copy") == [{"text": "y = 2"}]
    assert chat.asked("insert") == [{"text": "y = 2"}]
    assert chat.asked("apply")[0]["block"] == 1
    for link in chat.answer.get_by_role("link").all():
        link.press("Enter")
    assert [it["target"] for it in chat.asked("follow")] == [
        {"kind": "file", "path": "src/fees.py", "line": 2},
        {"kind": "symbol", "name": "fee"},
        {"kind": "web", "url": "https://a.example/"},
    ]
    chat.run("() => { harness.answers.apply = new Error('The file has changed.'); }")
    chat.answer.get_by_label("Apply to the files").last.click()
    expect(chat.page.get_by_role("alert").filter(has_text="The file has changed.")).to_be_visible()


def test_a_question_is_edited_and_what_follows_it_dropped(open_chat: OpenChat) -> None:
    chat = open_chat(300)
    for text in ("One", "Two"):
        chat.answer_with({"kind": "text", "text": f"To {text}."}, DONE)
        chat.ask(text)
        expect(chat.answer).to_contain_text(f"To {text}.")
    chat.page.get_by_label("Edit and ask again").first.click()
    expect(chat.question).to_have_value("One")
    chat.question.press("Escape")
    expect(chat.question).to_have_value("")
    chat.question.fill("A draft")
    chat.page.get_by_label("Edit and ask again").first.click()
    chat.page.get_by_role("button", name="Cancel").click()
    expect(chat.question).to_have_value("A draft")
    chat.page.get_by_label("Edit and ask again").first.click()
    chat.question.fill("One?")
    chat.page.reload()
    expect(chat.page.locator(".editing")).to_be_visible()
    expect(chat.question).to_have_value("One?")
    chat.answer_with({"kind": "text", "text": "To three."}, DONE)
    chat.ask("Three")
    expect(chat.answer).to_contain_text("To three.")
    expect(chat.page.locator(".message")).to_have_count(2)
    assert chat.asked("send")[-1]["replaces"] is not None
    expect(chat.page.locator(".editing")).to_be_hidden()
    expect(chat.question).to_have_value("A draft")


def test_failures_stand_in_their_place_and_can_be_retried(open_chat: OpenChat) -> None:
    chat = open_chat(300)
    chat.run("() => { harness.answers.send = new Error('The server is gone.'); }")
    chat.ask("Why?")
    failure = chat.page.locator(".composer .failure")
    expect(failure).to_contain_text("The server is gone.")
    expect(chat.question).to_have_value("Why?")
    chat.run("() => { delete harness.answers.send; }")
    failed = {"kind": "done", "state": "failed", "error": "No slot is free.", "hint": "Try later."}
    chat.answer_with({"kind": "text", "text": "Half an"}, failed)
    failure.get_by_role("button", name="Retry").click()
    expect(chat.answer.get_by_role("alert")).to_have_text("No slot is free. Try later.Retry")
    expect(chat.answer).to_contain_text("Half an")
    chat.answer_with({"kind": "text", "text": "Whole."}, DONE)
    chat.answer.get_by_role("button", name="Retry").click()
    expect(chat.answer.locator(".answer")).to_have_text("Whole.")


def test_an_answer_that_ends_with_the_server_says_so_at_once(open_chat: OpenChat) -> None:
    chat = open_chat(300)
    chat.answer_with({"kind": "text", "text": "Half an"})
    chat.ask("Why?")
    expect(chat.answer).to_contain_text("Half an")
    shown = chat.asked("showing")[-1]["id"]
    chat.run("() => { harness.answers.state = new Error('The server is not running.'); }")
    chat.run("() => harness.tell({ kind: 'connection', isConnected: false })")
    failure = chat.answer.get_by_role("alert")
    expect(failure).to_contain_text("Sparrow's server ended while it answered.")
    expect(chat.answer).to_contain_text("Half an")
    expect(chat.page.get_by_role("button", name="Send")).to_be_visible()
    expect(chat.page.locator(".banner")).to_have_text("The server is not running.")

    # The server that is started next knows how the answer ended.
    chat.run("() => { delete harness.answers.state; }")
    cut = {"kind": "done", "state": "stopped", "error": "it was cut off", "hint": "Ask again."}
    chat.emit(cut, chat=shown)
    chat.run("() => harness.tell({ kind: 'connection', isConnected: true })")
    expect(failure).to_contain_text("It was cut off. Ask again.")
    chat.answer_with({"kind": "text", "text": "Whole."}, DONE)
    failure.get_by_role("button", name="Retry").click()
    expect(chat.answer.locator(".answer")).to_have_text("Whole.")


def test_a_question_whose_conversation_is_lost_is_given_back(open_chat: OpenChat) -> None:
    chat = open_chat(300)
    chat.ask("Why?")
    expect(chat.page.locator(".message")).to_have_count(2)
    lost = chat.asked("showing")[-1]["id"]
    chat.run("(id) => harness.forget(id)", lost)
    chat.run("() => harness.tell({ kind: 'connection', isConnected: true })")
    expect(chat.page.locator("header .title")).to_have_text("New chat")
    expect(chat.question).to_have_value("Why?")
    chat.answer_with({"kind": "text", "text": "Because."}, DONE)
    chat.page.locator(".composer .failure").get_by_role("button", name="Retry").click()
    expect(chat.answer.locator(".answer")).to_have_text("Because.")
    expect(chat.question).to_have_value("")


def test_without_a_chat_model_code_is_found_and_a_button_sets_one_up(open_chat: OpenChat) -> None:
    chat = open_chat(250)
    chat.run(
        "() => harness.tell({ kind: 'state', state: { ...harness.state, hasChatModel: false } })"
    )
    banner = chat.page.locator(".banner")
    expect(banner).to_contain_text("No chat model is set up")
    banner.get_by_role("button").click()
    assert len(chat.asked("setUpModel")) == 1
    found = {
        "uri": "file:///w/src/fees.py",
        "line": 4,
        "label": "src/fees.py",
        "snippet": "def fee(days):\n    return 10",
        "language": "python",
        "why": "defines fee",
    }
    chat.answer_with({"kind": "found", "found": [found] * 10}, DONE)
    chat.ask("Where is fee?")
    card = chat.answer.locator(".card").first
    expect(card).to_contain_text("defines fee")
    # The best comes first, and is what is seen; from there on the user scrolls.
    expect(chat.page.locator(".message.user .question")).to_be_in_viewport(ratio=1)
    expect(card).to_be_in_viewport(ratio=1)
    expect(chat.answer.locator(".card").last).not_to_be_in_viewport()
    chat.run("() => document.querySelector('.transcript').scrollTo(0, 100000)")
    expect(chat.answer.locator(".card").last).to_be_in_viewport()
    chat.page.set_viewport_size({"width": 260, "height": 700})
    expect(chat.answer.locator(".card").last).to_be_in_viewport()
    card.get_by_role("button", name="src/fees.py:5").click()
    assert chat.asked("follow")[0]["target"]["line"] == 4


def test_where_the_workspace_is_not_trusted_a_button_leads_to_trusting_it(
    open_chat: OpenChat,
) -> None:
    told = "In Restricted Mode Sparrow completes code and does nothing else."
    chat = open_chat(250)
    chat.run(f"() => {{ harness.answers.state = new Error({told!r}) }}")
    chat.run("() => harness.tell({ kind: 'connection', isConnected: true })")
    banner = chat.page.locator(".banner")
    expect(banner).to_contain_text(told)
    banner.get_by_role("button", name="Manage Workspace Trust").click()
    assert len(chat.asked("manageTrust")) == 1


def test_a_reload_keeps_the_conversation_its_stream_and_the_draft(open_chat: OpenChat) -> None:
    chat = open_chat(300)
    chat.answer_with({"kind": "text", "text": "First "})
    chat.ask("Why?")
    expect(chat.answer).to_contain_text("First")
    chat.question.fill("And @then")
    shown = chat.asked("showing")[-1]["id"]
    chat.page.reload()
    expect(chat.answer).to_contain_text("First")
    expect(chat.question).to_have_value("And @then")
    expect(chat.page.get_by_role("button", name="Stop")).to_be_visible()
    chat.emit({"kind": "text", "text": "and second."}, DONE, chat=shown)
    expect(chat.answer.locator(".answer")).to_have_text("First and second.")


def test_the_list_of_chats_says_whether_it_is_there_and_keeps_the_focus(
    open_chat: OpenChat,
) -> None:
    chat = open_chat(300)
    for identifier, title in (("one", "First"), ("two", "Second"), ("three", "Third")):
        chat.run("(chat) => harness.put(chat)", chat_of(identifier, ["Yes."], title=title))
    chat.run("() => harness.tell({ kind: 'connection', isConnected: true })")
    button = chat.page.get_by_label("All chats")
    expect(button).to_have_attribute("aria-expanded", "false")
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(chat.page.locator(f"#{button.get_attribute('aria-controls')}")).to_be_visible()

    for key, title in (("Enter", "Fees"), ("Escape", "Second")):
        chat.page.get_by_label("Rename “Second”").or_(
            chat.page.get_by_label("Rename “Fees”")
        ).click()
        chat.page.get_by_label("New title").fill(title)
        chat.page.get_by_label("New title").press(key)
        expect(chat.page.locator(".conversation:focus")).to_contain_text("Fees")
    chat.page.get_by_label("Delete “Fees”").click()
    expect(chat.page.locator(".conversation")).to_have_count(2)
    expect(chat.page.locator(".conversation:focus")).to_have_count(1)
    chat.page.locator(".conversation:focus").press("Enter")
    expect(button).to_have_attribute("aria-expanded", "false")


def test_the_end_stays_in_sight_unless_the_user_scrolls_away(open_chat: OpenChat) -> None:
    chat = open_chat(300)
    chat.run("(chat) => harness.put(chat)", chat_of("s", [PARAGRAPH * 20], state="streaming"))
    chat.run("() => harness.tell({ kind: 'connection', isConnected: true })")
    chat.page.get_by_label("All chats").click()
    chat.page.get_by_role("button", name="A chat", exact=False).first.click()
    expect(chat.answer).to_be_in_viewport()

    def is_at_end() -> bool:
        return bool(chat.run(f"() => ({FROM_END})(document.querySelector('.transcript')) < 2"))

    wait_until(is_at_end, "the end in sight", 10)
    # What grows before a scroll that is under way was told is none of the user's doing.
    grow = "it.firstElementChild.lastElementChild.style.paddingBottom = '300px'"
    scrolled = "it.dispatchEvent(new Event('scroll'))"
    chat.page.locator(".transcript").evaluate(f"(it) => {{ {grow}; {scrolled}; }}")
    wait_until(is_at_end, "the end in sight, where it has moved to", 10)
    chat.page.locator(".transcript").hover()
    chat.page.mouse.wheel(0, -200)
    wait_until(lambda: not is_at_end(), "a place before the end", 10)
    chat.emit({"kind": "text", "text": PARAGRAPH}, chat="s")
    expect(chat.answer.locator(".answer p")).to_have_count(21)
    chat.run(f"async () => {{ {FRAMES} }}")
    assert not is_at_end()


def test_several_conversations_stream_at_once(open_chat: OpenChat) -> None:
    chat = open_chat(900)
    ids = []
    for text in ("One?", "Two?"):
        chat.page.get_by_label("New chat").click()
        chat.answer_with({"kind": "text", "text": f"{text} "})
        chat.ask(text)
        expect(chat.answer).to_contain_text(text)
        ids.append(chat.asked("showing")[-1]["id"])
    for part in ("a", "b"):
        for identifier in ids:
            chat.emit({"kind": "text", "text": part}, chat=identifier)
    expect(chat.answer.locator(".answer")).to_have_text("Two? ab")
    expect(chat.page.locator(".conversation").filter(has_text="answers…")).to_have_count(2)
    chat.emit({"kind": "title", "title": "The first"}, DONE, chat=ids[0])
    chat.page.get_by_role("button", name="The first", exact=False).first.click()
    expect(chat.answer.locator(".answer")).to_have_text("One? ab")

    chat.page.get_by_label("Rename “The first”").click()
    chat.page.get_by_label("New title").fill("Fees")
    chat.page.get_by_label("New title").press("Enter")
    expect(chat.page.locator("header .title")).to_have_text("Fees")
    chat.page.get_by_label("Delete “Fees”").click()
    expect(chat.page.locator(".conversation")).to_have_count(1)
    expect(chat.page.locator("header .title")).to_have_text("New chat")


def test_the_keyboard_reaches_everything(open_chat: OpenChat) -> None:
    chat = open_chat(300)
    chat.answer_with({"kind": "text", "text": "See `src/fees.py`.\n\n```py\nx\n```\n"}, DONE)
    chat.ask("Why?")
    expect(chat.answer.get_by_label("Answer again")).to_be_visible()
    chat.page.get_by_label("All chats").focus()
    reached = []
    for _ in range(40):
        reached.append(
            chat.run("() => document.activeElement.ariaLabel ?? document.activeElement.tagName")
        )
        chat.page.keyboard.press("Tab")
    wanted = ["All chats", "New chat", "Conversation", "Edit and ask again", "A", "Copy"]
    wanted += ["Apply to the files", "Code: py", "Answer again", "Question", "Thinking"]
    places = [reached.index(name) for name in wanted]
    assert places == sorted(places)
    expect(chat.page.get_by_role("status").filter(has_text="The answer is there.")).to_have_count(1)
