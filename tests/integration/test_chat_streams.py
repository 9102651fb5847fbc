"""Chats with a server on a real socket that streams as badly as servers do."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from .chat_session import ChatSession, chat_place, chatting
from .place import Place
from .played_server import Exchange, PlayedServer, events, models, playing, said

Route = Callable[[Exchange], Awaitable[None]]
CALL = '<tool_call>{"name": "read", "arguments": {"path": "fees.py"}}</tool_call>'


@pytest.fixture
def where() -> Iterator[Place]:
    with chat_place({"fees.py": "FEE = 20\n"}) as made:
        yield made


class Played:
    """A server whose answers a test sets, and the bodies of what it was asked in a chat."""

    def __init__(self) -> None:
        self.answers: list[Route] = []
        self.asked: list[Any] = []
        self.refuses_tools = False

    async def chat(self, exchange: Exchange) -> None:
        messages = exchange.body["messages"]
        if messages[0]["role"] != "system" or "Sparrow" not in str(messages[0]["content"]):
            await answer("Yes.")(exchange)  # asked while it is loaded, whether it chats
            return
        self.asked.append(exchange.body)
        if self.refuses_tools and "tools" in exchange.body:
            await exchange.send_json({"error": {"message": "m does not support tools"}}, 400)
            return
        await self.answers.pop(0)(exchange)

    def routes(self) -> dict[str, Route]:
        return {
            "/v1/models": models({"id": "m", "max_model_len": 32768}),
            "/v1/completions": events(said("1", "stop"), "[DONE]"),
            "/v1/chat/completions": self.chat,
        }


def piece(**delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


END = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def answer(*texts: str) -> Route:
    return events(*(piece(content=text) for text in texts), END, "[DONE]")


def byte_by_byte(text: str) -> Route:
    async def stream(exchange: Exchange) -> None:
        await exchange.start_stream()
        data = "".join(
            f"data: {json.dumps(it, ensure_ascii=False)}\n\n"
            for it in (*(piece(content=letter) for letter in text), END)
        )
        for at in range(len(data.encode())):
            await exchange.send_chunk(data.encode()[at : at + 1])
        await exchange.send_event("[DONE]")
        await exchange.end_stream()

    return stream


def settings(server: PlayedServer) -> dict[str, Any]:
    return {
        "completion": {"model": "suffix"},
        "chat": {"model": f"openai:{server.url}", "engineArgs": {"fim_order": "psm"}},
    }


async def asked(chat: ChatSession, conversation: str | None = None) -> tuple[str, dict[str, Any]]:
    sent = await chat.answered("why?", conversation)
    opened = await chat.ask("open", id=sent["id"])
    return sent["id"], opened["transcript"][-1]


async def test_hostile_streams_end_well(where: Place) -> None:
    played = Played()
    async with playing(played.routes()) as server, chatting(where, settings(server)) as chat:
        # Bytes, characters and tags are split wherever they can be.
        played.answers = [byte_by_byte("<think>größe?</think>Die Größe 🐦.")]
        _, said_last = await asked(chat)
        assert (said_last["thinking"], said_last["text"]) == ("größe?", "Die Größe 🐦.")

        # A call within thinking is a call; what cannot be read is answered with what is wrong.
        played.answers = [
            answer(f"<think>I look. {CALL[:20]}", f"{CALL[20:]}</think>"),
            answer('<tool_call>{"name": "read", "arguments": {"pa', "</tool_call>"),
            answer("It is 20."),
        ]
        name, said_last = await asked(chat)
        assert said_last["text"].strip() == "It is 20."
        assert said_last["thinking"].strip() == "I look."
        assert [it["state"] for it in said_last["steps"]] == ["done", "failed"]
        after_call, mended = played.asked[-2]["messages"], played.asked[-1]["messages"]
        assert "FEE = 20" in after_call[-1]["content"]
        assert mended[-1]["role"] == "user"
        assert "The tool call was not run" in mended[-1]["content"]
        assert mended[: len(after_call)] == after_call

        # An error and a broken connection in the middle are said in place, and what came stays.
        played.answers = [events(piece(content="Half"), {"error": {"message": "out of memory"}})]
        _, said_last = await asked(chat, name)
        assert (said_last["state"], said_last["text"]) == ("failed", "Half")
        assert "out of memory" in said_last["error"]

        async def cut(exchange: Exchange) -> None:
            await exchange.start_stream()
            await exchange.send_event(piece(content="Half"))
            exchange.writer.close()

        played.answers = [cut]
        _, said_last = await asked(chat, name)
        assert (said_last["state"], said_last["text"]) == ("failed", "Half")
        assert said_last["error"]

        # One that stalls is stopped, which closes the connection.
        closed: list[bool] = []

        async def stall(exchange: Exchange) -> None:
            await exchange.start_stream()
            await exchange.send_event(piece(content="Well"))
            await exchange.peer_closes()
            closed.append(True)
            chat.server.said.changed.set()

        played.answers = [stall]
        sent = await chat.send("why?", name)
        await chat.server.until(lambda: chat.text(sent["answerId"]) == "Well")
        await chat.ask("stop", id=name)
        assert (await chat.done(sent["answerId"]))["state"] == "stopped"
        await chat.server.until(lambda: closed == [True])

        # And the conversation goes on.
        played.answers = [answer("At last.")]
        _, said_last = await asked(chat, name)
        assert said_last["text"] == "At last."


async def test_a_model_that_takes_no_tools_is_asked_without(where: Place) -> None:
    played = Played()
    played.refuses_tools = True
    async with playing(played.routes()) as server, chatting(where, settings(server)) as chat:
        for turn in range(2):
            played.answers = [answer("Yes.")]
            _, said_last = await asked(chat)
            assert (said_last["state"], said_last["text"]) == ("done", "Yes.")
            assert len(played.asked) == turn + 2  # it is found out once
            assert [it["role"] for it in played.asked[-1]["messages"]] == ["system", "user"]
