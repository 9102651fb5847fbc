"""Tells the editor how the models are: each change at once, and a long load as progress.

Each distinct model is told by itself, with the roles that it serves, so that one that fails hides
nothing of the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from inference.client import ClientState, ClientStatus
from lsp_server.protocol import ModelRole, StatusParams

# Loads that are over sooner are not worth a progress bar.
PROGRESS_AFTER_S = 0.5

Roles = tuple[ModelRole, ...]


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
        self._statuses: dict[Roles, ClientStatus] = {}
        self._loads: dict[Roles, _Load] = {}

    def on_status(self, roles: Roles, status: ClientStatus) -> None:
        """The model that serves these roles, and from now on no other does."""
        for replaced in [it for it in self._statuses if it != roles and set(it) & set(roles)]:
            del self._statuses[replaced]
            self._end_load(replaced, f"{status.model} takes its place")
        self._statuses[roles] = status
        self._notify(as_params(roles, status))
        if status.state is ClientState.ERROR:
            self._log(status.message if "completion" in roles else f"chat: {status.message}")
        if status.state is not ClientState.LOADING:
            self._end_load(roles, status.message or status.state)
        elif roles in self._loads:
            self._loads[roles].report(status)
        else:
            self._loads[roles] = _Load(self._new_progress, status)

    def repeat(self) -> None:
        """Sends the states again, for an editor that was not listening yet."""
        for roles, status in self._statuses.items():
            self._notify(as_params(roles, status))

    def _end_load(self, roles: Roles, message: str) -> None:
        if load := self._loads.pop(roles, None):
            load.end(message)


class _Load:
    """A model that loads; where that takes long, a progress bar shows it."""

    def __init__(self, new_progress: Callable[[], Progress | None], status: ClientStatus) -> None:
        self._new_progress = new_progress
        self._progress: Progress | None = None
        self._status = status
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(PROGRESS_AFTER_S, self._begin)

    def report(self, status: ClientStatus) -> None:
        self._status = status
        if self._progress is not None:
            self._progress.report(status.message, _percentage(status))

    def end(self, message: str) -> None:
        self._timer.cancel()
        if self._progress is not None:
            self._progress.end(message)

    def _begin(self) -> None:
        self._progress = self._new_progress()
        if self._progress is not None:
            self._progress.begin(f"Sparrow: loading {self._status.model}")
            self.report(self._status)


def as_params(roles: Roles, status: ClientStatus) -> StatusParams:
    return StatusParams(
        roles=list(roles),
        state=status.state.value,
        engine=status.engine,
        model=status.model,
        message=status.message,
        progress=status.progress,
    )


def _percentage(status: ClientStatus) -> int | None:
    return None if status.progress is None else round(status.progress * 100)
