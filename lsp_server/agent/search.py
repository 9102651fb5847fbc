"""Looks for repairs of Python functions that the tests accept: single ones, then several at once.

Variants are tried by the hundred in one run (`inside/tryout.py`), in the order of their scores. What is
found is a proposal that its tests did not refuse, and no more: the verdict is `validate`'s. Where no
single repair is accepted, those that let more tests pass than before are joined: with one another, as
tests that fail for different reasons need, in one file or in several, and then with others. Where that
mends not all, what mends the most is proposed. Of what was joined no part stays that it can do without:
a repair that would do alone may have run out of its time when the machine was busy.
"""

from __future__ import annotations

import heapq
import itertools
import math
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lsp_server.agent.data import Candidate
from lsp_server.agent.python_runs import Tried, Variant
from lsp_server.agent.repairs.templates import Repair, join, repairs

BATCH = 240
ENOUGH = 3  # accepted repairs, after which no more are looked for
_MAX_PARTLY = 12  # repairs that help, each joined with others
_OF_A_FILE, _OF_A_LINE = 6, 2  # of these, since others may help other tests
_JOINED_WITH = 120
_BOTH_LEADING = 50  # that are joined with one another, where none helps
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
    """The repairs that all tests accept, or else most; `on_progress` is told how many were tried."""
    return await _Search(attempt, time.monotonic() + budget_s, on_progress).of(files)


@dataclass(frozen=True, slots=True)
class _Part:
    """A repair of one place, and whose it is."""

    file: Suspected
    repair: Repair
    by: str = "template"


@dataclass(frozen=True, slots=True)
class _Changed:
    """One or more repairs at once. `files` are their files with them; make it with `_changed`."""

    parts: tuple[_Part, ...]
    files: Mapping[str, str] = field(compare=False)

    @property
    def score(self) -> float:
        return math.prod(it.repair.score for it in self.parts)

    def candidate(self) -> Candidate:
        what = " and ".join(it.repair.template for it in self.parts)
        by = " and ".join(dict.fromkeys(it.by for it in self.parts))
        return Candidate(self.files, f"{by}: {what}", self.score)

    def with_(self, other: _Changed) -> _Changed | None:
        """Both at once; None where they touch one another."""
        return _changed((*self.parts, *other.parts))

    def without_one(self) -> Iterator[_Changed]:
        """What is left of it without each of its parts, if that is anything."""
        if len(self.parts) > 1:
            for at in range(len(self.parts)):
                rest = _changed((*self.parts[:at], *self.parts[at + 1 :]))
                if rest is not None:
                    yield rest


