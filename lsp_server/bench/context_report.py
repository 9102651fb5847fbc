"""The context benchmark's figures: recall by kind, budget, method and repository. Pure but to print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from lsp_server.bench.context_run import (
    BM25_CHUNKS,
    BUDGETS,
    JACCARD,
    METHODS,
    OURS,
    Measured,
    Outcome,
)
from lsp_server.bench.context_tasks import KINDS
from lsp_server.bench.measure import percentile

MIDDLE = BUDGETS[1]
MIN_RATIO = 1.25
_PLACES = 4  # of a definition, that are listed
_BASELINES = (JACCARD, BM25_CHUNKS)


def recall(outcomes: Iterable[Outcome], method: str, budget: int) -> float:
    """The share of all needed names that are found."""
    needed = found = 0
    for outcome in outcomes:
        needed += len(outcome.needed)
        found += len(outcome.found[method, budget])
    return found / needed if needed else 0.0


def recall_by_task(outcomes: Sequence[Outcome], method: str, budget: int) -> float:
    """The mean over the tasks of the share that is found."""
    shares = [len(it.found[method, budget]) / len(it.needed) for it in outcomes]
    return sum(shares) / len(shares) if shares else 0.0


def ratio(outcomes: Sequence[Outcome], budget: int) -> float:
    """Our recall by that of the better baseline."""
    best = max(recall(outcomes, method, budget) for method in _BASELINES)
    return recall(outcomes, OURS, budget) / best if best else 0.0


def as_json(halves: Mapping[str, Sequence[Measured]]) -> dict[str, Any]:
    """The object of the contract; the keys at the top are of the half that is reported."""
    reported = _outcomes(halves["reported"])
    times_ms = [ms for each in halves["reported"] for ms in each.assemble_ms]
    result: dict[str, Any] = {
        "name": "context",
        "tasks": len(reported),
        "tasks_in_all": sum(len(_outcomes(half)) for half in halves.values()),
        "samples": len(times_ms),
        "repositories": [each.repository for each in halves["reported"]],
        "tuned_on": [each.repository for each in halves["tuned on"]],
    }
    for kind in KINDS:
        of_kind = _of_kind(reported, kind)
        for budget in BUDGETS:
            result[f"recall_{kind}_{budget}"] = round(recall(of_kind, OURS, budget), 4)
            for method in _BASELINES:
                value = recall(of_kind, method, budget)
                result[f"baseline_{method}_{kind}_{budget}"] = round(value, 4)
        result[f"ratio_to_best_{kind}"] = round(ratio(of_kind, MIDDLE), 3)
        tuned = _of_kind(_outcomes(halves["tuned on"]), kind)
        result[f"tuned_ratio_to_best_{kind}"] = round(ratio(tuned, MIDDLE), 3)
    result["context_p95_ms"] = round(percentile(times_ms, 0.95), 2) if times_ms else None
    return result


def show(console: Console, halves: Mapping[str, Sequence[Measured]]) -> None:
    for name, half in halves.items():
        if half:
            console.print(_by_budget(name, _outcomes(half)))
            console.print(_by_repository(name, half))
            console.print(_by_category(name, _outcomes(half)))
    times_ms = [ms for each in halves["reported"] for ms in each.assemble_ms]
    if times_ms:
        console.print(f"a context at {MIDDLE} tokens: p95 {percentile(times_ms, 0.95):.1f} ms")
    for kind in KINDS:
        value = ratio(_of_kind(_outcomes(halves["reported"]), kind), MIDDLE)
        reached = "reached" if value >= MIN_RATIO else "NOT reached"
        console.print(
            f"{reached}: {MIN_RATIO} times the better baseline, {kind}, {MIDDLE} tokens: {value:.2f}"
        )


def show_misses(console: Console, halves: Mapping[str, Sequence[Measured]], count: int) -> None:
    """Tasks whose names our context lacks, so many of each kind and repository.

    They are of the half that is tuned on, where there is one: the other is not to be learned from.
    """
    for each in halves["tuned on"] or halves["reported"]:
        for kind in KINDS:
            missed = [
                outcome
                for outcome in _of_kind(each.outcomes, kind)
                if set(outcome.needed) - outcome.found[OURS, MIDDLE]
            ]
            for outcome in missed[:count]:
                _show_miss(console, each.repository, outcome)


def _show_miss(console: Console, repository: str, outcome: Outcome) -> None:
    lines = [f"{repository} {outcome.place} {outcome.kind}", f"    {outcome.truth}"]
    for name, paths in zip(outcome.needed, outcome.defined_in, strict=True):
        by = [method for method in METHODS if name in outcome.found[method, MIDDLE]]
        where = ", ".join(paths[:_PLACES])
        if len(paths) > _PLACES:
            where += f" and {len(paths) - _PLACES} more"
        lines.append(f"    {name}: defined in {where}; found by {', '.join(by) or 'none'}")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _by_budget(name: str, outcomes: Sequence[Outcome]) -> Table:
    table = Table(
        title=f"Recall of needed names, repositories {name} (mean over tasks in brackets)"
    )
    for heading in ("kind", "tasks", "names", "budget"):
        table.add_column(heading, justify="right")
    for method in METHODS:
        table.add_column(method, justify="right")
    table.add_column("ratio", justify="right")
    for kind in KINDS:
        of_kind = _of_kind(outcomes, kind)
        for budget in BUDGETS:
            table.add_row(
                kind,
                str(len(of_kind)),
                str(sum(len(it.needed) for it in of_kind)),
                str(budget),
                *(
                    f"{recall(of_kind, method, budget):.3f}"
                    f" ({recall_by_task(of_kind, method, budget):.3f})"
                    for method in METHODS
                ),
                f"{ratio(of_kind, budget):.2f}",
            )
    return table


def _by_repository(name: str, half: Sequence[Measured]) -> Table:
    table = Table(title=f"Recall at {MIDDLE} tokens by repository, {name}")
    for heading in ("repository", "files", "lines"):
        table.add_column(heading, justify="right")
    for kind in KINDS:
        for method in METHODS:
            table.add_column(f"{kind}\n{method}", justify="right")
    for each in half:
        table.add_row(
            each.repository,
            str(each.files),
            str(each.lines),
            *(
                f"{recall(_of_kind(each.outcomes, kind), method, MIDDLE):.2f}"
                for kind in KINDS
                for method in METHODS
            ),
        )
    return table


def _by_category(name: str, outcomes: Sequence[Outcome]) -> Table:
    table = Table(title=f"Found at {MIDDLE} tokens by what the names are, {name}")
    for heading in ("kind", "what", "names", *METHODS):
        table.add_column(heading, justify="right")
    for kind in KINDS:
        all_: Counter[str] = Counter()
        found: Counter[tuple[str, str]] = Counter()
        for outcome in _of_kind(outcomes, kind):
            for needed, category in zip(outcome.needed, outcome.categories, strict=True):
                all_[category] += 1
                for method in METHODS:
                    found[category, method] += needed in outcome.found[method, MIDDLE]
        for category, count in all_.most_common():
            shares = (f"{found[category, method] / count:.2f}" for method in METHODS)
            table.add_row(kind, category, str(count), *shares)
    return table


def _outcomes(half: Iterable[Measured]) -> list[Outcome]:
    return [outcome for each in half for outcome in each.outcomes]


def _of_kind(outcomes: Iterable[Outcome], kind: str) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.kind == kind]
