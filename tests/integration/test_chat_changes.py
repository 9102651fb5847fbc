"""A question is never lost: what becomes of it where the model or the server changes under it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from .chat_session import chat_place, chatting
from .place import Place

OLD = {"when": {"message_ends_with": "why?"}, "reply": ["The old one."]}
NEW = {"when": {"message_ends_with": "why?"}, "reply": ["The new one."]}
HANGS = {"when": {"message_ends_with": "why?"}, "reply": ["Well, "], "then": "hang"}


@pytest.fixture
def where() -> Iterator[Place]:
    with chat_place({"fees.py": "FEE = 20\n"}) as made:
        yield made


def settings(model: str) -> dict[str, Any]:
    return {"completion": {"model": "suffix"}, "chat": {"model": model}}


async def test_a_question_that_waits_for_a_model_is_answered_by_its_successor(
    where: Place,
) -> None:
    loads = where.script(OLD, load_seconds=300)
    async with chatting(where, settings(loads)) as chat:
        sent = await chat.send("why?")
        await chat.server.until(lambda: chat.server.said.states[-1:] == ["loading"])
        chat.server.tell({"sparrow": settings(where.script(NEW))})
        assert (await chat.done(sent["answerId"]))["state"] == "done"
        assert chat.text(sent["answerId"]) == "The new one."


async def test_an_answer_that_its_model_cannot_end_is_kept_and_can_be_had_anew(
    where: Place,
) -> None:
    async with chatting(where, settings(where.script(HANGS))) as chat:
        sent = await chat.send("why?")
        await chat.server.until(lambda: chat.text(sent["answerId"]) == "Well, ")
        chat.server.tell({"sparrow": settings(where.script(NEW))})
        done = await chat.done(sent["answerId"])
        assert (done["state"], done["error"], done["hint"]) == (
            *("failed", "the model was changed while it answered"),
            "Ask again.",
        )
        opened = (await chat.ask("open", id=sent["id"]))["transcript"]
        assert [it["text"] for it in opened] == ["why?", "Well, "]
        again = await chat.ask("regenerate", id=sent["id"])
        await chat.done(again["answerId"])
        assert chat.text(again["answerId"]) == "The new one."


async def test_a_question_is_listed_as_soon_as_it_is_sent(where: Place) -> None:
    async with chatting(where, settings(where.script(HANGS))) as chat:
        sending, listing = chat.send("why?"), chat.ask("list")
        sent, listed = await asyncio.gather(sending, listing)
        (found,) = listed["conversations"]
        assert (found["id"], found["title"], found["isRunning"]) == (sent["id"], "why?", True)
        assert len((await chat.ask("list"))["conversations"]) == 1


async def test_a_question_that_was_sent_outlives_the_server(where: Place) -> None:
    async with chatting(where, settings(where.script(OLD))) as chat:
        sent = await chat.send("why?")
        chat.server.process.send_signal(signal.SIGKILL)
        await chat.server.ended()
    async with chatting(where, settings(where.script(NEW))) as chat:
        opened = (await chat.ask("open", id=sent["id"]))["transcript"]
        assert opened[0]["text"] == "why?"
        assert (opened[1]["state"], opened[1]["hint"]) == ("stopped", "Ask again.")
        again = await chat.ask("regenerate", id=sent["id"])
        await chat.done(again["answerId"])
        assert chat.text(again["answerId"]) == "The new one."