def _changed(parts: Sequence[_Part]) -> _Changed | None:
    """None where they touch one another, or what they make is no Python."""
    of_files: defaultdict[str, list[_Part]] = defaultdict(list)
    for it in parts:
        of_files[it.file.path].append(it)
    files: dict[str, str] = {}
    for path, own in of_files.items():
        text = join(own[0].file.text, [it.repair for it in own])
        if text is None:
            return None
        files[path] = text
    return _Changed(tuple(parts), files)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What the tests said of a change."""

    change: _Changed
    tried: Tried

    @property
    def rank(self) -> tuple[int, float]:
        return -self.tried.passed, -self.change.score


class _Search:
    def __init__(self, attempt: Try, end: float, on_progress: Callable[[int], None]) -> None:
        self._attempt = attempt
        self._end = end
        self._on_progress = on_progress
        self._tried = 0
        self._helping: list[_Outcome] = []  # they let more tests pass than before

    @property
    def _left_s(self) -> float:
        return self._end - time.monotonic()

    async def of(self, files: Sequence[Suspected]) -> Found:
        # What passes without any change says which repairs help.
        nothing = [_single(it, Repair(it.text, (), "nothing", 0.0, 0)) for it in files[:1]]
        base = next((it.tried for it in await self._run(nothing, 1)), None)
        if base is not None and base.is_good:
            return Found((), self._tried)
        passed = base.passed if base is not None else 0
        good = await self._all(singles(files), passed)
        if not good:
            good = await self._all_of_those_that_help()
        if not good:
            good = await self._all(self._pairs(files), passed)
        if not good and base is not None:
            good = self._best_of_those_that_help(base)
        least = [await self._least_of(it) for it in good]
        least.sort(key=lambda it: -it.score)
        return Found(tuple(it.candidate() for it in _each_once(least)), self._tried)

    async def _all(self, variants: Iterator[_Changed], passed: int) -> list[_Outcome]:
        good: list[_Outcome] = []
        while self._left_s > 0 and not good:
            batch = list(itertools.islice(variants, BATCH))
            if not batch:
                break
            for it in await self._run(batch, ENOUGH):
                if it.tried.is_good:
                    good.append(it)
                elif it.tried.passed > passed:
                    self._helping.append(it)
        return good

    async def _least_of(self, outcome: _Outcome) -> _Changed:
        """What is left where each part goes that nothing is worse without, as far as there is time."""
        change = outcome.change
        while self._left_s > 0 and (fewer := sorted(change.without_one(), key=_by_score)):
            enough = [
                it.change
                for it in await self._run(fewer, 1)
                if it.tried.is_as_good_as(outcome.tried)
            ]
            if not enough:
                break
            change = min(enough, key=_by_score)
        return change

    async def _all_of_those_that_help(self) -> list[_Outcome]:
        """What helps, joined with what else does, for as long as ever more tests pass."""
        best = helping = _apart(self._helping)
        while best:
            most = best[0].tried.passed
            joined = [
                both
                for one in best
                for other in helping
                if one is not other and (both := one.change.with_(other.change)) is not None
            ]
            joined.sort(key=_by_score)
            if good := await self._all(_each_once(joined), most):
                return good
            best = _apart([it for it in self._helping if it.tried.passed > most])
        return []

    def _best_of_those_that_help(self, base: Tried) -> list[_Outcome]:
        """What lets the most tests pass, if it breaks none for each of these."""
        helping = sorted(self._helping, key=lambda it: it.rank)
        better = [
            it
            for it in helping
            if it.tried.failed < base.failed and it.tried.passed == helping[0].tried.passed
        ]
        return better[:ENOUGH]

    async def _run(self, batch: Sequence[_Changed], enough: int) -> list[_Outcome]:
        variants = [Variant(at, it.score, it.files) for at, it in enumerate(batch)]
        results = await self._attempt(variants, max(self._left_s, 1.0), enough)
        self._tried += len(results)
        self._on_progress(self._tried)
        # Each once: what runs may write results of its own.
        told = {it.id: it for it in results if 0 <= it.id < len(batch)}
        return [_Outcome(batch[number], it) for number, it in told.items()]

    def _pairs(self, files: Sequence[Suspected]) -> Iterator[_Changed]:
        """Pairs, of which one helps where any does."""
        helping = [it.change for it in _apart(self._helping)]
        pairs = (both for file in files for both in _pairs_of(file, helping))
        return itertools.islice(_each_once(pairs), _MAX_PAIRS)


def _pairs_of(file: Suspected, helping: Sequence[_Changed]) -> Iterator[_Changed]:
    leading = [
        _single(file, it)
        for it in itertools.islice(repairs(file.text, file.suspicion), _JOINED_WITH)
    ]
    own = [it for it in helping if list(it.files) == [file.path]]
    for it in own:
        yield from _joined(itertools.product([it], leading))
    if not own:
        yield from _joined(itertools.combinations(leading[:_BOTH_LEADING], 2))


def _by_score(change: _Changed) -> float:
    """For the likeliest one to be first."""
    return -change.score


def _joined(pairs: Iterable[tuple[_Changed, _Changed]]) -> Iterator[_Changed]:
    """Both of each that do not touch, the likeliest products first."""
    for one, other in sorted(pairs, key=lambda it: -it[0].score * it[1].score):
        if (both := one.with_(other)) is not None:
            yield both


def _apart(helping: Sequence[_Outcome]) -> list[_Outcome]:
    """Those that help most, of each place a few before there are more of any."""
    chosen: list[_Outcome] = []
    others: list[_Outcome] = []
    counts: Counter[object] = Counter()
    for it in sorted(helping, key=lambda it: it.rank):
        files = frozenset(it.change.files)
        lines = frozenset((part.file.path, part.repair.line) for part in it.change.parts)
        is_rare = counts[files] < _OF_A_FILE and counts[lines] < _OF_A_LINE
        counts.update((files, lines))
        (chosen if is_rare else others).append(it)
    return [*chosen, *others][:_MAX_PARTLY]


def _single(file: Suspected, repair: Repair, by: str = "template") -> _Changed:
    return _Changed((_Part(file, repair, by),), {file.path: repair.text})


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
    return _merged(
        [
            (_single(file, it) for it in repairs(file.text, file.suspicion)),
            (_single(file, it, "model") for it in sorted(file.more, key=lambda it: -it.score)),
        ]
    )


def _merged(streams: Sequence[Iterator[_Changed]]) -> Iterator[_Changed]:
    return heapq.merge(*streams, key=_by_score)
