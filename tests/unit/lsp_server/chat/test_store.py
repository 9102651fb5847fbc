"""The kept chats: whole after any end, set aside when damaged, shared by windows."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from inference.content import Message, TextChunk
from inference.protocol import CallText, ChatRole
from lsp_server.chat.blocks import Block, Piece
from lsp_server.chat.prompt import answered, begin_turn, end_turn
from lsp_server.chat.store import CUT_OFF, ELSEWHERE, FILE_NAME, ChatStore
from lsp_server.chat.store_rows import pack_entry, unpack_entry
from lsp_server.chat.transcript import (
    ChatRefused,
    Chip,
    Conversation,
    Entry,
    Found,
    Mention,
    Origin,
    PromptLog,
    Step,
    Usage,
)
from tests.unit.lsp_server.on_loop import on_loop

MENTION = Mention("file", "file:///w/a.py", "a.py")
ORIGIN = Origin(("file:///w/b.py",), "file:///w/a.py", (3, 5))
QUESTION = Entry("q1", "user", "Why? 🐦", mentions=(MENTION,), origin=ORIGIN)
ANSWER = Entry(
    "a1",
    "assistant",
    "Because.",
    thinking="Hm.",
    context=(Chip("file", "file:///w/a.py", "a.py", "", 12, is_automatic=False, is_trimmed=True),),
    steps=(Step("s", "read", "a.py", "done", "7 lines"),),
    found=(Found("file:///w/a.py", 3, "a.py", "x = 1\n", "python", "has x"),),
    usage=Usage(10, 6, 2, None, 12.5),
    hint="cut",
)


def conversation(name: str = "c1", **more: object) -> Conversation:
    piece = Piece(MENTION, (Block.of("The file a.py", "x = 1\n"),))
    log = begin_turn(PromptLog(), "q1", "Why?", [piece]).log
    call = Message(ChatRole.ASSISTANT, (), (CallText("c", "read", "{}"),))
    result = Message(ChatRole.TOOL, (TextChunk.of("x = 1"),), call_id="c")
    log = end_turn(log, [call, result, answered("Because.")], 40)
    made = Conversation(name, "Why?", 1_000, (QUESTION, ANSWER), log)
    return replace(made, **more)  # type: ignore[arg-type]


class Window:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log: list[str] = []
        self.store = ChatStore(lambda: folder, self.log.append)

    async def keep(self, given: Conversation, workspace: str = "/w", **more: bool) -> Conversation:
        return await self.store.save(workspace, given, **more)


Windows = Callable[[], Window]


@pytest.fixture
def window(tmp_path: Path) -> Windows:
    return lambda: Window(tmp_path / "data")


@on_loop
async def test_what_is_kept_comes_back_as_it_was(window: Windows) -> None:
    one, other = window(), window()
    kept = await one.keep(conversation())
    assert await other.store.load("c1") == kept
    for entry in (QUESTION, ANSWER):
        assert unpack_entry(pack_entry(entry)) == entry
    file = one.folder / FILE_NAME
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(one.folder.stat().st_mode) == 0o700
    # A later turn writes what is new alone; an earlier question sent again drops what follows.
    turn = begin_turn(kept.log, "q2", "And?", [])
    more = replace(
        kept,
        transcript=(*kept.transcript, Entry("q2", "user", "And?"), Entry("a2", "assistant", "So.")),
        log=end_turn(turn.log, [answered("So.")], 60),
    )
    await other.store.save("/w", more, first_entry=2, first_message=len(kept.log.messages))
    found = await one.store.load("c1")
    assert (found.transcript, found.log) == (more.transcript, more.log)
    back = found.before("q2")
    await one.store.save("/w", back, first_entry=2, first_message=len(back.log.messages))
    again = await other.store.load("c1")
    assert again.transcript == kept.transcript
    assert again.log.messages == kept.log.messages
    for it in (one, other):
        assert it.log == []
        await it.store.close()


@on_loop
async def test_lists_are_of_a_workspace_and_newest_first(window: Windows) -> None:
    one = window()
    await one.keep(conversation("old"))
    await one.keep(conversation("new", updated_ms=2_000))
    await one.keep(conversation("elsewhere"), "/other")
    assert [it.id for it in await one.store.summaries("/w")] == ["new", "old"]
    await one.store.rename("old", "Other")
    assert (await one.store.load("old")).title == "Other"
    await one.store.delete("new")
    await one.store.delete("new")
    assert [it.title for it in await one.store.summaries("/w")] == ["Other"]
    with pytest.raises(ChatRefused, match="not there any more"):
        await one.store.load("new")
    await one.store.close()


@on_loop
async def test_what_another_window_deleted_stays_deleted(window: Windows) -> None:
    one, other = window(), window()
    begun = await one.keep(conversation(), is_open=True)
    await other.store.delete("c1")
    with pytest.raises(ChatRefused, match="deleted in another window"):
        await one.keep(begun)
    assert await other.store.summaries("/w") == []
    for it in (one, other):
        await it.store.close()


@on_loop
async def test_texts_that_nothing_shows_any_more_are_dropped(window: Windows) -> None:
    one = window()
    await one.keep(conversation("c1"))
    await one.keep(conversation("c2"))

    def chunks() -> int:
        with sqlite3.connect(one.folder / FILE_NAME) as connection:
            (count,) = connection.execute("SELECT count(*) FROM chunk").fetchone()
        connection.close()
        return int(count)

    both = chunks()
    assert both == len({it.id for m in conversation().log.messages for it in m.content})
    await one.store.delete("c1")
    assert chunks() == both
    await one.store.delete("c2")
    assert chunks() == 0
    await one.store.close()


@on_loop
async def test_an_answer_under_way_is_another_windows_or_cut_off_with_it(window: Windows) -> None:
    one, other = window(), window()
    open_answer = replace(ANSWER, state="streaming")
    await one.keep(conversation(transcript=(QUESTION, open_answer)), is_open=True)
    await one.store.touch("c1", 1, replace(open_answer, text="Because it"))
    seen = (await other.store.load("c1")).transcript[-1]
    assert (seen.text, seen.state, seen.error) == ("Because it", "stopped", ELSEWHERE)
    await one.store.close()  # its window ended, and did not say how the answer did
    seen = (await other.store.load("c1")).transcript[-1]
    assert (seen.text, seen.state, seen.error) == ("Because it", "stopped", CUT_OFF)
    assert list(one.folder.glob("chats-*.lock")) == []
    await other.store.close()


@on_loop
async def test_what_is_written_of_a_deleted_conversation_is_dropped(window: Windows) -> None:
    one, other = window(), window()
    open_answer = replace(ANSWER, state="streaming")
    await one.keep(conversation(transcript=(QUESTION, open_answer)), is_open=True)
    await other.store.delete("c1")
    await one.store.touch("c1", 1, open_answer)
    with pytest.raises(ChatRefused):
        await other.store.load("c1")
    for it in (one, other):
        await it.store.close()


@on_loop
async def test_a_damaged_file_is_set_aside_and_said(window: Windows) -> None:
    one = window()
    one.folder.mkdir()
    (one.folder / FILE_NAME).write_bytes(b"no database at all" * 1_000)
    assert await one.store.summaries("/w") == []
    await one.keep(conversation())
    assert len(one.log) == 1
    assert "were set aside as" in one.log[0]
    (aside,) = one.folder.glob("chats.damaged-*.sqlite")
    assert aside.read_bytes().startswith(b"no database")
    # And while it is open: a row that is not what was written.
    with sqlite3.connect(one.folder / FILE_NAME) as connection:
        connection.execute("UPDATE entry SET body = '{}'")
    connection.close()
    other = window()
    with pytest.raises(ChatRefused, match="not there any more"):
        await other.store.load("c1")
    assert "set aside" in other.log[0]
    assert len(list(one.folder.glob("chats.damaged-*.sqlite"))) == 2
    for it in (one, other):
        await it.store.close()


@on_loop
async def test_a_newer_file_is_left_alone(window: Windows) -> None:
    one = window()
    await one.keep(conversation())
    await one.store.close()
    with sqlite3.connect(one.folder / FILE_NAME) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    other = window()
    assert await other.store.summaries("/w") == []
    await other.keep(conversation("c2"))  # in memory, for this window
    assert [it.id for it in await other.store.summaries("/w")] == ["c2"]
    assert "are not kept, since" in other.log[0]
    assert "format 99" in other.log[0]
    assert list(one.folder.glob("*damaged*")) == []
    await other.store.close()


@on_loop
async def test_windows_write_at_once(window: Windows) -> None:
    windows = [window() for _ in range(4)]
    await asyncio.gather(
        *(
            it.keep(conversation(f"c{number}-{turn}"))
            for number, it in enumerate(windows)
            for turn in range(10)
        )
    )
    assert len(await windows[0].store.summaries("/w")) == 40
    assert all(it.log == [] for it in windows)
    for it in windows:
        await it.store.close()
