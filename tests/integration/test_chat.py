"""The chat through a real server, with a model that is played by a script."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from pygls.exceptions import JsonRpcException

from inference.client import InferenceClient

from .chat_session import chatting, plain
from .chat_shop import ANSWERS, FEES, all_bytes, file, settings, shop, uri
from .place import Place

EDIT = (
    "fees.py\n<<<<<<< SEARCH\n    return days * 20\n=======\n    return days * 25\n>>>>>>> REPLACE"
)
AGAIN = {"when": {"message_ends_with": "and then?"}, "reply": ["Then 🐦 ", "that."]}
HANGS = {"when": {"message_ends_with": "wait"}, "reply": ["Well, "], "then": "hang"}
DIES = {"when": {"message_ends_with": "die"}, "reply": ["Well, "], "then": "die"}
LOOKS = {
    "when": {"message_ends_with": "look"},
    "reply": ["I look. "],
    "call": [
        {"name": "read", "arguments": {"path": "fees.py"}},
        {"name": "read", "arguments": {"path": ".env"}},
        {"name": "read", "arguments": {"path": "../secret.txt"}},
        {"name": "run", "arguments": {"command": "rm -rf /"}},
        {"name": "read", "arguments": {"file": 1}},
    ],
}
LOOKED = {
    "when": {"message_ends_with": "has no parameter 'file'; it has path, start_line, end_line"},
    "reply": ["Seen."],
}
EDITS = {"when": {"message_ends_with": "edit"}, "reply": [f"So:\n\n```\n{EDIT}\n```\n"]}
LONG = {"when": {"message_ends_with": "long"}, "reply": ["word "] * 20_000}


@pytest.fixture
def where() -> Iterator[Place]:
    with shop() as made:
        yield made


async def test_a_question_is_answered_and_kept(where: Place) -> None:
    async with chatting(where, settings(where, ANSWERS, AGAIN)) as chat:
        sent = await chat.answered("why?", mentions=[file(where, "fees.py")])
        name, answer = sent["id"], sent["answerId"]
        assert chat.text(answer) == "Because."
        assert chat.text(answer, "thinking") == "Hm. "
        assert chat.only(answer, "title")[0]["title"] == "why?"
        (context,) = chat.only(answer, "context")
        (chip,) = context["context"]
        assert (chip["label"], chip["isAutomatic"], chip["isTrimmed"]) == ("fees.py", False, False)
        assert chip["tokens"] > 20
        usage = chat.only(answer, "usage")[-1]["usage"]
        assert usage["generatedTokens"] == 3
        assert 0 < usage["firstTokenMs"] <= usage["totalMs"]

        more = await chat.answered("and then?", name)
        assert chat.text(more["answerId"]) == "Then 🐦 that."
        assert chat.only(more["answerId"], "title") == []
        found = (await chat.ask("list"))["conversations"]
        assert [(it["id"], it["title"], it["messages"], it["isRunning"]) for it in found] == [
            (name, "why?", 4, False)
        ]
        opened = await chat.ask("open", id=name)
        assert [it["role"] for it in opened["transcript"]] == ["user", "assistant"] * 2
        assert opened["transcript"][1]["context"] == context["context"]

        await chat.ask("rename", id=name, title="Fees\nand more")
        assert (await chat.ask("open", id=name))["title"] == "Fees"
    async with chatting(where, settings(where, ANSWERS, AGAIN)) as chat:  # another window, later
        opened = await chat.ask("open", id=name)
        assert [it["text"] for it in opened["transcript"]] == [
            *("why?", "Because.", "and then?", "Then 🐦 that.")
        ]
        again = await chat.answered("and then?", name)
        assert chat.text(again["answerId"]) == "Then 🐦 that."
        markdown = (await chat.ask("export", id=name))["markdown"]
        assert markdown.startswith("# Fees\n")
        assert "*About `fees.py`*" in markdown
        await chat.ask("delete", id=name)
        assert (await chat.ask("list"))["conversations"] == []
        with pytest.raises(JsonRpcException, match=r"not there any more. Begin a new one"):
            await chat.ask("open", id=name)


async def test_several_conversations_at_once_and_stopping_one(
    where: Place, eventually: Callable[..., Awaitable[None]]
) -> None:
    async with chatting(where, settings(where, HANGS, ANSWERS)) as chat:
        hanging = [await chat.send("wait") for _ in range(3)]
        answers = [it["answerId"] for it in hanging]
        await chat.server.until(lambda: all(chat.text(it) == "Well, " for it in answers))
        sent = await chat.answered("why?")
        assert chat.text(sent["answerId"]) == "Because."
        with pytest.raises(JsonRpcException, match=r"still being answered. Stop it first"):
            await chat.send("why?", hanging[0]["id"])

        # A view that was reloaded has the text so far, and the number of the next event.
        opened = await chat.ask("open", id=hanging[0]["id"])
        assert opened["isRunning"]
        message = opened["transcript"][-1]
        assert (message["state"], message["text"]) == ("streaming", "Well, ")
        assert message["seq"] == len(chat.of(answers[0]))

        async with where.inference_client(settings(where, HANGS, ANSWERS)["chat"]["model"]) as own:
            assert (await own.stats()).running == 3
            await chat.ask("stop", id=hanging[0]["id"])
            assert (await chat.done(answers[0]))["state"] == "stopped"
            await eventually(lambda: _runs(own, 2))
        await chat.ask("delete", id=hanging[1]["id"])
        assert (await chat.done(answers[1]))["state"] == "stopped"
        kept = (await chat.ask("open", id=hanging[0]["id"]))["transcript"][-1]
        assert (kept["state"], kept["text"], kept["error"]) == ("stopped", "Well, ", "")
    async with chatting(where, settings(where, HANGS, ANSWERS)) as chat:  # the third was cut off
        kept = (await chat.ask("open", id=hanging[2]["id"]))["transcript"][-1]
        assert (kept["state"], kept["text"]) == ("stopped", "Well, ")
        assert "was cut off when the window" in kept["error"]


async def _runs(client: InferenceClient, count: int) -> bool:
    return (await client.stats()).running == count


async def test_the_death_of_the_models_process_is_said_in_place(where: Place) -> None:
    async with chatting(where, settings(where, DIES, ANSWERS, HANGS)) as chat:
        sent = await chat.answered("die")
        done = chat.of(sent["answerId"])[-1]
        assert done["state"] == "failed"
        assert "the engine dies here" in done["error"] or "went away" in done["error"]
        assert chat.text(sent["answerId"]) == "Well, "
        # The process is started anew, and the conversation goes on.
        again = await chat.answered("why?", sent["id"])
        assert chat.text(again["answerId"]) == "Because."

        waiting = await chat.send("wait")
        await chat.server.until(lambda: chat.text(waiting["answerId"]) == "Well, ")
        where.kill_hosts()
        done = await chat.done(waiting["answerId"])
        assert (done["state"], done["hint"]) == ("failed", "It is started anew: ask again.")
        assert "went away" in done["error"]


async def test_a_server_that_is_killed_leaves_what_was_said(
    where: Place, eventually: Callable[..., Awaitable[None]]
) -> None:
    async with chatting(where, settings(where, HANGS)) as chat:
        sent = await chat.send("wait")
        await chat.server.until(lambda: chat.text(sent["answerId"]) == "Well, ")
        database = where.runtime / "data/chats.sqlite"
        await eventually(lambda: b"Well, " in all_bytes(database))
        chat.server.process.send_signal(signal.SIGKILL)
        await chat.server.ended()
    async with chatting(where, settings(where, HANGS)) as chat:
        kept = (await chat.ask("open", id=sent["id"]))["transcript"][-1]
        assert (kept["state"], kept["text"]) == ("stopped", "Well, ")
        assert "was cut off" in kept["error"]
        again = await chat.ask("regenerate", id=sent["id"])  # at once
        await chat.server.until(lambda: chat.text(again["answerId"]) == "Well, ")


async def test_tools_only_read_what_may_be_shown(where: Place) -> None:
    async with chatting(where, settings(where, LOOKS, LOOKED)) as chat:
        sent = await chat.answered("look")
        answer = sent["answerId"]
        assert chat.text(answer) == "I look. \n\nSeen."
        assert chat.of(answer)[-1]["state"] == "done"
        steps = (await chat.ask("open", id=sent["id"]))["transcript"][-1]["steps"]
        assert [(it["tool"], it["state"]) for it in steps] == [
            *(("read", "done"), ("read", "failed"), ("read", "failed")),
            *(("run", "failed"), ("read", "failed")),
        ]
        assert steps[0]["detail"] == "lines 1 to 7 of 7"
        assert "looks like it holds secrets" in steps[1]["detail"]
        assert "names no file of the workspace" in steps[2]["detail"]
        assert steps[3]["detail"].startswith("there is no tool 'run'")
        assert b"hunter2" not in all_bytes(where.runtime / "data/chats.sqlite")


async def test_a_question_is_edited_and_answered_again(where: Place) -> None:
    async with chatting(where, settings(where, ANSWERS, AGAIN)) as chat:
        first = await chat.answered("why?")
        second = await chat.answered("and then?", first["id"])
        again = await chat.ask("regenerate", id=first["id"])
        await chat.done(again["answerId"])
        assert again["messageId"] == second["messageId"]
        assert again["answerId"] != second["answerId"]
        edited = await chat.answered("but why?", first["id"], replaces=first["messageId"])
        transcript = (await chat.ask("open", id=first["id"]))["transcript"]
        assert [it["text"] for it in transcript] == ["but why?", "Because."]
        assert transcript[0]["id"] == edited["messageId"]
        with pytest.raises(JsonRpcException, match="message is not there any more"):
            await chat.send("why?", first["id"], replaces=first["messageId"])


async def test_a_code_block_is_applied_as_a_verified_edit(where: Place) -> None:
    async with chatting(where, settings(where, EDITS)) as chat:
        sent = await chat.answered("edit")
        opened = chat.server.open(uri(where, "fees.py"), FEES, version=4)
        params = {"id": sent["id"], "answerId": sent["answerId"], "block": 0, "uri": None}
        edit = await chat.server.request("sparrow/chat/apply", params)
        edit = plain(edit)
        (change,) = edit["documentChanges"]
        assert plain(change["textDocument"]) == {"uri": opened, "version": 4}
        (hunk,) = change["edits"]
        assert hunk["newText"] == "5"
        annotations = plain(edit["changeAnnotations"])
        assert [it["needsConfirmation"] for it in annotations.values()] == [True]
        chat.server.change(opened, 5, FEES.replace("days * 20", "days * rate"))
        with pytest.raises(JsonRpcException, match=r"do not stand in fees.py"):
            await chat.ask("apply", **params)
        with pytest.raises(JsonRpcException, match="no such code block"):
            await chat.ask("apply", **(params | {"block": 1}))


async def test_without_a_chat_model_code_is_found(where: Place) -> None:
    async with chatting(where, {"completion": {"model": "suffix"}}) as chat:
        state = await chat.ask("state")
        assert not state["hasChatModel"]
        assert state["message"].startswith("No chat model is set up")
        params: dict[str, Any] = {"id": None, "text": "where is total_fee?", "mentions": []}
        assert (await chat.ask("context", **params, without=[], uri=None, selection=None))[
            "limitTokens"
        ] == 0
        sent = await chat.answered("where is total_fee computed?")
        (found,) = chat.only(sent["answerId"], "found")
        first = found["found"][0]
        assert (first["uri"], first["line"]) == (uri(where, "fees.py"), 0)
        assert first["snippet"].startswith("def total_fee(days):")
        assert (first["language"], first["why"]) == ("python", "defines total_fee")
        assert "bill in shop.py" in [it["label"] for it in found["found"]]
        assert chat.text(sent["answerId"]).startswith("No chat model is set up")
        nothing = await chat.answered("zzz qqq?")
        assert "Nothing in the index matches" in chat.text(nothing["answerId"])


async def test_a_long_answer_comes_in_few_events(where: Place) -> None:
    async with chatting(where, settings(where, LONG)) as chat:
        sent = await chat.answered("long")
        answer = sent["answerId"]
        assert chat.text(answer) == "word " * 20_000
        assert len(chat.only(answer, "text")) < 5_000
        assert (await chat.ask("open", id=sent["id"]))["transcript"][-1]["text"] == "word " * 20_000
