"""How the suffix engine streams: piece by piece, within limits, beside others, cancelled."""

import asyncio
import gc
import math

import pytest

from inference.engines import suffix_index
from inference.engines.suffix import SuffixEngine
from inference.engines.suffix_draft import FIRST_LINE
from inference.prompt import Prompt
from inference.protocol import FinishReason, Priority
from inference.sampling import Sampling
from tests.unit.inference.suffix_prompts import (
    LEDGER,
    POOL,
    USUAL,
    at_cursor,
    complete,
    context,
    pieces,
)

LINE = "def connect(self, host, port):\n    self.conn|\n"


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        (("(host",), "ection = open_connection"),
        (("_connection(", "port"), "ection = open"),
        (("e",), ""),
        (("port)X",), "ection = open_connection(host, port)"),
        (("\n",), "ection = open_connection(host, port)"),
    ],
)
def test_never_emits_a_stop_string(stop: tuple[str, ...], expected: str) -> None:
    assert complete(LINE, POOL, sampling=Sampling(max_tokens=64, stop=stop)) == expected


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_ends_at_the_token_limit(limit: int) -> None:
    engine = SuffixEngine()
    prompt = at_cursor(context(engine, POOL), LINE)
    *streamed, last = asyncio.run(pieces(engine, prompt, Sampling(max_tokens=limit)))
    assert [piece.text for piece in streamed] == ["ection", " =", " open_connection"][:limit]
    assert sum(piece.token_count for piece in (*streamed, last)) == limit
    assert last.finish is FinishReason.LENGTH


def test_streams_a_piece_for_each_token() -> None:
    engine = SuffixEngine()
    *streamed, last = asyncio.run(pieces(engine, at_cursor(context(engine, POOL), LINE)))
    assert [piece.text for piece in streamed] == [
        *("ection", " =", " open_connection", "(", "host", ",", " port", ")")
    ]
    assert all(piece.token_count == 1 and piece.finish is None for piece in streamed)
    assert (last.text, last.finish) == ("", FinishReason.STOP)


def test_tells_how_sure_it_is_of_each_piece() -> None:
    engine = SuffixEngine()
    prompt = at_cursor(context(engine, POOL), LINE)
    *streamed, last = asyncio.run(pieces(engine, prompt, Sampling(max_tokens=128, logprobs=0)))
    told = [piece.logprobs[0] for piece in streamed]
    assert [it.token for it in told] == [piece.text for piece in streamed]
    assert all(it.logprob < 0 and it.alternatives == () for it in told)
    assert math.exp(sum(it.logprob for it in told)) >= FIRST_LINE
    assert last.logprobs == ()


def test_is_deterministic_whatever_the_sampling() -> None:
    expected = complete(LINE, POOL, LEDGER, LEDGER)
    sampling = Sampling(max_tokens=64, temperature=1.5, top_p=0.3, seed=7)
    assert complete(LINE, POOL, LEDGER, LEDGER, sampling=sampling) == expected != ""


def test_says_what_was_indexed_before() -> None:
    engine = SuffixEngine()
    layout = context(engine, POOL, LEDGER)
    prompt = at_cursor(layout, LINE)
    cached = [asyncio.run(pieces(engine, prompt))[-1].cached_tokens for _ in range(2)]
    assert cached == [0, layout.token_count]


def test_an_index_goes_with_its_chunk() -> None:
    engine = SuffixEngine()
    prompt: Prompt[str] | None = at_cursor(context(engine, POOL), LINE)
    assert prompt is not None
    asyncio.run(pieces(engine, prompt))
    assert (len(engine._chunks), len(engine._layouts)) == (1, 1)
    prompt = None
    gc.collect()
    assert (len(engine._chunks), len(engine._layouts)) == (0, 0)


def test_ends_when_closed_between_tokens() -> None:
    async def scenario() -> list[str]:
        engine = SuffixEngine()
        prompt = at_cursor(context(engine, POOL), LINE)
        stream = engine.generate(prompt, Sampling(max_tokens=64), Priority.COMPLETION)
        first = await anext(stream)
        await stream.aclose()
        return [first.text, *[piece.text async for piece in stream]]

    assert asyncio.run(scenario()) == ["ection"]


def test_a_cancelled_request_leaves_the_engine_usable() -> None:
    async def scenario() -> str:
        engine = SuffixEngine()
        large = "".join(f"value_{number} = compute({number})\n" for number in range(5_000))
        prompt = at_cursor(context(engine, large, POOL), LINE)
        task = asyncio.create_task(pieces(engine, prompt))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return "".join(piece.text for piece in await pieces(engine, prompt))

    assert asyncio.run(scenario()) == "ection = open_connection(host, port)"


def test_lets_the_loop_run_while_it_indexes() -> None:
    async def scenario() -> tuple[int, int]:
        engine = SuffixEngine()
        large = "".join(f"value_{number} = compute({number})\n" for number in range(5_000))
        layout = context(engine, large)
        task = asyncio.create_task(pieces(engine, at_cursor(layout, "x|")))
        turns = 0
        while not task.done():
            turns += 1
            await asyncio.sleep(0)
        return turns, layout.token_count

    turns, token_count = asyncio.run(scenario())
    assert turns > 2 * token_count / suffix_index.BLOCK_TOKENS


def test_requests_at_once_answer_as_alone() -> None:
    async def scenario() -> list[str]:
        engine = SuffixEngine()
        layout = context(engine, POOL, *[LEDGER] * USUAL)
        marked = [LINE, "def audit(ledger):\n    for account in ledger.acc|\n"] * 2
        answers = await asyncio.gather(
            *(pieces(engine, at_cursor(layout, each)) for each in marked)
        )
        return ["".join(piece.text for piece in answer) for answer in answers]

    first, second, third, fourth = asyncio.run(scenario())
    assert first == third == complete(LINE, POOL, *[LEDGER] * USUAL)
    assert second == fourth == "ounts:"
