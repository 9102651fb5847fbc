"""Looks for repairs of Python functions that the tests accept: single ones, then several at once.

Variants are tried by the hundred in one run (`inside/tryout.py`), in the order of their scores. What is
found is a proposal that its tests did not refuse, and no more: the verdict is `validate`'s. Where no
single repair is accepted, those that let more tests pass than before are joined: with one another, as
tests that fail for different reasons need, in one file or in several, and then with others. Where that
mends not all, what mends the most is proposed.
"""

from __future__ import annotations

import heapq
import itertools
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lsp_server.agent.data import Candidate
from lsp_server.agent.python_runs import Tried, Variant
from lsp_server.agent.repairs.templates import Repair, pairs, repairs

BATCH = 240
ENOUGH = 3  # accepted repairs, after which no more are looked for
_MAX_PARTLY = 12  # repairs that help, each joined with others
_OF_A_FILE, _OF_A_LINE = 6, 2  # of these, since others may help other tests
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
    """The repairs that all tests accept, or else those that most do. `on_progress` is called with how many were tried."""
    return await _Search(attempt, time.monotonic() + budget_s, on_progress).of(files)


@dataclass(frozen=True, slots=True)
class _Changed:
    """A repair of each of some files."""

    repairs: tuple[tuple[Suspected, Repair], ...]
    by: str = "template"

    @property
    def score(self) -> float:
        return math.prod(repair.score for _, repair in self.repairs)

    @property
    def files(self) -> dict[str, str]:
        return {file.path: repair.text for file, repair in self.repairs}

    def candidate(self) -> Candidate:
        what = " and ".join(repair.template for _, repair in self.repairs)
        return Candidate(self.files, f"{self.by}: {what}", self.score)

    def with_(self, other: _Changed) -> _Changed | None:
        """Both at once; None where they touch one another."""
        joined = {file.path: (file, repair) for file, repair in self.repairs}
        for file, repair in other.repairs:
            if (own := joined.get(file.path)) is None:
                joined[file.path] = file, repair
                continue
            both = next(pairs(file.text, [own[1]], [repair], 1), None)
            if both is None:
                return None
            joined[file.path] = file, both
        return _Changed(tuple(joined.values()), self.by)


@dataclass(frozen=True, slots=True)
class _Helping:
    """A change that lets more tests pass than before; `failed` still fail."""

    change: _Changed
    passed: int
    failed: int

    @property
    def rank(self) -> tuple[int, float]:
        return -self.passed, -self.change.score


class _Search:
    def __init__(self, attempt: Try, end: float, on_progress: Callable[[int], None]) -> None:
        self._attempt = attempt
        self._end = end
        self._on_progress = on_progress
        self._tried = 0
        self._helping: list[_Helping] = []

    @property
    def _left_s(self) -> float:
        return self._end - time.monotonic()

    async def of(self, files: Sequence[Suspected]) -> Found:
        # What passes without any change says which repairs help.
        nothing = [_single(it, Repair(it.text, (), "nothing", 0.0, 0)) for it in files[:1]]
        base = next(iter((await self._run(nothing, 1)).values()), None)
        if base is not None and base.is_good:
            return Found((), self._tried)
        passed = base.passed if base is not None else 0
        good = await self._all(singles(files), passed)
        if not good:
            good = await self._all_of_those_that_help()
        if not good:
            good = await self._all(self._joined(files), passed)
        if not good and base is not None:
            good = self._best_of_those_that_help(base)
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
                    self._helping.append(_Helping(batch[number], result.passed, result.failed))
        return good

    async def _all_of_those_that_help(self) -> list[_Changed]:
        """What helps, joined with what else does, for as long as ever more tests pass."""
        best = helping = _apart(self._helping)
        while best:
            most = best[0].passed
            joined = [
                both
                for one in best
                for other in helping
                if one is not other and (both := one.change.with_(other.change)) is not None
            ]
            joined.sort(key=lambda it: -it.score)
            if good := await self._all(_each_once(joined), most):
                return good
            best = _apart([it for it in self._helping if it.passed > most])
        return []

    def _best_of_those_that_help(self, base: Tried) -> list[_Changed]:
        """What lets the most tests pass, if it breaks none for each of these."""
        helping = sorted(self._helping, key=lambda it: it.rank)
        better = [
            it for it in helping if it.failed < base.failed and it.passed == helping[0].passed
        ]
        return [it.change for it in better[:ENOUGH]]

    async def _run(self, batch: Sequence[_Changed], enough: int) -> dict[int, Tried]:
        variants = [Variant(at, it.score, it.files) for at, it in enumerate(batch)]
        results = await self._attempt(variants, max(self._left_s, 1.0), enough)
        self._tried += len(results)
        self._on_progress(self._tried)
        return {it.id: it for it in results if 0 <= it.id < len(batch)}

    def _joined(self, files: Sequence[Suspected]) -> Iterator[_Changed]:
        """Pairs, of which one helps where any does."""
        helping = _apart(self._helping)
        single = [it.change.repairs[0] for it in helping if len(it.change.repairs) == 1]
        yield from itertools.islice(self._pairs(files, single), _MAX_PAIRS)

    def _pairs(
        self, files: Sequence[Suspected], helping: Sequence[tuple[Suspected, Repair]]
    ) -> Iterator[_Changed]:
        for file in files:
            leading = list(itertools.islice(repairs(file.text, file.suspicion), _JOINED_WITH))
            own = [repair for where, repair in helping if where is file]
            for repair in own:
                for joined in pairs(file.text, [repair], leading, _JOINED_WITH):
                    yield _single(file, joined)
            if not own:
                for joined in pairs(file.text, leading[:50], leading[:50], _MAX_PAIRS):
                    yield _single(file, joined)


def _apart(helping: Sequence[_Helping]) -> list[_Helping]:
    """Those that help most, of each place a few before there are more of any."""
    chosen: list[_Helping] = []
    others: list[_Helping] = []
    counts: Counter[object] = Counter()
    for it in sorted(helping, key=lambda it: it.rank):
        files = tuple(file.path for file, _ in it.change.repairs)
        lines = tuple((file.path, repair.line) for file, repair in it.change.repairs)
        is_rare = counts[files] < _OF_A_FILE and counts[lines] < _OF_A_LINE
        counts.update((files, lines))
        (chosen if is_rare else others).append(it)
    return [*chosen, *others][:_MAX_PARTLY]


def _single(file: Suspected, repair: Repair, by: str = "template") -> _Changed:
    return _Changed(((file, repair),), by)


def singles(files: Iterable[Suspected]) -> Iterator[_Changed]:
    """Single repairs of all files by score, each text once."""
    return _each_once(_merged([_of_file(it) for it in files]))


def _each_once(changes: Iterable[_Changed]) -> Iterator[_Changed]:
    seen: set[frozenset[tuple[str, str]]] = set()
    for change in changes:
        files = frozenset(change.files.items())
        if files not in seen:
            seen.add(files)
            yield change


def _of_file(file: Suspected) -> Iterator[_Changed]:
    ranked = _merged(
        [
            (_single(file, it) for it in repairs(file.text, file.suspicion)),
            (_single(file, it, "model") for it in sorted(file.more, key=lambda it: -it.score)),
        ]
    )
    yield from ranked


def _merged(streams: Sequence[Iterator[_Changed]]) -> Iterator[_Changed]:
    yield from heapq.merge(*streams, key=lambda it: -it.score)
