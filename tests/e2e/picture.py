"""Takes the README's pictures in a real editor, on the demo's sample workspace.

`python -m tests.e2e.picture ghost-text [--vsix dist/sparrow.vsix]` writes
`extension/media/ghost-text.png`; the others are `chat`, `refactor`, `edit`, `fix` and `statistics`. It
fails where the editor does not come to show what the picture is of. What a model says in them a script
gives, since no model says the same twice, and what the statistics count is made up; ghost text is wren's
own, and so is the fix.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import click
from playwright.sync_api import ViewportSize, expect

from lsp_server.statistics.store import StatisticsFile
from lsp_server.statistics.tally import Count, Key, Tally, bucket_of
from lsp_server.user_folders import DATA_DIR_VARIABLE, statistics_path

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

COUNTED_DAYS = 30
WEEKEND = (5, 6)
LANGUAGES = {"python": 1.0, "typescript": 0.4, "markdown": 0.1}
TIMES_MS = {3: 1.0, 6: 0.5, 12: 0.8, 24: 1.2, 34: 1.0, 48: 0.7, 68: 0.4, 96: 0.2, 192: 0.05}
"""Of which the picture of statistics tells, and how much of each."""

SETTINGS = {
    "editor.cursorBlinking": "solid",
    "editor.minimap.enabled": False,
    "window.menuBarVisibility": "hidden",
    "workbench.colorTheme": "Default Dark Modern",
}
WITHOUT_WHAT_THE_BROWSER_ADDS = """
[id="status.workbench.keyboardLayout"], [id="status.forwardedPorts"],
.part.panel .composite-bar .badge { display: none !important }
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
        data = Path(scratch) / "data"
        if scene == "statistics":
            _count(StatisticsFile(data / statistics_path().name))
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
        environment = {**home.private_folders(), DATA_DIR_VARIABLE: str(data)}
        with serve(build, home, environment=environment) as address:
            page = browser.new_page(viewport=WINDOW, device_scale_factor=PIXELS_PER_POINT)
            editor = Workbench(page, home, workspace, Path(scratch))
            editor.go_to(workspace_address(address, workspace))
            _SCENES[scene](editor)
            page.screenshot(path=picture, style=WITHOUT_WHAT_THE_BROWSER_ADDS, caret="initial")
            page.close()


def _rest_mouse(editor: Workbench) -> None:
    """Move it where no hint is shown, once all that the extension brings is on the screen."""
    expect(editor.page.locator(".activitybar [aria-label^='Sparrow']").first).to_be_visible()
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


def _fix(editor: Workbench) -> None:
    """The review of a fix that was found without a model that chats."""
    editor.open_file("test_fines.py")
    editor.wait_for_status("^Sparrow: ready")
    editor.wait_for_index("6 files")
    editor.run_command("Sparrow: Fix Issue…")
    issue = editor.page.locator(".quick-input-widget:visible input[type=text]")
    expect(issue).to_be_focused()
    issue.press("Enter")
    consent = editor.page.locator(".monaco-dialog-box")
    consent.get_by_role("button", name="Run Tests").click()
    apply = editor.page.get_by_role("button", name=re.compile("^Apply"))
    expect(apply).to_be_visible(timeout=2 * TIMEOUT_MS)
    expect(editor.webview()).to_contain_text("Verified")
    _rest_mouse(editor)


def _count(file: StatisticsFile) -> None:
    """Writes counts of some weeks."""
    tallies = {}
    today = datetime.now().astimezone().date()
    for age in range(COUNTED_DAYS):
        day = today - timedelta(days=age)
        if day.weekday() in WEEKEND:
            continue
        for language, share in LANGUAGES.items():
            shown = round(share * (90 + 37 * age % 80))
            accepted = shown * (26 + 7 * age % 11) // 100
            characters = accepted * 23
            tallies[Key(day.isoformat(), language, "wren")] = Tally(
                Counter(
                    {
                        Count.REQUESTS: 9 * shown,
                        Count.RETURNED: 4 * shown,
                        Count.SHOWN: shown,
                        Count.ACCEPTED: accepted,
                        Count.ACCEPTED_WHOLE: accepted * 4 // 5,
                        Count.ACCEPTS: accepted * 6 // 5,
                        Count.ACCEPTED_CHARACTERS: characters,
                        Count.SERVED_AGAIN: 3 * shown,
                        Count.TOKENS: 3 * characters,
                        Count.LOOKED_FOR_30_S: characters,
                        Count.KEPT_30_S: characters * 93 // 100,
                        Count.LOOKED_FOR_5_MIN: characters,
                        Count.KEPT_5_MIN: characters * 86 // 100,
                    }
                ),
                Counter({bucket_of(ms): round(share * shown) for ms, share in TIMES_MS.items()}),
            )
    file.add(tallies)


def _statistics(editor: Workbench) -> None:
    editor.wait_for_status("^Sparrow: ready")
    editor.run_command("Sparrow: Show Statistics")
    expect(editor.webview()).to_contain_text("By day")
    editor.run_command("View: Close Primary Side Bar")
    _rest_mouse(editor)


_SCENES: dict[str, Callable[[Workbench], None]] = {
    "ghost-text": _complete,
    "chat": _chat,
    "refactor": _refactor,
    "edit": _edit,
    "fix": _fix,
    "statistics": _statistics,
}


def _say(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    sys.exit(main())
