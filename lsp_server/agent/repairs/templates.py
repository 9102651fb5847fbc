"""The repairs of a Python file in the order in which they are tried: by suspicion, then by prior. Pure.

A repair that is no Python, changes nothing but the text, names what is bound nowhere, or says the same
as another one is left out. The order depends on the text and the suspicion alone. What many templates
propose at one place is thinned: each further proposal of a template there counts a little less.
"""

from __future__ import annotations

import itertools
import textwrap
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lsp_server.agent.repairs.conditions import conditions
from lsp_server.agent.repairs.constants import constants
from lsp_server.agent.repairs.names import names
from lsp_server.agent.repairs.operators import operators
from lsp_server.agent.repairs.region import Edit, Proposal, Region, regions
from lsp_server.agent.repairs.statements import statements

Template = Callable[[Region], Iterator[Proposal]]
TEMPLATES: tuple[Template, ...] = (operators, constants, names, conditions, statements)
MAX_REGIONS = 40
MAX_PROPOSALS = 6_000  # of one file
# A line that no failing test runs, or of which nothing is known, where others are under suspicion.
_LITTLE = 0.15
_THINNING = 0.97


@dataclass(frozen=True, slots=True)
class Repair:
    """A proposal with the whole new text. `score` is suspicion times prior, from 0 to 1."""

    text: str
    edits: tuple[Edit, ...]
    template: str
    score: float
    line: int


def repairs(
    text: str, suspicion: Mapping[int, float], limit: int = MAX_PROPOSALS
) -> Iterator[Repair]:
    """Single repairs of the functions that have suspicious lines (from 0), the likeliest first.

    They are checked as they are asked for.
    """
    areas = sorted(regions(text, suspicion), key=lambda it: -_most(it, suspicion))[:MAX_REGIONS]
    scored = [it for region in areas for it in _scored(region, suspicion)]
    scored.sort(key=lambda it: (-it[0], it[1].line, it[1].edits))
    checks = {id(region): _Check(region) for region in areas}
    count = 0
    for score, it, region in scored:
        if checks[id(region)].is_new(it.edits):
            count += 1
            yield Repair(apply(text, it.edits), it.edits, it.template, score, it.line)
        if count == limit:
            return


def _most(region: Region, suspicion: Mapping[int, float]) -> float:
    lines = range(region.first_line, region.last_line + 1)
    return max((suspicion.get(line, 0.0) for line in lines), default=0.0)


def _scored(
    region: Region, suspicion: Mapping[int, float]
) -> Iterator[tuple[float, Proposal, Region]]:
    proposals = [it for template in TEMPLATES for it in template(region)]
    counts: Counter[tuple[str, int]] = Counter()
    most = _most(region, suspicion)
    for it in sorted(proposals, key=lambda it: (-it.prior, it.line, it.edits)):
        place = (it.template, it.line)
        weight = max(suspicion.get(it.line, 0.0), _LITTLE * most)
        yield weight * it.prior * _THINNING ** counts[place], it, region
        counts[place] += 1


def join(text: str, of: Sequence[Repair]) -> str | None:
    """The text with several repairs of it; None where they touch, or what they make is no Python."""
    edits = sorted((it for repair in of for it in repair.edits), key=lambda it: (it.start, it.end))
    if any(a.end >= b.start for a, b in itertools.pairwise(edits)):
        return None
    changed = apply(text, edits)
    return changed if _is_python(changed) else None


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with edits that do not overlap, whatever their order."""
    for edit in sorted(edits, key=lambda it: (it.start, it.end), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


class _Check:
    """Which edits of a region make another function of it that is Python, each such one once."""

    def __init__(self, region: Region) -> None:
        self._text = region.text
        self._start = region.starts[region.first_line]
        self._end = region.behind(region.node)
        self._seen: set[str] = set()
        self.is_new(())

    def is_new(self, edits: Sequence[Edit]) -> bool:
        if any(it.start < self._start or it.end > self._end for it in edits):
            return False
        added = sum(len(it.text) - (it.end - it.start) for it in edits)
        changed = apply(self._text, edits)[self._start : self._end + added]
        # Spaces within a line make no other program; those at its start do.
        key = "\n".join(
            line[: len(line) - len(line.lstrip())] + "".join(line.split())
            for line in changed.split("\n")
        )
        if key in self._seen:
            return False
        self._seen.add(key)
        return _is_python(textwrap.dedent(changed))


def _is_python(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "<repair>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True
