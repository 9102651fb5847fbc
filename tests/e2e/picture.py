"""Takes the README's pictures in a real editor, on the demo's sample workspace.

`python -m tests.e2e.picture ghost-text [--vsix dist/sparrow.vsix]` writes
`extension/media/ghost-text.png`; the others are `chat`, `refactor` and `edit`. It fails where the editor does
not come to show what the picture is of. What a model says in them a script gives, since no model says
the same twice; ghost text is wren's own.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import click
from playwright.sync_api import ViewportSize, expect

from . import scenes
from .browser import BrowserMissing, open_browser
from .code_server import EditorError, editor_home, install_extension, serve, workspace_address
from .editor import EditorBuildError, build_editor
from .workbench import Workbench

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "lsp_server" / "demo" / "workspace"
WINDOW = ViewportSize(width=1200, height=750)
PIXELS_PER_POINT = 1.5
TIMEOUT_MS = 120_000

OPENED = ("shelf/storage.py", "shelf/books.py", "shelf/members.py")
WRITTEN = '''
    def email_of(self, member_id: int) -> str:
        """The address of a member. Raises `NotFoundError`."""
        row = self._storage.connection.execute(
            "SELECT email FROM members WHERE id = ?", (member_id,)
        ).fetchone()
        if row is None:'''
"""What the last of these files ends with when it is opened: a method that is being written."""

COMPLETED = 'raise NotFoundError(f"no member has the id {member_id}")'

MENTION = "In @members"
QUESTION = "how do I find a member by the address?"
ANSWER = """`Members` in `shelf/members.py:20` finds a member by the id alone. A method beside `get()` does it:

```python
def find(self, email: str) -> Member | None:
    row = self._storage.connection.execute(
        "SELECT id, name, email FROM members WHERE email = ?",
        (email,),
    ).fetchone()
    return None if row is None else Member(*row)
```

| | `get()` | `find()` |
| --- | --- | --- |
| by | id | address |
| nobody | raises `NotFoundError` | `None` |
"""

INSTRUCTION = "Without a loop."
EDITED = """<<<<<<< SEARCH
    total = 0
    for day in range(days_late):
        if day > FREE_DAYS:
            total += CENTS_A_DAY
    return total
=======
    return max(0, days_late - FREE_DAYS) * CENTS_A_DAY
