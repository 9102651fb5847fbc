"""How long the tasks of a page's thread are, by the browser's own trace."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page


class RunningTasks:
    """The tasks of the page's thread from now on, by the browser's own trace.

    Their times are those on the processor, since what else the machine does is not the page's.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self._events: list[dict[str, Any]] = []
        self._is_complete = False
        self._session = page.context.new_cdp_session(page)
        self._session.on("Tracing.dataCollected", lambda it: self._events.extend(it["value"]))
        self._session.on("Tracing.tracingComplete", lambda _: self._complete())
        categories = ["disabled-by-default-devtools.timeline", "__metadata"]
        self._session.send("Tracing.start", {"traceConfig": {"includedCategories": categories}})

    def longest_ms(self) -> float:
        """End the trace; returns the time of the longest task."""
        self._session.send("Tracing.end")
        while not self._is_complete:
            self._page.wait_for_timeout(20)  # lets the events in
        threads = {
            (it["pid"], it["tid"])
            for it in self._events
            if it["name"] == "thread_name" and it["args"]["name"] == "CrRendererMain"
        }
        tasks = [
            it["tdur"] / 1000
            for it in self._events
            if it["name"] == "RunTask" and (it["pid"], it["tid"]) in threads and "tdur" in it
        ]
        assert len(tasks) > 10
        return float(max(tasks))

    def _complete(self) -> None:
        self._is_complete = True
