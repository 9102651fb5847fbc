import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from inference.engines import wren_runtime
from inference.engines.base import Piece
from inference.engines.wren import LINES, WrenEngine
from inference.engines.wren_begun import split
from inference.engines.wren_runtime import SLOTS, Runtime, common_length
from inference.errors import PromptTooLong, UnsupportedRequest
from inference.prompt import Chunk, Prompt, PromptLayout, PromptSection
from inference.protocol import FinishReason, Priority, Role, Tail
from inference.sampling import Constraint, ConstraintKind, Sampling
from tests import tiny_wren
from tests.tiny_wren import SHAPE, TEXT

Body = Callable[[WrenEngine], Awaitable[None]]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_wren.write_package(tmp_path_factory.mktemp("wren"))


@pytest.fixture
def run(package: Path) -> Callable[[Body], None]:
    def runner(body: Body) -> None:
        async def main() -> None:
            engine = WrenEngine(package, {LINES: 99})
            await engine.load(lambda _what, _share: None)
            try:
                await body(engine)
            finally:
                await engine.close()

        asyncio.run(main())

    return runner


def prompt(engine: WrenEngine, prefix: str, suffix: str = "\n", before: str = TEXT) -> Prompt[int]:
    chunk = Chunk(before, engine.encode(before))
    section = PromptSection(Role.PREFIX, "files.py", (chunk,))
    return Prompt(PromptLayout((section,)), Tail(prefix, suffix))


async def answer(
    engine: WrenEngine,
    asked: Prompt[int],
    sampling: Sampling | None = None,
    priority: Priority = Priority.COMPLETION,
) -> list[Piece]:
    sampling = sampling or Sampling(max_tokens=12)
    return [piece async for piece in engine.generate(asked, sampling, priority)]


def text(pieces: list[Piece], sample: int = 0) -> str:
    return "".join(piece.text for piece in pieces if piece.sample == sample)


def test_the_graph_is_the_decoder(package: Path) -> None:
    from inference.engines import wren_package

    runtime = Runtime.load(wren_package.read(package))
    ids = [int(it) for it in np.random.default_rng(1).integers(0, SHAPE.vocabulary, 40)]
    expected = tiny_wren.reference_logits(ids, tiny_wren.random_weights())
    reading = runtime.start(ids)
    for start, end in ((0, 25), (25, 26), (26, 40)):
        logits = runtime.run(ids[start:end], reading.slot)
        np.testing.assert_allclose(logits, expected[end - 1], atol=2e-4)
    assert reading.slot.ids == ids


def test_what_was_read_before_is_not_read_again(run: Callable[[Body], None]) -> None:
    async def body(engine: WrenEngine) -> None:
        first = await answer(engine, prompt(engine, "def re"))
        again = await answer(engine, prompt(engine, "def re"))
        typed = await answer(engine, prompt(engine, "def rea"))
        assert first[-1].cached_tokens == 0
        assert first[-1].prompt_tokens is not None
        assert again[-1].cached_tokens == first[-1].prompt_tokens - 1
        assert typed[-1].cached_tokens == first[-1].prompt_tokens - 1
        assert text(again) == text(first)

    run(body)


def test_a_cache_changes_no_answer(run: Callable[[Body], None], package: Path) -> None:
    async def body(engine: WrenEngine) -> None:
        keys = ["with open(pa"[:end] for end in range(12)]
        typed = [text(await answer(engine, prompt(engine, key))) for key in keys]
        for key, seen in zip(keys, typed, strict=True):
            fresh = WrenEngine(package, {LINES: 99})
            await fresh.load(lambda _what, _share: None)
            assert text(await answer(fresh, prompt(fresh, key))) == seen
            await fresh.close()
        assert len(set(typed)) > 3

    run(body)


def test_a_warm_up_reads_what_comes_before_the_cursor(run: Callable[[Body], None]) -> None:
    async def body(engine: WrenEngine) -> None:
        asked = prompt(engine, "def re")
        await answer(engine, asked, Sampling(max_tokens=1), Priority.WARM_UP)
        warm = await answer(engine, asked)
        assert warm[-1].cached_tokens > len(engine.encode(TEXT))

    run(body)


def test_so_many_windows_are_remembered_and_no_more(run: Callable[[Body], None]) -> None:
    async def body(engine: WrenEngine) -> None:
        async def cached(number: int) -> int:
            asked = prompt(engine, "x", suffix=f"\n# {number}\n" + "pass\n" * 20)
            return (await answer(engine, asked, Sampling(max_tokens=1)))[-1].cached_tokens

        assert [await cached(number) > 50 for number in range(SLOTS)] == [False] * SLOTS
        assert [await cached(number) > 50 for number in range(SLOTS)] == [True] * SLOTS
        await cached(SLOTS)
        assert await cached(SLOTS - 1) > 50
        assert await cached(0) < 50
        assert len(engine._runtime._slots) == SLOTS

    run(body)


