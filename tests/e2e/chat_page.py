"""The chat's page in a browser without an editor around it: what extension/test/harness stands in for.

The page, its script and its style are those that the extension ships. A request that leaves the page
for anything else is refused and written down.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, Route, ViewportSize

EXTENSION = Path(__file__).parents[2] / "extension"
BUILT = EXTENSION / "dist" / "harness"
ORIGIN = "http://chat.test"
TYPES = {".css": "text/css", ".js": "text/javascript"}

Part = dict[str, Any]
DONE: Part = {"kind": "done", "state": "done", "error": "", "hint": ""}
PARAGRAPH = "The fee of a member is what the days make of it. " * 6 + "See `src/fees.py:12`.\n\n"
FRAMES = "for (let i = 0; i < 20; i++) await new Promise(requestAnimationFrame);"


def build_harness() -> str:
    """Bundle the page and the harness; returns the page's HTML.

    Raises CalledProcessError where the bundler fails, which says why on standard error.
    """
    subprocess.run(["node", "esbuild.mjs", "--harness"], cwd=EXTENSION, check=True)
    made = subprocess.run(
        ["node", BUILT / "page.js", ORIGIN], capture_output=True, text=True, check=True
    )
    return made.stdout


@dataclass(frozen=True, slots=True)
class ChatPage:
    """An open page, the requests that it made of the network, and what it complained of."""

    page: Page
    loaded: list[str]
    complaints: list[str]

    def run(self, script: str, argument: object = None) -> Any:
        """Evaluate an expression or a function, in which `harness` stands for the harness."""
        return self.page.evaluate(script, argument)

    def asked(self, method: str) -> list[dict[str, Any]]:
        """The parameters of all requests of a method so far."""
        script = "(method) => harness.asked.filter((it) => it.method === method)"
        return [it["params"] for it in self.run(script, method)]

    def answer_with(self, *parts: Part) -> None:
        """What the next question or regeneration is answered with."""
        self.run("(parts) => { harness.next = parts; }", list(parts))

    def emit(self, *parts: Part, chat: str | None = None) -> None:
        """Send events of the last answer of a conversation, or of the one on the screen."""
        identifier = chat or self.asked("showing")[-1]["id"]
        self.run("([id, parts]) => harness.emit(id, ...parts)", [identifier, list(parts)])

    @property
    def question(self) -> Locator:
        """The box that questions are written in."""
        return self.page.get_by_label("Question", exact=True)

    def ask(self, text: str) -> None:
        """Write a question and send it by Enter."""
        self.question.fill(text)
        self.question.press("Enter")

    @property
    def answer(self) -> Locator:
        """The last answer."""
        return self.page.locator(".message.assistant").last


OpenChat = Callable[[int], ChatPage]  # takes the page's width


@contextmanager
def open_chat_page(
    browser: Browser, html: str, width: int, height: int = 800
) -> Iterator[ChatPage]:
    """Open the page in a window of its own."""
    loaded: list[str] = []
    complaints: list[str] = []

    def serve(route: Route) -> None:
        url = route.request.url
        loaded.append(url)
        name = url.removeprefix(f"{ORIGIN}/")
        if name == "":
            route.fulfill(body=html, content_type="text/html")
        elif name in ("chat.js", "chat.css"):
            route.fulfill(body=(BUILT / name).read_text(), content_type=TYPES[Path(name).suffix])
        else:
            route.abort()

    context = browser.new_context(viewport=ViewportSize(width=width, height=height))
    try:
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.route("**/*", serve)
        page.add_init_script(path=BUILT / "harness.js")
        page.goto(f"{ORIGIN}/")
        yield ChatPage(page, loaded, complaints)
    finally:
        context.close()


def chat_of(
    identifier: str, answers: Sequence[str], *, state: str = "done", title: str = "A chat"
) -> dict[str, Any]:
    """A conversation with these answers, of which the last has the state."""
    transcript = []
    for number, text in enumerate(answers):
        is_last = number == len(answers) - 1
        transcript += [
            _message(f"{identifier}-q{number}", "user", f"Question {number}", "done"),
            _message(f"{identifier}-a{number}", "assistant", text, state if is_last else "done"),
        ]
    return {
        "id": identifier,
        "title": title,
        "updatedAt": 1_700_000_000_000,
        "messages": len(transcript),
        "isRunning": state == "streaming",
        "transcript": transcript,
    }


def _message(identifier: str, role: str, text: str, state: str) -> dict[str, Any]:
    nothing: dict[str, Any] = {name: [] for name in ("mentions", "context", "steps", "found")}
    return {
        "id": identifier,
        "role": role,
        "text": text,
        "thinking": "",
        **nothing,
        "usage": None,
        "state": state,
        "error": "",
        "hint": "",
        "seq": 0,
    }
