"""How fast wren answers, measured in a process that does nothing else: one JSON object on stdout.

`python -m lsp_server.bench.wren_speed FOLDER REPETITIONS`
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from inference.engines import create
from inference.engines.base import Engine
from inference.engines.proposing import ProposingEngine
from inference.engines.wren import WrenEngine
from inference.engines.wren_runtime import Runtime
from inference.prompt import Chunk, Prompt, PromptLayout, PromptSection
from inference.protocol import Priority, Role, Tail
from inference.sampling import Sampling
from lsp_server.bench.measure import resident_mb

COLD_TOKENS = 1_500
ANSWER_TOKENS = 20
TYPED = "        return [value for value in self.values if value > 0]"


async def measure(folder: Path, repetitions: int) -> dict[str, Any]:
    began = time.perf_counter()
    engine = create(f"wren:{folder}", {})
    assert isinstance(engine, ProposingEngine)
    await engine.load(lambda _what, _share: None)
    load_s = time.perf_counter() - began
    model = engine.model
    clock = _Clock(model)
    cold, typing, complete = [], [], []
    for number in range(repetitions):
        layout = _layout(engine, number)
        cold.append((await _timed(engine, layout, "", 1))[0])
        typing += [
            (await _timed(engine, layout, TYPED[:end], 1))[0] for end in range(1, len(TYPED) + 1)
        ]
        first, each = await _timed(model, layout, TYPED[:20], ANSWER_TOKENS)
        complete.append(first + (ANSWER_TOKENS - 1) * each)
    # The answers alone: a prompt's chunks are long, and hide what comes between them.
    overhead = await clock.overhead(_layout(engine, 0), repetitions)
    rss = resident_mb(os.getpid())
    await engine.close()
    return {
        "load_s": round(load_s, 3),
        "ttft_typing_ms": round(1_000 * statistics.median(typing), 2),
        "ttft_typing_p95_ms": round(1_000 * statistics.quantiles(typing, n=20)[-1], 2),
        "complete20_ms": round(1_000 * statistics.median(complete), 1),
        "cold1500_ms": round(1_000 * statistics.median(cold), 1),
        "rss_mb": round(rss, 1),
        "overhead_share": round(overhead, 3),
    }


def _layout(engine: Engine[Any], number: int) -> PromptLayout[int]:
    """Code of the standard library, of `COLD_TOKENS` tokens; another stretch for each number."""
    lines = inspect.getsource(asyncio.base_events).splitlines(keepends=True)[40 + 7 * number :]
    ids = list(engine.encode("".join(lines)))[:COLD_TOKENS]
    section = PromptSection(Role.PREFIX, "events.py", (Chunk("".join(lines), ids),))
    return PromptLayout((section,))


async def _timed(
    engine: Engine[Any], layout: PromptLayout[int], typed: str, tokens: int
) -> tuple[float, float]:
    """Seconds to the first token, and for each of the others; an answer may end early."""
    began = last = time.perf_counter()
    first, count = 0.0, 0
    prompt = Prompt(layout, Tail(typed, "\n"))
    async for _ in engine.generate(prompt, Sampling(max_tokens=tokens), Priority.COMPLETION):
        last = time.perf_counter()
        first = first or last - began
        count += 1
    return first, (last - began - first) / max(1, count - 1)


class _Clock:
    """Counts the time that is spent in onnxruntime itself."""

    def __init__(self, engine: Engine[Any]) -> None:
        self._engine = engine
        assert isinstance(engine, WrenEngine)
        self._runtime: Runtime = engine._runtime  # noqa: SLF001 - what is measured
        self._session = self._runtime.session
        self._inside = 0.0

    async def overhead(self, layout: PromptLayout[int], repetitions: int) -> float:
        """What of all the time for prompts and their answers is spent outside, to that inside."""
        self._runtime.session = self
        self._inside = outside = 0.0
        for number in range(3 * repetitions):
            began, before = time.perf_counter(), self._inside
            typed = TYPED[: 5 + number % 40]
            await _timed(self._engine, layout, typed, ANSWER_TOKENS)
            outside += time.perf_counter() - began - (self._inside - before)
        self._runtime.session = self._session
        return outside / self._inside

    def run(self, *arguments: Any) -> Any:
        began = time.perf_counter()
        try:
            return self._session.run(*arguments)
        finally:
            self._inside += time.perf_counter() - began


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(Path(sys.argv[1]), int(sys.argv[2])))))  # noqa: T201