def test_answers_differ_and_each_goes_on_by_itself(run: Callable[[Body], None]) -> None:
    async def body(engine: WrenEngine) -> None:
        asked = prompt(engine, "def re")
        pieces = await answer(engine, asked, Sampling(max_tokens=6, samples=3, logprobs=3))
        alone = await answer(engine, asked, Sampling(max_tokens=6))
        assert text(pieces) == text(alone)
        firsts = [next(it for it in pieces if it.sample == number) for number in range(3)]
        told = [alternative.logprob for alternative in firsts[0].logprobs[0].alternatives]
        assert [it.logprobs[0].logprob for it in firsts] == told == sorted(told, reverse=True)
        assert [it.finish for it in pieces if it.finish] == [FinishReason.LENGTH] * 3

    run(body)


def test_a_seed_draws_the_same_answer(run: Callable[[Body], None]) -> None:
    async def body(engine: WrenEngine) -> None:
        def drawn(seed: int, top_p: float = 1.0) -> Sampling:
            return Sampling(max_tokens=12, temperature=1.5, seed=seed, top_p=top_p, logprobs=0)

        asked = prompt(engine, "def re")
        first = await answer(engine, asked, drawn(1))
        assert text(await answer(engine, asked, drawn(1))) == text(first)
        others = {text(await answer(engine, asked, drawn(seed))) for seed in range(2, 8)}
        assert len(others) > 3
        narrow = await answer(engine, asked, drawn(1, top_p=1e-6))
        assert text(narrow) == text(await answer(engine, asked))

    run(body)


