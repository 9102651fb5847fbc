"""A workspace that chats are about, what a scripted model says of it, and an editor on both."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, expect

from .workbench import LaunchEditor, Workbench

FEES = '''"""What things cost, in cents."""

DAILY = 20


def total_fee(days):
    """What so many days cost."""
    return days * DAILY


def label(fee):
    return f"{fee} cents"
'''
DARK = "Default Dark Modern"
ANSWER = """A day costs `DAILY` cents, and `total_fee()` in `fees.py:6` multiplies:

| days | cents |
| ---: | ----: |
| 1 | 20 |
| 10 | 200 |

```python
def week() -> int:
    return total_fee(7)  # seven days
```
"""
EDIT = """In two places:

```
fees.py
<<<<<<< SEARCH
DAILY = 20
=======
DAILY = 25
>>>>>>> REPLACE
<<<<<<< SEARCH
    return f"{fee} cents"
=======
    return f"{fee} ct"
>>>>>>> REPLACE
```
"""
COST = {
    "when": {"message_ends_with": "cost?"},
    "think": ["The user asks ", "for a price."],
    "reply": re.findall(r"\S+\s*|\s+", ANSWER),
    "delay_ms": 10,
}
LONG = {
    "when": {"message_ends_with": "everything"},
    "reply": ["Well, ", "there ", "is "],
    "then": "hang",
}
CHEAPER = {"when": {"message_ends_with": "dearer"}, "reply": [EDIT]}


def settings(sparrow: Path, model: str, theme: str = DARK) -> dict[str, Any]:
    return {
        "sparrow.server.path": str(sparrow),
        "sparrow.completion.model": "suffix",
        "sparrow.chat.model": model,
        "workbench.colorTheme": theme,
    }


def launch(
    launch_editor: LaunchEditor, sparrow: Path, folder: Path, model: str, theme: str = DARK
) -> Workbench:
    workspace = folder / "workspace"
    workspace.mkdir()
    (workspace / "fees.py").write_text(FEES)
    editor = launch_editor(workspace, settings(sparrow, model, theme))
    editor.open_file("fees.py")
    editor.wait_for_status("^Sparrow: ready")
    editor.wait_for_index("1 file")
    return editor


def question(chat: Locator) -> Locator:
    return chat.get_by_label("Question", exact=True)


def write(chat: Locator, text: str) -> None:
    """Type at the end of the question, which has the focus for it."""
    box = question(chat)
    box.evaluate("(box) => box.focus()")
    box.press_sequentially(text)


def ask(chat: Locator, text: str) -> Locator:
    """Ask; returns the answer."""
    questions = chat.locator(".message.user")
    before = questions.count()
    write(chat, text)
    question(chat).press("Enter")
    expect(questions).to_have_count(before + 1)  # the one before may have said the same
    expect(questions.last).to_contain_text(text)
    return chat.locator(".message.assistant").last
