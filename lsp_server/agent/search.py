"""Looks for repairs of Python functions that the tests accept: single ones, then pairs of them.

Variants are tried by the hundred in one run (`inside/tryout.py`), in the order of their scores. What is
found is a proposal that its tests did not refuse, and no more: the verdict is `validate`'s. Where no
single repair is accepted, those that let more tests pass than before are joined with others.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lsp_server.agent.data import Candidate
from lsp_server.agent.python_runs import Tried, Variant
from lsp_server.agent.repairs.templates import Repair, pairs, repairs

BATCH = 240
ENOUGH = 3  # accepted repairs, after which no more are looked for
_MAX_PARTLY = 12  # repairs that help, each joined with others
_JOINED_WITH = 120
_MAX_PAIRS = 1500

# Tries variants for so many seconds at most, until so many are good; says what became of each tried.
Try = Callable[[Sequence[Variant], float, int], Awaitable[Sequence[Tried]]]


@dataclass(frozen=True, slots=True)
class Suspected:
    """A file with the suspicion of its lines (from 0), and further repairs of it, such as a model's."""

    path: str
    text: str
    suspicion: Mapping[int, float]
    more: tuple[Repair, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """The accepted repairs, the likeliest first, and how many variants were tried for them."""

    candidates: tuple[Candidate, ...]
    tried: int


async def search(
    files: Sequence[Suspected],
    attempt: Try,
    budget_s: float,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Found:
    """The repairs that all tests accept. `on_progress` is called with how many were tried."""
    return await _Search(attempt, time.monotonic() + budget_s, on_progress).of(files)


@dataclass(frozen=True, slots=True)
class _Changed:
    file: Suspected
    repair: Repair
    by: str = "template"

    def candidate(self) -> Candidate:
        return Candidate(
            {self.file.path: self.repair.text},
            f"{self.by}: {self.repair.template}",
            self.repair.score,
        )


class _Search:
    def __init__(self, attempt: Try, end: float, on_progress: Callable[[int], None]) -> None:
        self._attempt = attempt
        self._end = end
        self._on_progress = on_progress
        self._tried = 0
        self._helping: list[tuple[int, _Changed]] = []

    @property
    def _left_s(self) -> float:
        return self._end - time.monotonic()

    async def of(self, files: Sequence[Suspected]) -> Found:
        # What passes without any change says which repairs help.
        untouched = [_Changed(it, Repair(it.text, (), "nothing", 0.0, 0)) for it in files[:1]]
        base = await self._run(untouched, 1)
        passed = max((it.passed for it in base.values()), default=0)
        if any(it.is_good for it in base.values()):
            return Found((), self._tried)
        good = await self._all(singles(files), passed)
        if not good:
            good = await self._all(self._joined(files), passed)
        candidates = [it.candidate() for it in good]
        candidates.sort(key=lambda it: -it.score)
        return Found(tuple(candidates), self._tried)

    async def _all(self, variants: Iterator[_Changed], passed: int) -> list[_Changed]:
        good: list[_Changed] = []
        while self._left_s > 0 and not good:
            batch = list(itertools.islice(variants, BATCH))
            if not batch:
                break
            results = await self._run(batch, ENOUGH)
            for number, result in results.items():
                if result.is_good:
                    good.append(batch[number])
                elif result.passed > passed:
                    self._helping.append((result.passed, batch[number]))
        return good

    async def _run(self, batch: Sequence[_Changed], enough: int) -> dict[int, Tried]:
        variants = [
            Variant(at, it.repair.score, {it.file.path: it.repair.text})
            for at, it in enumerate(batch)
        ]
        results = await self._attempt(variants, max(self._left_s, 1.0), enough)
        self._tried += len(results)
        self._on_progress(self._tried)
        return {it.id: it for it in results if 0 <= it.id < len(batch)}

    def _joined(self, files: Sequence[Suspected]) -> Iterator[_Changed]:
        """Pairs, of which one helps where any does."""
        self._helping.sort(key=lambda it: (-it[0], -it[1].repair.score))
        helping = [it for _, it in self._helping[:_MAX_PARTLY]]
        yield from itertools.islice(self._pairs(files, helping), _MAX_PAIRS)

    def _pairs(self, files: Sequence[Suspected], helping: Sequence[_Changed]) -> Iterator[_Changed]:
        for file in files:
            leading = list(itertools.islice(repairs(file.text, file.suspicion), _JOINED_WITH))
            own = [it.repair for it in helping if it.file is file]
            for repair in own:
                for joined in pairs(file.text, [repair], leading, _JOINED_WITH):
                    yield _Changed(file, joined)
            if not own:
                for joined in pairs(file.text, leading[:50], leading[:50], _MAX_PAIRS):
                    yield _Changed(file, joined)


def singles(files: Iterable[Suspected]) -> Iterator[_Changed]:
    """Single repairs of all files by score, each text once."""
    seen: set[tuple[str, str]] = set()
    streams = [_of_file(it) for it in files]
    for variant in _merged(streams):
        key = (variant.file.path, variant.repair.text)
        if key not in seen:
            seen.add(key)
            yield variant


def _of_file(file: Suspected) -> Iterator[_Changed]:
    ranked = _merged(
        [
            (_Changed(file, it) for it in repairs(file.text, file.suspicion)),
            (_Changed(file, it, "model") for it in sorted(file.more, key=lambda it: -it.score)),
        ]
    )
    yield from ranked


def _merged(streams: Sequence[Iterator[_Changed]]) -> Iterator[_Changed]:
    yield from heapq.merge(*streams, key=lambda it: -it.repair.score)
