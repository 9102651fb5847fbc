"""What a chat's model is shown: by mentions and by itself, again, and what it never is."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from pygls.exceptions import JsonRpcException

from .chat_session import ChatSession, chatting
from .chat_shop import ANSWERS, FEES, SHOP, all_bytes, file, settings, shop, uri
from .place import Place


@pytest.fixture
def where() -> Iterator[Place]:
    with shop() as made:
        yield made


async def test_a_question_is_asked_again_as_it_was_by_a_server_begun_later(where: Place) -> None:
    def context(chat: ChatSession, answer: str) -> list[str]:
        return [it["label"] for event in chat.only(answer, "context") for it in event["context"]]

    asked = "what does total_fee cost? why?"
    async with chatting(where, settings(where, ANSWERS)) as chat:
        plain = await chat.answered(asked)
        assert "total_fee in fees.py" in context(chat, plain["answerId"])
        (chip,) = [
            it["ref"]
            for event in chat.only(plain["answerId"], "context")
            for it in event["context"]
            if it["label"] == "total_fee in fees.py"
        ]
        sent = await chat.answered(asked, without=[chip])
        shown = context(chat, sent["answerId"])
        assert "total_fee in fees.py" not in shown
    async with chatting(where, settings(where, ANSWERS)) as chat:
        again = await chat.ask("regenerate", id=sent["id"])
        await chat.done(again["answerId"])
        assert context(chat, again["answerId"]) == shown


async def test_what_must_not_be_shown_is_refused_in_a_sentence(where: Place) -> None:
    outside = {"kind": "file", "ref": "file:///etc/passwd", "label": "passwd", "detail": ""}
    async with chatting(where, settings(where, ANSWERS)) as chat:
        for mention, reason in (
            (
                file(where, ".env"),
                ".env is not shown to a model: the file looks like it holds secrets",
            ),
            (outside, "passwd is not shown to a model: it lies outside of the workspace"),
            (file(where, "") | {"kind": "selection", "ref": ""}, "nothing is selected"),
            (file(where, "gone.py"), "gone.py cannot be read: No such file or directory"),
        ):
            sent = await chat.answered("why?", mentions=[mention])
            done = chat.of(sent["answerId"])[-1]
            assert (done["state"], done["error"]) == ("failed", reason)
            shown = await chat.ask(
                "context",
                id=None,
                text="why?",
                mentions=[mention],
                without=[],
                uri=None,
                selection=None,
            )
            assert [it["tokens"] for it in shown["chips"]] == [0]
            assert shown["chips"][0]["detail"].startswith(f"{reason}.")
        with pytest.raises(JsonRpcException, match="The question is empty"):
            await chat.send("  ")
        with pytest.raises(JsonRpcException, match="no mention of kind 'web'"):
            await chat.send("why?", mentions=[{"kind": "web", "ref": "", "label": ""}])


async def test_context_by_mentions_and_by_itself(where: Place) -> None:
    (where.folder / "AGENTS.md").write_text("Write short names.\n")
    _git(where)
    async with chatting(where, settings(where, ANSWERS)) as chat:
        suggested = (await chat.ask("suggest", query="fee", uri=None))["mentions"]
        assert ("file", "fees.py") in [(it["kind"], it["label"]) for it in suggested]
        symbols = (await chat.ask("suggest", query="symbol:tot", uri=None))["mentions"]
        assert [(it["kind"], it["label"]) for it in symbols] == [("symbol", "total_fee")]
        (where.folder / "shop.py").write_text(SHOP.replace("+ 1", "+ 2"))
        opened = chat.server.open(uri(where, "fees.py"), FEES)
        chat.server.client.protocol.notify(
            "sparrow/setProblems",
            {"uri": opened, "problems": [{"line": 2, "message": "magic value"}]},
        )
        kinds = ("diagnostics", "changes", "repo")
        mentions = [{"kind": it, "ref": "", "label": it, "detail": ""} for it in kinds]
        mentions += symbols
        mentions.append({"kind": "issue", "ref": "", "label": "issue", "detail": "It is wrong."})
        params = {"id": None, "text": "why?", "mentions": mentions, "without": []}
        await chat.answered("why?")  # from here on the model counts
        shown = await chat.ask(
            "context", **params, uri=opened, selection={"startLine": 0, "endLine": 1}
        )
        assert [it["kind"] for it in shown["chips"] if not it["isAutomatic"]] == [
            *kinds,
            "symbol",
            "issue",
        ]
        assert all(it["tokens"] > 0 for it in shown["chips"])
        assert shown["isExact"]
        assert (
            sum(it["tokens"] for it in shown["chips"]) < shown["usedTokens"] < shown["limitTokens"]
        )
        automatic = await chat.ask(
            "context",
            **(params | {"text": "what does total_fee cost?", "mentions": []}),
            uri=opened,
            selection=None,
        )
        found = {it["label"]: it["detail"] for it in automatic["chips"]}
        assert found["AGENTS.md"] == "the repository's rules, not trusted"
        assert found["total_fee in fees.py"] == "defines total_fee"
        without = [it["ref"] for it in automatic["chips"]]
        bare = await chat.ask(
            "context",
            **(params | {"text": "what does total_fee cost?", "mentions": [], "without": without}),
            uri=opened,
            selection=None,
        )
        assert not {it["ref"] for it in bare["chips"]} & set(without)
        sent = await chat.answered("why?", mentions=mentions, uri=opened)
        assert chat.of(sent["answerId"])[-1]["state"] == "done"


def _git(where: Place) -> None:
    def git(*arguments: str) -> None:
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
        own = ("-c", "user.name=t", "-c", "user.email=t@t")
        subprocess.run(
            ["git", *own, *arguments],
            cwd=where.folder,
            check=True,
            env=environment,
            capture_output=True,
        )

    git("init", "-q")
    git("add", "fees.py", "shop.py", "AGENTS.md")
    git("commit", "-q", "-m", "first")


async def test_a_long_conversation_is_compacted_and_keeps_what_is_pinned(where: Place) -> None:
    wordy = {"when": {"message_ends_with": "why?"}, "reply": ["word "] * 1_500}
    async with chatting(where, settings(where, wordy, context_tokens=8_192)) as chat:
        sent = await chat.answered("why?", mentions=[file(where, "fees.py")])
        compacted: list[dict[str, Any]] = []
        for _ in range(4):
            turn = await chat.answered("but why?", sent["id"])
            assert chat.of(turn["answerId"])[-1]["state"] == "done"
            compacted += (
                {"chips": chat.only(turn["answerId"], "context")[0]["context"]}
                for it in chat.only(turn["answerId"], "step")
                if it["step"]["tool"] == "compact"
            )
        # Once, since it makes much room; what was pinned is shown again, without being named.
        assert [[chip["label"] for chip in it["chips"]] for it in compacted] == [["fees.py"]]
        used = chat.only(turn["answerId"], "usage")[-1]["usage"]
        assert used["promptTokens"] < 5_200


async def test_a_file_that_changed_is_shown_again(where: Place) -> None:
    async with chatting(where, settings(where, ANSWERS)) as chat:
        sent = await chat.answered("why?", mentions=[file(where, "fees.py")])
        same = await chat.answered("why?", sent["id"])
        assert chat.only(same["answerId"], "context")[0]["context"] == []
        chat.server.open(uri(where, "fees.py"), FEES.replace("20", "25"))  # not saved
        changed = await chat.answered("why?", sent["id"])
        (context,) = chat.only(changed["answerId"], "context")
        assert [it["label"] for it in context["context"]] == ["fees.py"]


async def test_the_whole_repository_is_shown_but_for_what_must_not_be(where: Place) -> None:
    repo = {"kind": "repo", "ref": "", "label": "repo", "detail": ""}
    async with chatting(where, settings(where, ANSWERS)) as chat:
        chat.server.open(uri(where, "shop.py"), SHOP.replace("+ 1", "+ 77"))
        sent = await chat.answered("why?", mentions=[repo])
        (chip,) = chat.only(sent["answerId"], "context")[0]["context"]
        assert (chip["kind"], chip["detail"], chip["isTrimmed"]) == ("repo", "2 files", False)
    kept = all_bytes(where.runtime / "data/chats.sqlite")
    assert b"The file fees.py" in kept
    assert b"+ 77" in kept
    assert b"hunter2" not in kept
