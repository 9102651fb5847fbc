"""The host's store of chunks and layouts: what is kept, what is evicted, what is told."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from inference.engines.scripted import ScriptedEngine
from inference.errors import UnknownChunk, UnknownLayout
from inference.prompt import PromptLayout
from inference.protocol import PutLayout, Role, Section, chunk_id, layout_id
from inference.store import PromptStore


class CountingEngine(ScriptedEngine):
    """Encodes words, and remembers what it was asked to encode."""

    def __init__(self) -> None:
        super().__init__("no script is read")
        self.encoded: list[str] = []

    def encode(self, text: str) -> Sequence[str]:
        self.encoded.append(text)
        return super().encode(text)


def put_of(*texts: str, path: str = "main.py") -> PutLayout:
    return PutLayout((Section(Role.PREFIX, path, tuple(map(chunk_id, texts))),))


def put(store: PromptStore, message: PutLayout, engine: CountingEngine) -> PromptLayout[Any]:
    return asyncio.run(store.put_layout(message, engine))


def texts_of(layout: PromptLayout[Any]) -> list[str]:
    return [chunk.text for section in layout.sections for chunk in section.chunks]


@pytest.fixture
def engine() -> CountingEngine:
    return CountingEngine()


class TestLayouts:
    def test_a_reference_is_kept_as_text_alone(self, engine: CountingEngine) -> None:
        store = PromptStore()
        store.put_chunk("a b")
        store.put_chunk("c")
        names = (chunk_id("a b"), chunk_id("c"))
        layout = put(store, PutLayout((Section(Role.REFERENCE, "lib.py", names),)), engine)
        assert texts_of(layout) == ["a b", "c"]
        assert layout.token_count == 0
        assert engine.encoded == []
        shown = put(store, PutLayout((Section(Role.CONTEXT, "lib.py", names),)), engine)
        assert shown.token_count == 3
        other = put(store, PutLayout((Section(Role.REFERENCE, "lib.py", names[:1]),)), engine)
        assert other.sections[0].chunks[0] is layout.sections[0].chunks[0]

    def test_a_layout_is_resolved_to_its_texts_and_tokens(self, engine: CountingEngine) -> None:
        store = PromptStore()
        for text in ("a b", "c", "d e f"):
            store.put_chunk(text)
        message = PutLayout(
            (
                Section(Role.CONTEXT, "lib.py", (chunk_id("a b"), chunk_id("c"))),
                Section(Role.PREFIX, "main.py", (chunk_id("d e f"),)),
                Section(Role.SUFFIX, "main.py", ()),
            )
        )
        layout = put(store, message, engine)
        assert texts_of(layout) == ["a b", "c", "d e f"]
        assert [section.token_count for section in layout.sections] == [3, 3, 0]
        assert [section.path for section in layout.by_role(Role.CONTEXT)] == ["lib.py"]
        assert store.layout(layout_id(message.sections)) is layout

    def test_a_chunk_is_encoded_once_whoever_names_it(self, engine: CountingEngine) -> None:
        store = PromptStore()
        store.put_chunk("a")
        assert engine.encoded == [], "the engine may still load when chunks come"
        put(store, put_of("a", "a"), engine)
        put(store, put_of("a", path="other.py"), engine)
        store.put_chunk("a")
        put(store, put_of("a", path="third.py"), engine)
        assert engine.encoded == ["a"]

    def test_the_same_layout_again_is_the_one_that_is_held(self, engine: CountingEngine) -> None:
        store = PromptStore()
        store.put_chunk("a")
        assert put(store, put_of("a"), engine) is put(store, put_of("a"), engine)
        assert store.layout_count == 1

    def test_a_missing_chunk_is_told_and_nothing_is_kept(self, engine: CountingEngine) -> None:
        store = PromptStore()
        store.put_chunk("a")
        message = put_of("a", "missing")
        with pytest.raises(UnknownChunk):
            put(store, message, engine)
        assert store.layout_count == 0
        with pytest.raises(UnknownLayout):
            store.layout(layout_id(message.sections))

    def test_a_layout_that_was_never_put_is_told(self) -> None:
        with pytest.raises(UnknownLayout):
            PromptStore().layout(b"never put")

    def test_an_empty_layout_is_one(self, engine: CountingEngine) -> None:
        store = PromptStore()
        assert put(store, PutLayout(()), engine).token_count == 0

    def test_other_tasks_run_while_many_chunks_are_encoded(self, engine: CountingEngine) -> None:
        store = PromptStore()
        texts = [f"chunk {number}" for number in range(20)]
        for text in texts:
            store.put_chunk(text)

        async def encode_and_watch() -> list[int]:
            putting = asyncio.create_task(store.put_layout(put_of(*texts), engine))
            seen = []
            while not putting.done():
                seen.append(len(engine.encoded))
                await asyncio.sleep(0)
            return seen

        seen = asyncio.run(encode_and_watch())
        assert max(after - before for before, after in itertools.pairwise(seen)) == 1


class TestEviction:
    def test_the_chunk_used_longest_ago_goes_first(self, engine: CountingEngine) -> None:
        store = PromptStore(max_chunk_bytes=4000)
        a, b, c = "a" * 1500, "b" * 1500, "c" * 1500
        store.put_chunk(a)
        store.put_chunk(b)
        store.put_chunk(a)  # used again
        store.put_chunk(c)
        put(store, put_of(a, c), engine)
        with pytest.raises(UnknownChunk):
            put(store, put_of(b), engine)

    def test_a_layout_uses_its_chunks(self, engine: CountingEngine) -> None:
        store = PromptStore(max_chunk_bytes=5700)
        a, b, c = "a" * 1500, "b" * 1500, "c" * 1500
        store.put_chunk(a)
        store.put_chunk(b)
        put(store, put_of(a), engine)
        store.put_chunk(c)
        put(store, put_of(a, path="other.py"), engine)
        with pytest.raises(UnknownChunk):
            put(store, put_of(b), engine)

    def test_the_bound_holds_whatever_is_put(self) -> None:
        store = PromptStore(max_chunk_bytes=10_000)
        for number in range(200):
            store.put_chunk(f"{number} " * (number + 1))
            assert store.chunk_bytes <= 10_000
        assert 0 < store.chunk_count < 200

    def test_many_small_chunks_do_not_slip_through_the_bound(self) -> None:
        """What a chunk costs beside its text counts as well."""
        store = PromptStore(max_chunk_bytes=10_000)
        for number in range(5000):
            store.put_chunk(f"{number:04}")
        assert store.chunk_count <= 1000

    def test_what_is_encoded_costs_more(self, engine: CountingEngine) -> None:
        """Tokens take more memory than the text that they are of."""
        store = PromptStore(max_chunk_bytes=10_000)
        words = [f"{number} " * 50 for number in range(20)]
        for text in words:
            store.put_chunk(text)
            put(store, put_of(text), engine)
        assert 0 < store.chunk_count < 6
        plain = PromptStore(max_chunk_bytes=10_000)
        for text in words:
            plain.put_chunk(text)
        assert plain.chunk_count > 10

    def test_prompts_of_a_long_context_fit(self, engine: CountingEngine) -> None:
        store = PromptStore(max_chunk_bytes=1000)
        store.make_room_for(None)
        store.make_room_for(1000)
        texts = [f"{number} " * 100 for number in range(10)]
        for text in texts:
            store.put_chunk(text)
        assert put(store, put_of(*texts), engine).token_count == 1000

    def test_one_chunk_over_the_bound_is_kept_alone(self, engine: CountingEngine) -> None:
        store = PromptStore(max_chunk_bytes=1000)
        store.put_chunk("small")
        store.put_chunk("x" * 5000)
        assert store.chunk_count == 1
        put(store, put_of("x" * 5000), engine)

    def test_an_evicted_chunk_stays_usable_in_a_layout(self, engine: CountingEngine) -> None:
        store = PromptStore(max_chunk_bytes=1500)
        store.put_chunk("a" * 1000)
        message = put_of("a" * 1000)
        put(store, message, engine)
        store.put_chunk("b" * 1000)
        assert store.chunk_count == 1
        assert texts_of(store.layout(layout_id(message.sections))) == ["a" * 1000]
        assert texts_of(put(store, message, engine)) == ["a" * 1000]

    def test_an_evicted_chunk_comes_back_when_it_is_sent_again(
        self, engine: CountingEngine
    ) -> None:
        store = PromptStore(max_chunk_bytes=1500)
        for text in ("a" * 1000, "b" * 1000, "a" * 1000):
            store.put_chunk(text)
        assert texts_of(put(store, put_of("a" * 1000), engine)) == ["a" * 1000]

    def test_the_layout_used_longest_ago_goes_first(self, engine: CountingEngine) -> None:
        store = PromptStore(max_layouts=2)
        store.put_chunk("a")
        first, second, third = (put_of("a", path=path) for path in ("1.py", "2.py", "3.py"))
        put(store, first, engine)
        put(store, second, engine)
        store.layout(layout_id(first.sections))  # used again
        put(store, third, engine)
        assert store.layout_count == 2
        store.layout(layout_id(first.sections))
        store.layout(layout_id(third.sections))
        with pytest.raises(UnknownLayout):
            store.layout(layout_id(second.sections))

    def test_a_chunk_evicted_while_its_layout_is_put_is_told(self, engine: CountingEngine) -> None:
        store = PromptStore(max_chunk_bytes=4000)
        texts = ["a" * 1500, "b" * 1500]
        for text in texts:
            store.put_chunk(text)

        async def put_while_another_window_uploads() -> PromptLayout[Any]:
            putting = asyncio.create_task(store.put_layout(put_of(*texts), engine))
            await asyncio.sleep(0)  # one step: the first chunk is encoded
            assert len(engine.encoded) == 1
            store.put_chunk("c" * 3900)
            return await putting

        with pytest.raises(UnknownChunk):
            asyncio.run(put_while_another_window_uploads())
        assert store.layout_count == 0

    def test_the_count_of_bytes_comes_back_to_what_is_held(self) -> None:
        store, fresh = PromptStore(max_chunk_bytes=1000), PromptStore()
        for text in ("a" * 900, "ü" * 900, "🐦" * 900, "b" * 900):
            store.put_chunk(text)
        fresh.put_chunk("b" * 900)
        assert (store.chunk_bytes, store.chunk_count) == (fresh.chunk_bytes, 1)
