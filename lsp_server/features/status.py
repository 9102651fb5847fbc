"""Tells the editor how the model is: each change at once, and a long load as progress."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from inference.client import ClientState, ClientStatus
from lsp_server.protocol import StatusParams

logger = logging.getLogger(__name__)

# Loads that are over sooner are not worth a progress bar.
PROGRESS_AFTER_S = 0.5


class Progress(Protocol):
    """A progress bar in the editor."""

    def begin(self, title: str) -> None: ...
    def report(self, message: str, percentage: int | None) -> None: ...
    def end(self, message: str) -> None: ...


class StatusFeature:
    """`notify` sends `sparrow/status`, `log` a line for the editor's log."""

    def __init__(
        self,
        notify: Callable[[StatusParams], None],
        log: Callable[[str], None],
        new_progress: Callable[[], Progress | None],
    ) -> None:
        self._notify = notify
        self._log = log
        self._new_progress = new_progress
        self._progress: Progress | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._status: ClientStatus | None = None

    def on_status(self, status: ClientStatus) -> None:
        self._status = status
        self._notify(as_params(status))
        if status.state is ClientState.ERROR:
            self._log(status.message)
        if status.state is ClientState.LOADING:
            if self._progress is not None:
                self._progress.report(status.message, _percentage(status))
            elif self._timer is None:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(PROGRESS_AFTER_S, self._begin_progress)
        else:
            self._end_progress(status)

    def repeat(self) -> None:
        """Sends the state again, for an editor that was not listening yet."""
        if self._status is not None:
            self._notify(as_params(self._status))

    def _begin_progress(self) -> None:
        status = self._status
        self._progress = self._new_progress()
        if self._progress is not None and status is not None:
            self._progress.begin(f"Sparrow: loading {status.model}")
            self._progress.report(status.message, _percentage(status))

    def _end_progress(self, status: ClientStatus) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._progress is not None:
            self._progress.end(status.message or status.state)
            self._progress = None


def as_params(status: ClientStatus) -> StatusParams:
    return StatusParams(
        state=status.state.value,
        engine=status.engine,
        model=status.model,
        message=status.message,
        progress=status.progress,
    )


def _percentage(status: ClientStatus) -> int | None:
    return None if status.progress is None else round(status.progress * 100)
