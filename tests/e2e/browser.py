"""The browser that shows the editor: the one of the system, without a window."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class BrowserMissing(Exception):
    """This machine has none of the browsers; says what to install."""


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Run a browser; meanwhile its driver occupies the thread's event loop."""
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        raise BrowserMissing("no browser found; install: sudo apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield browser
        browser.close()
