"""The chat in the themes of high contrast: what is read stands out from what it stands on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from . import scenes
from .chat_scene import COST, ask, launch, question, write
from .workbench import LaunchEditor

pytestmark = pytest.mark.e2e

READABLE = 4.5
"""Of WCAG 2.2, 1.4.3: the least ratio of the luminances of a text and its background."""

DIES = {"when": {"message_ends_with": "die"}, "reply": ["Well, "], "then": "die"}
CONTRASTS = """
(body) => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((it) =>
      it <= 10.31 ? it / 3294.6 : ((it / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const over = ([r, g, b, alpha = 1], below) =>
    [r, g, b].map((it, at) => it * alpha + below[at] * (1 - alpha));
  const behind = (element) => element === null
    ? [255, 255, 255]
    : over(numbers(getComputedStyle(element).backgroundColor), behind(element.parentElement));
  const contrast = (element) => {
    const below = behind(element);
    const text = over(numbers(getComputedStyle(element).color), below);
    const [dark, light] = [luminance(text), luminance(below)].sort((one, other) => one - other);
    return (light + 0.05) / (dark + 0.05);
  };
  const hasText = (element) => [...element.childNodes].some(
    (it) => it.nodeType === Node.TEXT_NODE && it.data.trim() !== "");
  return [...body.querySelectorAll("*")]
    .filter((it) => hasText(it) && it.checkVisibility() && !it.closest("script, style"))
    .map((it) => [`${it.tagName} ${it.className}: ${it.textContent}`, contrast(it)]);
}
"""


@pytest.mark.parametrize("theme", ["Default High Contrast", "Default High Contrast Light"])
def test_everything_can_be_read_in_high_contrast(
    launch_editor: LaunchEditor, sparrow: Path, tmp_path: Path, theme: str
) -> None:
    model = scenes.scripted_model(tmp_path / "script.json", COST, DIES)
    editor = launch(launch_editor, sparrow, tmp_path, model, theme)
    chat = editor.open_chat()
    write(chat, "What does @fee")
    expect(chat.locator(".suggestions [role=option]").first).to_be_visible()
    assert unreadable(chat) == []
    editor.screenshot("suggestions")
    question(chat).press("Enter")
    answer = ask(chat, "cost?")
    expect(answer.locator(".usage")).to_contain_text("tokens in")
    for name in ("thinking", "context", "usage"):
        answer.locator(f".{name} summary").click()
    expect(chat.locator(".budget")).to_be_visible()
    assert unreadable(chat) == []
    answer.get_by_label("Apply to the files").focus()
    editor.press("Tab")
    expect(answer.locator("pre").first).to_be_focused()
    editor.screenshot("answer")
    failed = ask(chat, "die")
    expect(failed.get_by_role("alert")).to_be_visible()
    assert unreadable(chat) == []
    editor.screenshot("failed")
    chat.get_by_label("All chats").click()
    expect(chat.locator(".conversation")).to_be_visible()
    assert unreadable(chat) == []
    editor.screenshot("list")


def unreadable(chat: Locator) -> list[Any]:
    """Each text on the screen whose contrast is too low, with its contrast."""
    found: list[list[Any]] = chat.evaluate(CONTRASTS)
    assert len(found) > 2
    return [(text, ratio) for text, ratio in found if ratio < READABLE]
