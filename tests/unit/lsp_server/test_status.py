"""What the editor is told of the model: each change at once, and long loads as progress."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from inference.client import ClientState, ClientStatus
from lsp_server.features import status
from lsp_server.features.status import Roles, StatusFeature
from lsp_server.protocol import StatusParams

BOTH: Roles = ("completion", "chat")


class Editor:
    """Writes down what it is told; it may have no progress bars."""

    def __init__(self, *, has_progress: bool = True) -> None:
        self.has_progress = has_progress
        self.statuses: list[StatusParams] = []
        self.log: list[str] = []
        self.progress: list[Any] = []
        self.asked_for_progress = asyncio.Event()
        self.feature = StatusFeature(self.statuses.append, self.log.append, self._new_progress)

    def tell(
        self,
        state: ClientState,
        message: str = "",
        progress: float | None = None,
        *,
        roles: Roles = BOTH,
        model: str = "suffix",
    ) -> None:
        self.feature.on_status(roles, ClientStatus(state, model, model, message, progress))

    def _new_progress(self) -> status.Progress | None:
        self.asked_for_progress.set()
        return self if self.has_progress else None

    def begin(self, title: str) -> None:
        self.progress.append(("begin", title))

    def report(self, message: str, percentage: int | None) -> None:
        self.progress.append((message, percentage))

    def end(self, message: str) -> None:
        self.progress.append(("end", message))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A load counts as long as soon as the loop has turned."""
    monkeypatch.setattr(status, "PROGRESS_AFTER_S", 0.0)


async def timers_have_run() -> None:
    turned = asyncio.Event()
    asyncio.get_running_loop().call_later(0.0, turned.set)
    await turned.wait()


def test_each_change_is_told_at_once() -> None:
    async def run() -> None:
        editor = Editor()
        editor.tell(ClientState.STARTING, "starting")
        editor.tell(ClientState.LOADING, "reading", 0.25)
        editor.tell(ClientState.READY)
        assert editor.statuses == [
            {
                "roles": ["completion", "chat"],
                "engine": "suffix",
                "model": "suffix",
                "state": state,
                "message": said,
                "progress": at,
            }
            for state, said, at in [
                ("starting", "starting", None),
                ("loading", "reading", 0.25),
                ("ready", "", None),
            ]
        ]
        assert editor.log == []

    asyncio.run(run())


def test_the_state_is_repeated_for_an_editor_that_was_not_listening() -> None:
    editor = Editor()
    editor.feature.repeat()
    assert editor.statuses == []
    editor.tell(ClientState.READY)
    editor.feature.repeat()
    assert [it["state"] for it in editor.statuses] == ["ready", "ready"]
    assert editor.progress == []


def test_an_error_is_logged() -> None:
    editor = Editor()
    editor.tell(ClientState.ERROR, "the engine died")
    assert editor.log == ["the engine died"]
    editor.feature.repeat()
    assert editor.log == ["the engine died"]


def test_a_long_load_shows_progress() -> None:
    async def run() -> None:
        editor = Editor()
        editor.tell(ClientState.LOADING, "reading", 0.0)
        assert editor.progress == []
        await editor.asked_for_progress.wait()
        editor.tell(ClientState.LOADING, "reading", 0.504)
        editor.tell(ClientState.LOADING, "warming up", None)
        editor.tell(ClientState.READY)
        assert editor.progress == [
            ("begin", "Sparrow: loading suffix"),
            ("reading", 0),
            ("reading", 50),
            ("warming up", None),
            ("end", "ready"),
        ]

    asyncio.run(run())


@pytest.mark.parametrize("state", [ClientState.READY, ClientState.ERROR, ClientState.STARTING])
def test_a_short_load_shows_none(state: ClientState) -> None:
    async def run() -> None:
        editor = Editor()
        editor.tell(ClientState.LOADING, "reading", 0.0)
        editor.tell(state)
        await timers_have_run()
        assert editor.progress == []

    asyncio.run(run())


def test_progress_ends_with_what_went_wrong() -> None:
    async def run() -> None:
        editor = Editor()
        editor.tell(ClientState.LOADING)
        await editor.asked_for_progress.wait()
        editor.tell(ClientState.ERROR, "no memory")
        assert editor.progress[-1] == ("end", "no memory")

    asyncio.run(run())


def test_a_second_load_shows_progress_again() -> None:
    async def run() -> None:
        editor = Editor()
        for _ in range(2):
            editor.asked_for_progress.clear()
            editor.tell(ClientState.LOADING)
            await editor.asked_for_progress.wait()
            editor.tell(ClientState.READY)
        kinds = [kind for kind, _ in editor.progress]
        assert kinds == ["begin", "", "end"] * 2

    asyncio.run(run())


def test_an_editor_without_progress_bars_is_asked_for_none_again() -> None:
    async def run() -> None:
        editor = Editor(has_progress=False)
        editor.tell(ClientState.LOADING, "reading", 0.1)
        await editor.asked_for_progress.wait()
        editor.asked_for_progress.clear()
        editor.tell(ClientState.LOADING, "reading", 0.2)
        await timers_have_run()
        assert not editor.asked_for_progress.is_set()
        editor.tell(ClientState.READY)
        assert editor.progress == []
        assert len(editor.statuses) == 3

    asyncio.run(run())


def test_each_model_is_repeated_with_its_roles() -> None:
    editor = Editor()
    editor.tell(ClientState.READY, roles=("completion",), model="small")
    editor.tell(ClientState.ERROR, "no memory", roles=("chat",), model="large")
    assert editor.log == ["chat: no memory"]
    editor.statuses.clear()
    editor.feature.repeat()
    told = [(it["roles"], it["model"], it["state"]) for it in editor.statuses]
    assert told == [(["completion"], "small", "ready"), (["chat"], "large", "error")]


def test_a_model_that_lost_its_roles_is_told_no_more() -> None:
    async def run() -> None:
        editor = Editor()
        editor.tell(ClientState.READY, roles=("completion",), model="small")
        editor.tell(ClientState.LOADING, roles=("chat",), model="large")
        await editor.asked_for_progress.wait()
        editor.tell(ClientState.READY, roles=BOTH, model="small")
        assert editor.progress[-1] == ("end", "small takes its place")
        editor.statuses.clear()
        editor.feature.repeat()
        assert [it["model"] for it in editor.statuses] == ["small"]

    asyncio.run(run())


def test_two_loads_have_a_progress_bar_each() -> None:
    async def run() -> None:
        editor = Editor()
        models: dict[Roles, str] = {("completion",): "small", ("chat",): "large"}
        for roles, model in models.items():
            editor.asked_for_progress.clear()
            editor.tell(ClientState.LOADING, roles=roles, model=model)
            await editor.asked_for_progress.wait()
        editor.tell(ClientState.READY, roles=("completion",), model="small")
        editor.tell(ClientState.LOADING, "weights", 0.5, roles=("chat",), model="large")
        assert editor.progress == [
            ("begin", "Sparrow: loading small"),
            ("", None),
            ("begin", "Sparrow: loading large"),
            ("", None),
            ("end", "ready"),
            ("weights", 50),
        ]

    asyncio.run(run())