>>>>>>> REPLACE
"""

SETTINGS = {
    "editor.cursorBlinking": "solid",
    "editor.minimap.enabled": False,
    "window.menuBarVisibility": "hidden",
    "workbench.colorTheme": "Default Dark Modern",
}
WITHOUT_WHAT_THE_BROWSER_ADDS = """
[id="status.workbench.keyboardLayout"], [id="status.forwardedPorts"] { display: none !important }
"""


def main() -> int:
    """Take the picture; the exit status is 1 where that is not possible."""
    parser = argparse.ArgumentParser(description="Take a picture of the README.")
    parser.add_argument("scene", choices=_SCENES)
    parser.add_argument("--to", type=Path, help="another file than that of the README")
    parser.add_argument("--vsix", type=Path, default=ROOT / "dist" / "sparrow.vsix")
    arguments = parser.parse_args()
    picture = arguments.to or ROOT / "extension" / "media" / f"{arguments.scene}.png"
    try:
        _take(arguments.scene, picture, arguments.vsix)
    except (BrowserMissing, EditorBuildError, EditorError) as error:
        _say(str(error))
        return 1
    return 0


def _take(scene: str, picture: Path, vsix: Path) -> None:
    build = build_editor(_say)
    expect.set_options(timeout=TIMEOUT_MS)
    with tempfile.TemporaryDirectory() as scratch, editor_home() as home, open_browser() as browser:
        workspace = Path(scratch) / "library"
        shutil.copytree(SAMPLE, workspace, ignore=shutil.ignore_patterns("__pycache__"))
        if scene == "ghost-text":
            with (workspace / OPENED[-1]).open("a") as file:
                file.write(WRITTEN)
        install_extension(build, home, vsix)
        sparrow = Path(sys.executable).with_name("sparrow")
        answers = [
            {"when": {"message_ends_with": QUESTION}, "reply": [ANSWER]},
            {"when": {"message_ends_with": f"Task: {INSTRUCTION}"}, "reply": [EDITED]},
        ]
        chats = scene in {"chat", "edit"}
        model = scenes.scripted_model(Path(scratch) / "script.json", *answers) if chats else ""
        chat = {"sparrow.chat.model": model}
        home.write_settings({**SETTINGS, **chat, "sparrow.server.path": str(sparrow)})
        with serve(build, home, environment=home.private_folders()) as address:
            page = browser.new_page(viewport=WINDOW, device_scale_factor=PIXELS_PER_POINT)
            editor = Workbench(page, home, workspace, Path(scratch))
            editor.go_to(workspace_address(address, workspace))
            _SCENES[scene](editor)
            page.screenshot(path=picture, style=WITHOUT_WHAT_THE_BROWSER_ADDS, caret="initial")
            page.close()


def _rest_mouse(editor: Workbench) -> None:
    """Move it where no hint is shown."""
    editor.page.mouse.move(WINDOW["width"] / 8, WINDOW["height"] / 2)
    expect(editor.page.locator(".monaco-hover:visible")).to_have_count(0)


def _complete(editor: Workbench) -> None:
    for name in OPENED:
        editor.open_file(name)
        editor.press("Control+k")
        editor.press("Enter")  # keeps the tab
    editor.wait_for_status("^Sparrow: ready")
    editor.press("Enter")
    editor.wait_for_ghost_text(COMPLETED)
    _rest_mouse(editor)


def _chat(editor: Workbench) -> None:
    editor.open_file(OPENED[-1])
    editor.wait_for_status("^Sparrow: ready")
    editor.wait_for_index("6 files")
    chat = editor.open_chat()
    question = chat.get_by_label("Question", exact=True)
    question.press_sequentially(MENTION)
    expect(chat.locator(".suggestions [role=option]").first).to_be_visible()
    question.press("Enter")
    question.press_sequentially(QUESTION)
    question.press("Enter")
    expect(chat.locator(".message.assistant .usage")).to_be_visible()
    edge = WINDOW["width"] * 0.42
    bar = editor.page.locator(".part.sidebar").bounding_box()
    if bar is not None:
        editor.page.mouse.move(bar["x"] + bar["width"], 400)
        editor.page.mouse.down()
        editor.page.mouse.move(edge, 400, steps=5)
        editor.page.mouse.up()
        editor.page.mouse.move(WINDOW["width"] * 0.8, 500)
    expect(chat.locator("table")).to_be_visible()


def _refactor(editor: Workbench) -> None:
    """The preview of a rename, where names in docstrings are not ticked."""
    editor.open_file("shelf/storage.py")
    editor.wait_for_status("^Sparrow: ready")
    editor.wait_for_index("6 files")
    editor.press("Control+f")
    editor.page.keyboard.type("class NotFound")
    editor.press("Escape")
    editor.press("F2")
    box = editor.page.locator(".rename-box input")
    expect(box).to_have_value("NotFoundError")
    editor.page.keyboard.type("MissingError")
    editor.press("Enter")
    expect(editor.page.get_by_role("button", name=re.compile("^Apply"))).to_be_visible()
    expect(editor.page.locator(".bulk-edit-panel").first).to_be_visible()
    _rest_mouse(editor)


def _edit(editor: Workbench) -> None:
    """The review of an edit by instruction."""
    editor.open_file("shelf/fines.py")
    editor.wait_for_status("^Sparrow: ready")
    editor.wait_for_index("6 files")
    editor.press("Control+End")
    editor.press("Control+i")
    expect(editor.page.locator(".quick-input-widget input[type=text]")).to_be_focused()
    editor.page.keyboard.type(INSTRUCTION)
    editor.press("Enter")
    title = editor.page.locator(".tab.active").filter(has_text="Sparrow's Edit")
    expect(title).to_be_visible()
    expect(editor.page.locator(".monaco-diff-editor .monaco-editor.focused")).to_be_visible()
    _rest_mouse(editor)


_SCENES: dict[str, Callable[[Workbench], None]] = {
    "ghost-text": _complete,
    "chat": _chat,
    "refactor": _refactor,
    "edit": _edit,
}


def _say(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    sys.exit(main())
