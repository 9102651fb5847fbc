"""A chat over a real server's protocol: asks, and collects the events of each answer."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from lsp_server.user_folders import CONFIG_DIR_VARIABLE, DATA_DIR_VARIABLE

from .live_index import wait_for_no_processes
from .lsp_session import Server, serving
from .place import Place, place


class ChatSession:
    def __init__(self, server: Server) -> None:
        self.server = server
        self.events: list[dict[str, Any]] = []
        self.states: list[dict[str, Any]] = []

        def took_event(params: Any) -> None:
            self.events.append(plain(params))
            server.said.changed.set()

        def took_state(params: Any) -> None:
            self.states.append(plain(params))
            server.said.changed.set()

        server.client.feature("sparrow/chat/event")(took_event)
        server.client.feature("sparrow/chat/stateChanged")(took_state)

    async def ask(self, method: str, **params: Any) -> Any:
        return plain(await self.server.request(f"sparrow/chat/{method}", params))

    async def send(self, text: str, conversation: str | None = None, **more: Any) -> dict[str, Any]:
        params: dict[str, Any] = {
            "id": conversation,
            "text": text,
            "mentions": [],
            "without": [],
            "thinking": None,
            "replaces": None,
            "uri": None,
            "selection": None,
        }
        sent: dict[str, Any] = await self.ask("send", **(params | more))
        return sent

    def of(self, answer: str) -> list[dict[str, Any]]:
        """The events of an answer, whose numbers are checked."""
        found = [it for it in self.events if it["answerId"] == answer]
        assert [it["seq"] for it in found] == list(range(len(found)))
        return found

    def text(self, answer: str, kind: str = "text") -> str:
        return "".join(it["text"] for it in self.of(answer) if it["kind"] == kind)

    def only(self, answer: str, kind: str) -> list[dict[str, Any]]:
        return [it for it in self.of(answer) if it["kind"] == kind]

    async def done(self, answer: str) -> dict[str, Any]:
        """The last event of an answer, once it has come."""
        await self.server.until(lambda: self.only(answer, "done") != [])
        (done,) = self.only(answer, "done")
        assert self.of(answer)[-1] == done
        return done

    async def answered(self, text: str, conversation: str | None = None, **more: Any) -> Any:
        """A question's `Sent`, once its answer is there."""
        sent = await self.send(text, conversation, **more)
        await self.done(sent["answerId"])
        return sent


@contextlib.contextmanager
def chat_place(files: Mapping[str, str]) -> Iterator[Place]:
    """A place with these files in its workspace, which its hosts and indexers do not outlive."""
    with place() as made:
        for name, text in files.items():
            (made.folder / name).write_text(text)
        yield made
        made.kill_hosts()
        wait_for_no_processes(made.runtime / "cache")


@contextlib.asynccontextmanager
async def chatting(
    where: Place, settings: Mapping[str, Any], **more: Any
) -> AsyncIterator[ChatSession]:
    environment = where.environment(
        **{
            DATA_DIR_VARIABLE: str(where.runtime / "data"),
            CONFIG_DIR_VARIABLE: str(where.runtime / "config"),
        }
    )
    async with serving(where, settings, environment=environment, **more) as server:
        session = ChatSession(server)
        await server.until(lambda: server.said.is_indexed)
        yield session


def plain(value: Any) -> Any:
    """What a client of pygls makes of JSON, as JSON again."""
    if hasattr(value, "_asdict"):
        return {key: plain(it) for key, it in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [plain(it) for it in value]
    return value