def test_a_stop_string_ends_the_answer(run: Callable[[Body], None]) -> None:
    async def body(engine: WrenEngine) -> None:
        asked = prompt(engine, "def re")
        whole = text(await answer(engine, asked, Sampling(max_tokens=40)))
        stop = whole[len(whole) // 2 :][:2]
        pieces = await answer(engine, asked, Sampling(max_tokens=40, stop=(stop,)))
        assert text(pieces) == whole[: whole.index(stop)]
        assert pieces[-1].finish is FinishReason.STOP

    run(body)


def test_a_token_that_ends_a_text_ends_the_answer(run: Callable[[Body], None]) -> None:
    async def body(engine: WrenEngine) -> None:
        asked = prompt(engine, "def re")
        (first,) = await answer(engine, asked, Sampling(max_tokens=1, logprobs=0))
        assert first.finish is FinishReason.LENGTH
        runtime = engine._runtime
        logits = np.full(SHAPE.vocabulary, -5.0, dtype=np.float32)
        logits[0] = 0.0
        real = runtime.run

        def runtime_run(ids: list[int], slot: wren_runtime.Slot) -> object:
            real(ids, slot)
            return logits

        object.__setattr__(engine, "_runtime", _Ending(runtime, runtime_run))
        (last,) = await answer(engine, prompt(engine, "1"))
        assert (last.text, last.finish) == ("", FinishReason.STOP)

    run(body)


class _Ending:
    """A runtime whose every step is followed by the end of the text."""

    def __init__(self, runtime: Runtime, step: Callable[..., object]) -> None:
        self._runtime = runtime
        self.run = step

    def __getattr__(self, name: str) -> object:
        return getattr(self._runtime, name)

    def read(self, reading: wren_runtime.Reading) -> None:
        self._runtime.read(reading)
        if reading.is_complete:
            reading.rewind()
            reading.logits = self.run([0], reading.slot)


def test_a_prompt_without_room_is_refused(run: Callable[[Body], None]) -> None:
    async def body(engine: WrenEngine) -> None:
        asked = prompt(engine, "x", before="0 " * SHAPE.context)
        with pytest.raises(PromptTooLong, match=f"context of {SHAPE.context}"):
            await answer(engine, asked)
        filled = prompt(engine, "0" * 150)
        pieces = await answer(engine, filled, Sampling(max_tokens=500))
        used = (pieces[-1].prompt_tokens or 0) + sum(piece.token_count for piece in pieces)
        assert used == SHAPE.context
        assert pieces[-1].finish is FinishReason.LENGTH

    run(body)


def test_a_grammar_is_refused(run: Callable[[Body], None]) -> None:
    async def body(engine: WrenEngine) -> None:
        held = Sampling(max_tokens=1, constraint=Constraint(ConstraintKind.REGEX, ("a",)))
        with pytest.raises(UnsupportedRequest):
            await answer(engine, prompt(engine, "x"), held)

    run(body)


@pytest.mark.parametrize(
    "odd", ["日本語 🐦‍⬛ \u202e", "\0\x1b[31m", "<|fim_middle|>", "\r\r\n", "é" * 40]
)
def test_any_text_has_an_answer(run: Callable[[Body], None], odd: str) -> None:
    async def body(engine: WrenEngine) -> None:
        pieces = await answer(engine, prompt(engine, odd, suffix=odd, before=odd))
        assert pieces[-1].finish is not None

    run(body)


def test_a_cancelled_prompt_is_read_no_further(
    run: Callable[[Body], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wren_runtime, "CHUNK_TOKENS", 4)

    async def body(engine: WrenEngine) -> None:
        in_thread, go_on = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()
        runtime = engine._runtime
        lengths = []

        def read(reading: wren_runtime.Reading) -> None:
            runtime.read(reading)
            lengths.append(len(reading.slot.ids))
            loop.call_soon_threadsafe(in_thread.set)
            assert go_on.wait(30)

        ending = _Ending(runtime, runtime.run)
        ending.read = read  # type: ignore[method-assign]
        object.__setattr__(engine, "_runtime", ending)
        task = asyncio.create_task(answer(engine, prompt(engine, "def re")))
        await in_thread.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        object.__setattr__(engine, "_runtime", runtime)
        after = await answer(engine, prompt(engine, "def re"))
        assert lengths == [4]
        assert after[-1].cached_tokens == 4

    run(body)


def test_requests_take_turns(run: Callable[[Body], None]) -> None:
    async def body(engine: WrenEngine) -> None:
        turns: list[wren_runtime.Slot] = []
        runtime = engine._runtime
        both_wait = threading.Event()

        def read(reading: wren_runtime.Reading) -> None:
            assert both_wait.wait(30)
            runtime.read(reading)

        def step(ids: list[int], slot: wren_runtime.Slot) -> object:
            turns.append(slot)
            return runtime.run(ids, slot)

        held = _Ending(runtime, step)
        held.read = read  # type: ignore[method-assign]
        object.__setattr__(engine, "_runtime", held)
        sampling = Sampling(max_tokens=20)
        async with asyncio.TaskGroup() as group:
            for suffix in ("\n# one\n", "\n# two\n"):
                group.create_task(answer(engine, prompt(engine, "def re", suffix), sampling))
            await asyncio.sleep(0)  # both have come as far as to wait for the thread
            both_wait.set()
        first, second = dict.fromkeys(turns)
        shared = min(turns.count(first), turns.count(second))
        assert shared > 5
        assert turns[: 2 * shared] == [first, second] * shared

    run(body)


def test_an_answer_ends_with_its_line(package: Path) -> None:
    async def body() -> None:
        engine, longer = WrenEngine(package, {}), WrenEngine(package, {LINES: 2})
        for it in (engine, longer):
            await it.load(lambda _what, _share: None)
        ended = 0
        for start in range(1, len(TEXT), 3):
            asked = prompt(engine, TEXT[:start], before=TEXT)
            pieces = await answer(engine, asked, Sampling(max_tokens=60))
            more = text(await answer(longer, asked, Sampling(max_tokens=60)))
            one = text(pieces)
            assert more.startswith(one)
            assert not one.strip() or "\n" not in one.lstrip()
            if pieces[-1].finish is FinishReason.STOP and len(more) > len(one):
                ended += 1
                assert more[len(one)] in "\r\n"
        assert ended > 3
        await engine.close()
        await longer.close()

    asyncio.run(body())


def test_an_answer_goes_on_with_the_token_that_the_cursor_stands_in(
    run: Callable[[Body], None],
) -> None:
    async def body(engine: WrenEngine) -> None:
        for end in range(1, len(TEXT)):
            begun = split(TEXT[:end])[1]
            asked = prompt(engine, TEXT[:end])
            pieces = await answer(engine, asked, Sampling(max_tokens=12, logprobs=0))
            spelled = "".join(it.token for piece in pieces for it in piece.logprobs)
            assert spelled.startswith(begun)
            told, sure = text(pieces), spelled[len(begun) :].partition("\ufffd")[0]
            assert told[: len(sure)] == sure[: len(told)]
            assert all(it.logprob > -100 for piece in pieces for it in piece.logprobs)

    run(body)


def test_while_a_word_is_typed_the_prompt_stays(run: Callable[[Body], None]) -> None:
    async def body(engine: WrenEngine) -> None:
        first = await answer(engine, prompt(engine, "    ret"))
        typed = await answer(engine, prompt(engine, "    retur"))
        assert typed[-1].prompt_tokens == first[-1].prompt_tokens
        assert typed[-1].cached_tokens == (typed[-1].prompt_tokens or 0) - 1

    run(body)


def test_a_stop_string_is_looked_for_behind_the_cursor(run: Callable[[Body], None]) -> None:
    async def body(engine: WrenEngine) -> None:
        asked = prompt(engine, "    ret")
        whole = text(await answer(engine, asked, Sampling(max_tokens=9)))
        stopped = text(await answer(engine, asked, Sampling(max_tokens=9, stop=(" ret", "ret"))))
        assert "ret" not in stopped
        assert whole.startswith(stopped)

    run(body)


@pytest.mark.parametrize(
    ("first", "second", "length"),
    [([], [], 0), ([1], [], 0), ([1, 2], [1, 2, 3], 2), ([1, 2, 4], [1, 2, 3], 2), ([5], [1], 0)],
)
def test_common_length(first: list[int], second: list[int], length: int) -> None:
    assert common_length(first, second) == common_length(second, first) == length
