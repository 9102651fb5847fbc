"""A prompt is only ever appended to; a compaction alone begins anew."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.protocol import ChatRole
from lsp_server.chat.blocks import Block, Piece, Ref, file_title, fit, lines_ref, pack
from lsp_server.chat.prompt import (
    NO_ANSWER,
    SYSTEM,
    answered,
    begin_turn,
    end_turn,
    shorten_talk,
)
from lsp_server.chat.token_counts import TokenCounts
from lsp_server.chat.transcript import (
    ChatRefused,
    Conversation,
    Entry,
    Mention,
    PromptLog,
    title_of,
)


def piece(
    path: str, text: str = "x = 1\n", *, automatic: bool = False, pinned: bool = True
) -> Piece:
    mention = Mention("file", f"file:///w/{path}", path)
    block = Block.of(file_title(path), text)
    return Piece(mention, (block,), is_automatic=automatic, is_pinned=pinned)


def texts(log: PromptLog) -> list[tuple[str, str]]:
    return [(str(it.role), "".join(chunk.text for chunk in it.content)) for it in log.messages]


def test_a_turn_is_appended_with_what_is_new_in_it() -> None:
    found = piece("b.py", automatic=True, pinned=False)
    first = begin_turn(PromptLog(), "q1", " Why? ", [found, piece("a.py")])
    assert [it.mention.label for it in first.shown] == ["a.py", "b.py"]  # what is pinned goes first
    (system, user) = texts(first.log)
    assert system == ("system", SYSTEM)
    assert user[1] == ("The file a.py:\n```\nx = 1\n```\nThe file b.py:\n```\nx = 1\n```\nWhy?")
    log = end_turn(first.log, [answered("Because.")], 100)
    changed = piece("a.py", "x = 2\n")
    second = begin_turn(log, "q2", "And now?", [piece("b.py"), changed])
    assert second.log.messages[:3] == log.messages  # to the byte
    assert [it.mention.label for it in second.shown] == ["a.py"]
    assert texts(second.log)[3][1] == "The file a.py:\n```\nx = 2\n```\nAnd now?"
    assert second.log.starts == {"q1": 1, "q2": 3}
    assert answered(" ").content[0].text == NO_ANSWER


def test_a_conversation_goes_back_to_before_a_question() -> None:
    log = end_turn(begin_turn(PromptLog(), "q1", "1", [piece("a.py")]).log, [answered("A")], 9)
    log = end_turn(begin_turn(log, "q2", "2", [piece("b.py")]).log, [answered("B")], 9)
    names = ("q1", "a1", "refused", "a2", "q2", "a3")
    entries = tuple(Entry(name, "assistant" if name.startswith("a") else "user") for name in names)
    whole = Conversation("c", "t", 0, entries, log)
    back = whole.before("q2")
    assert [it.id for it in back.transcript] == ["q1", "a1", "refused", "a2"]
    assert back.log.messages == log.messages[:3]
    assert len(back.log.shown) == 1
    # A question that never came into the log: what stood before it stays.
    assert whole.before("refused").log.messages == log.messages[:3]
    assert whole.before("q1").log == PromptLog()
    with pytest.raises(ChatRefused, match="not there any more"):
        whole.before("gone")
    # Behind a compaction, at which the log began anew, nothing is left of what was before.
    compacted = Conversation("c", "t", 0, entries, begin_turn(PromptLog(), "q2", "2", []).log)
    assert compacted.before("q1").log == PromptLog()
    assert compacted.before("q2").log == PromptLog()


def test_what_was_said_before_is_told_in_short() -> None:
    entries = [
        Entry(f"{n}", "user" if n % 2 == 0 else "assistant", f"{n} " + "word " * 5_000)
        for n in range(8)
    ]
    told = shorten_talk(entries, 8_000)
    assert len(told) < 8_200
    assert told.startswith("What was said before, in short:\n(")
    assert "earlier messages are left out.)" in told
    assert told.index("6 word") < told.index("7 word") < told.index("Now the user asks:")
    assert shorten_talk([], 8_000) == ""
    turn = begin_turn(
        PromptLog(), "q", "Why?", [piece("a.py")], earlier=entries, max_earlier_characters=8_000
    )
    assert len(turn.log.messages) == 2
    content = texts(turn.log)[1][1]
    assert content.startswith("The file a.py:")
    assert content.endswith("Now the user asks:\nWhy?")


def test_a_fence_is_longer_than_those_in_the_text() -> None:
    block = Block.of("The file a.md", "````\ncode\n````\n``\nno end")
    assert block.text == "The file a.md:\n`````\n````\ncode\n````\n``\nno end\n`````\n"


def test_pieces_are_fitted() -> None:
    def cost(it: Piece) -> int:
        return it.characters

    named = piece("a.py", "".join(f"line {n}\n" for n in range(100)))
    found = piece("b.py", automatic=True)
    kept, dropped = fit([found, named], 10_000, cost)
    assert (kept, dropped) == ([found, named], [])
    kept, dropped = fit([found, named], 200, cost)  # what was named is trimmed, not dropped
    assert [(it.mention.label, it.is_trimmed) for it in kept] == [("a.py", True)]
    assert kept[0].characters <= 200
    assert kept[0].blocks[0].text.endswith("[the rest is left out]\n```\n")
    assert dropped == [found]
    assert fit([named], 20, cost) == ([], [named])


@given(st.lists(st.integers(1, 60_000), max_size=12))
def test_chunks_start_lines_and_lose_nothing(sizes: list[int]) -> None:
    blocks = tuple(
        Block.of(file_title(f"f{n}.py"), f"\n{'x' * size}") for n, size in enumerate(sizes)
    )
    chunks = pack(blocks)
    assert "".join(it.text for it in chunks) == "".join(it.text for it in blocks)
    assert all(it.text[0].strip() and it.text.endswith("\n") for it in chunks)
    assert len(chunks) <= max(sum(sizes) // 64_000 + 2, 1)


def test_a_file_that_grows_changes_its_own_chunk() -> None:
    many = [Block.of(file_title(f"f{n}.py"), "x = 1\n" * 2_000) for n in range(80)]
    before = {it.id for it in pack(tuple(many))}
    many[10] = Block.of(file_title("f10.py"), "x = 1\n" * 2_100)
    after = {it.id for it in pack(tuple(many))}
    assert len(before) > 8
    assert len(after - before) <= 2


def test_refs_are_read() -> None:
    assert Ref.parse("file:///a%20b.py#L10-L20") == Ref("file:///a%20b.py", 9, 20)
    assert Ref.parse("file:///a.py#L3") == Ref("file:///a.py", 2, 3)
    assert Ref.parse("file:///a.py#L0-L0").end_line == 0
    assert Ref.parse("file:///a.py#Fees") == Ref("file:///a.py", symbol="Fees")
    assert Ref.parse(lines_ref("file:///a.py", 4, 9)) == Ref("file:///a.py", 4, 9)
    assert Ref.parse("") == Ref("")


def test_tokens_are_estimated_until_they_are_counted() -> None:
    from inference.protocol import LayoutReady

    counts = TokenCounts()
    counts.switch("m")
    chunks = pack((Block.of("The file a.py", "x = 1\n" * 1_000),))
    assert not counts.is_exact(chunks)
    assert 1_800 < counts.tokens(chunks) < 2_200
    layout = counts.ask_for(chunks)
    assert layout is not None
    counts.learn(layout, LayoutReady(layout.id, (4_000,), exact=True))
    assert counts.is_exact(chunks)
    assert counts.tokens(chunks) == 4_000
    assert counts.ask_for(chunks) is None
    assert 660 < counts.of_text(1_000) < 670
    counts.switch("other")
    assert counts.ask_for(chunks) == layout


def test_a_title_is_one_short_line() -> None:
    assert title_of("  Why\tis it?\nAnd more") == "Why is it?"
    assert len(title_of("word " * 100)) == 60
    assert title_of(" \n") == "New chat"


def test_roles_are_those_of_the_wire() -> None:
    log = begin_turn(PromptLog(), "q", "?", []).log
    assert [it.role for it in log.messages] == [ChatRole.SYSTEM, ChatRole.USER]
