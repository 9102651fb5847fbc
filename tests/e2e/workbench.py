"""The workbench of one editor as a user sees it: verbs for the keyboard, questions for the eyes.

Verbs return when the workbench shows that they were carried out. Questions about the screen come
in two kinds: `ghost_text()` tells what is there now, `wait_for_...` waits until it is there and
fails with what was there instead. Files are read from the disk, never from the screen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urljoin

from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from .code_server import EditorHome, Process
from .waiting import wait_until

KEY_INTERVAL_MS = 40
GHOST_TEXT = "[class*=ghost-text]"

READ_GHOST_TEXT = """
() => {
  const plain = (text) => text.replaceAll("\\u00a0", " ").replaceAll("\\u200b", "");
  const left = (element) => element.getBoundingClientRect().left;
  const inline = [...document.querySelectorAll(".view-lines [class*=ghost-text-decoration]")];
  inline.sort((one, other) => left(one) - left(other));
  const below = [...document.querySelectorAll(".suggest-preview-text .view-line")];
  const first = inline.map((element) => element.textContent).join("");
  return plain([first, ...below.map((line) => line.textContent)].join("\\n"));
}
"""

RECORD_STATUSES = """
(label) => {
  const seen = (window.sparrowStatuses = []);
  const look = () => {
    const status = document.querySelector(label)?.getAttribute("aria-label");
    if (status && status !== seen.at(-1)) seen.push(status);
  };
  look();
  const options = { subtree: true, childList: true, attributes: true };
  const bar = document.querySelector(".part.statusbar");
  new MutationObserver(look).observe(bar, { ...options, attributeFilter: ["aria-label"] });
}
"""


class Workbench:
    """An open editor window on a workspace folder.

    `windows` holds it and the windows that were opened from it.
    """

    def __init__(self, page: Page, home: EditorHome, workspace: Path, output: Path) -> None:
        self.page = page
        self.home = home
        self.workspace = workspace
        self.windows = [self]
        self._output = output
        self._status = page.locator(".statusbar-item[aria-label^='Sparrow']")

    # Windows

    def go_to(self, address: str) -> None:
        """Show what the editor serves at an address."""
        self.page.goto(address)
        self.page.locator(".monaco-workbench").wait_for()

    def open_window(self, workspace: Path) -> Workbench:
        """Open a workspace in another window of the same editor."""
        window = Workbench(self.page.context.new_page(), self.home, workspace, self._output)
        self.windows.append(window)
        window.go_to(urljoin(self.page.url, f"/?folder={workspace}"))
        return window

    def close(self) -> None:
        """Close this window as a user does; its extensions end a moment later."""
        with self.page.expect_event("close"):
            self.page.close(run_before_unload=True)

    # Files

    def open_file(self, name: str) -> None:
        """Open a file of the workspace by the quick open box, with the caret at its end.

        The box sorts anew while it searches: so the row is chosen by the keyboard, and again where
        another one took its place.
        """
        file = Path(name).name
        tab = self.page.locator(f".tab.active[data-resource-name='{file}']")

        def opened() -> bool:
            self.page.keyboard.press("Control+p")
            box = self.page.locator(".quick-input-widget:visible input[type=text]")
            expect(box).to_be_focused()
            box.fill(name)
            label = self.page.locator(".label-name").filter(
                has_text=re.compile(rf"^{re.escape(file)}$")
            )
            expect(self._choices().filter(has=label).first).to_be_visible()
            focused = self.page.locator(".quick-input-widget:visible .monaco-list-row.focused")
            for _ in range(self._choices().count()):
                if focused.filter(has=label).count():
                    break
                self.page.keyboard.press("ArrowDown")
            self.page.keyboard.press("Enter")
            expect(self._choices()).to_have_count(0)
            try:
                expect(tab).to_be_visible(timeout=10_000)
            except AssertionError:
                return False
            return True

        wait_until(opened, f"{file} in the active tab", 40)
        expect(self.page.locator(".editor-instance .monaco-editor.focused")).to_be_visible()
        self.page.keyboard.press("Control+End")

    def save(self) -> None:
        """Save the open file."""
        self.page.keyboard.press("Control+s")
        expect(self.page.locator(".tab.active.dirty")).to_have_count(0)

    def file_text(self, name: str) -> str:
        """What the disk holds of a file of the workspace."""
        return (self.workspace / name).read_text()

    # Typing and ghost text

    def type_text(self, text: str) -> None:
        """Type at a fast typist's pace; the editor closes brackets and indents as for a user."""
        self.page.keyboard.type(text, delay=KEY_INTERVAL_MS)

    def press(self, key: str) -> None:
        """Press a key or chord, named as Playwright does: Enter, Control+Space."""
        self.page.keyboard.press(key)

    def ghost_text(self) -> str:
        """The ghost text on the screen now; empty if there is none."""
        return str(self.page.evaluate(READ_GHOST_TEXT))

    def wait_for_ghost_text(self, containing: str = "", timeout_s: float = 60) -> str:
        """Wait for ghost text that contains this; returns all of it.

        The editor puts its first line and the others on the screen one after the other, so it
        counts once it was the same at two looks.
        """
        before = ""

        def found() -> str | None:
            nonlocal before
            shown = self.ghost_text()
            is_whole, before = shown == before, shown
            return shown if is_whole and containing in shown else None

        return wait_until(
            found, f"ghost text with {containing!r}", timeout_s, instead=self.ghost_text
        )

    def wait_for_ghost_text_to_be(self, text: str, timeout_s: float = 60) -> str:
        """Wait until all of the ghost text is this."""
        return wait_until(
            lambda: text if self.ghost_text() == text else None,
            f"the ghost text {text!r}",
            timeout_s,
            instead=self.ghost_text,
        )

    def stays_without_ghost_text(self, watched_s: float = 1.5) -> None:
        """Watch for longer than an automatic completion takes, and fail if ghost text comes."""
        with suppress(PlaywrightTimeoutError):
            self.page.wait_for_selector(GHOST_TEXT, timeout=1000 * watched_s)
            raise AssertionError(f"ghost text came: {self.ghost_text()!r}")

    def accept(self) -> None:
        """Take the ghost text."""
        self._answer_ghost_text("Tab")

    def dismiss(self) -> None:
        """Turn the ghost text down."""
        self._answer_ghost_text("Escape")

    def _answer_ghost_text(self, key: str) -> None:
        shown = self.wait_for_ghost_text()
        self.page.keyboard.press(key)
        wait_until(lambda: self.ghost_text() != shown, f"{key} to change the ghost text", 60)

    # Sparrow's place in the status bar

    def status_bar_text(self) -> str:
        """The label of Sparrow's item, as a screen reader says it; empty if there is none."""
        if self._status.count() == 0:
            return ""
        return self._status.first.get_attribute("aria-label") or ""

    def wait_for_status(self, pattern: str, timeout_s: float = 60) -> str:
        """Wait until the label matches a regular expression; returns the label."""

        def found() -> str | None:
            shown = self.status_bar_text()
            return shown if re.search(pattern, shown) else None

        return wait_until(
            found, f"a status like {pattern!r}", timeout_s, instead=self.status_bar_text
        )

    @contextmanager
    def recorded_statuses(self) -> Iterator[list[str]]:
        """Record the labels that come and go meanwhile; the list is filled at the end."""
        labels: list[str] = []
        self.page.evaluate(RECORD_STATUSES, ".statusbar-item[aria-label^='Sparrow']")
        try:
            yield labels
        finally:
            labels.extend(self.page.evaluate("() => window.sparrowStatuses"))

    def open_status_menu(self) -> list[str]:
        """Click Sparrow's item; returns the labels of the menu it opens.

        Clicks again where no menu stays: the item is drawn anew whenever its text changes, and a
        click between takes nothing; a window that loses the focus closes what it had opened.
        """

        def opened() -> bool:
            self._status.first.click()
            try:
                expect(self._choices().first).to_be_visible(timeout=5_000)
            except AssertionError:
                return False
            return True

        wait_until(opened, "Sparrow's menu", 60)
        return [label.strip() for label in self._choices().locator(".label-name").all_inner_texts()]

    def choose(self, label: str) -> None:
        """Choose an entry of the menu that is open."""
        self._choices().filter(has_text=label).first.click()
        expect(self._choices()).to_have_count(0)

    def leave_menu(self) -> None:
        """Close the menu that is open, without a choice."""
        self.page.keyboard.press("Escape")
        expect(self._choices()).to_have_count(0)

    def wait_for_index(self, state: str, timeout_s: float = 60) -> None:
        """Look into Sparrow's menu until it says this of the folder's index."""

        def found() -> bool:
            self.open_status_menu()
            entries = self._choices().all_inner_texts()
            self.leave_menu()
            return any(state in entry for entry in entries)

        wait_until(found, f"an index of {state}", timeout_s)

    # Commands, notifications, output

    def run_command(self, title: str) -> None:
        """Run a command by its title, through the command palette."""
        self.page.keyboard.press("F1")
        self._pick(title, re.compile(rf"^{re.escape(title)}$"))

    def notifications(self) -> list[str]:
        """The messages of the notifications on the screen."""
        return self.page.locator(
            ".notification-toast .notification-list-item-message"
        ).all_inner_texts()

    def notification(self, text: str) -> Locator:
        """The notification whose message contains this text."""
        return self.page.locator(".notification-toast").filter(has_text=text)

    def output_channel_text(self, channel: str) -> str:
        """What an output channel holds, read from the editor's log files."""
        logs = (self.home.user_data / "logs").rglob("*.log")
        found = sorted(
            log for log in logs if re.fullmatch(rf"(\d+-)?{re.escape(channel)}", log.stem)
        )
        return "".join(log.read_text(errors="replace") for log in found)

    def webview(self) -> Locator:
        """The body of the web view that is shown."""
        outer = self.page.frame_locator("iframe.webview.ready")
        return outer.frame_locator("iframe#active-frame").locator("body")

    def pick(self, name: str) -> None:
        """Choose a file of this name in the quick open box."""
        self._pick(name, re.compile(rf"^{re.escape(name)}$"))

    def set_dark_theme(self) -> None:
        """Choose a dark colour theme, as its picker does."""
        self.run_command("Preferences: Color Theme")
        self.pick("Dark Modern")
        expect(self.page.locator(".monaco-workbench.vs-dark")).to_be_visible()

    # The chat

    def open_chat(self) -> Locator:
        """Show the chat with a new conversation; returns the body of its view."""
        self.run_command("Sparrow: New Chat")
        body = self.webview()
        expect(body.get_by_label("Question", exact=True)).to_be_visible()
        return body

    # Processes

    def servers(self) -> list[Process]:
        """The running language servers of this editor."""
        return self._running(("lsp",))

    def inference_hosts(self) -> list[Process]:
        """The running inference hosts of this editor."""
        return self._running(("-m", "inference", "serve"))

    def _running(self, words: Sequence[str]) -> list[Process]:
        return [process for process in self.home.processes() if _contains(process.command, words)]

    # Pictures

    def screenshot(self, name: str) -> Path:
        """Keep a picture of the window in the test's output folder."""
        number = 1 + len(list(self._output.glob("*.png")))
        path = self._output / f"{number:02}-{name}.png"
        self.page.screenshot(path=path, animations="disabled", caret="initial")
        return path

    def _choices(self) -> Locator:
        return self.page.locator(".quick-input-widget:visible .monaco-list-row")

    def _pick(self, typed: str, label: re.Pattern[str]) -> None:
        box = self.page.locator(".quick-input-widget:visible input[type=text]")
        expect(box).to_be_focused()
        box.press_sequentially(typed)
        name = self.page.locator(".label-name").filter(has_text=label)
        choice = self._choices().filter(has=name).first
        choice.click()
        expect(choice).to_have_count(0)


class LaunchEditor(Protocol):
    """Opens a workspace in an editor of its own.

    The settings go over the quiet ones, the environment over that of this process.
    """

    def __call__(
        self,
        workspace: Path,
        settings: Mapping[str, Any] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> Workbench: ...


def _contains(command: Sequence[str], words: Sequence[str]) -> bool:
    starts = range(len(command) - len(words) + 1)
    return any(tuple(command[start : start + len(words)]) == tuple(words) for start in starts)
