"""What `sparrow bench clients` tells: latencies by class and phase, fairness, refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from inference.protocol import Priority
from lsp_server.bench.measure import CouldNotRun, percentile

TINY = "tiny"  # a checkpoint that is made for vLLM


@dataclass(frozen=True, slots=True)
class Phase:
    """One of the benchmark's.

    `by_class` holds the milliseconds of the answers of each client that asked for any, in the
    clients' order; `given_up` counts completions that came too late, `refusals` is what was said.
    """

    name: str
    seconds: float
    by_class: Mapping[Priority, Sequence[Sequence[float]]]
    tokens: int
    given_up: int
    refusals: Sequence[str]


def jain(shares: Sequence[float]) -> float:
    """Jain's index of fairness (Jain, Chiu, Hawe 1984): the squared sum over n sums of squares."""
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 1.0


def as_json(model: str, phases: Sequence[Phase], rss_mb: float) -> dict[str, Any]:
    """Raises `CouldNotRun` where a phase has no answers of its first class."""
    by_name = {phase.name: phase for phase in phases}
    for phase in phases:
        if not _latencies(phase, min(phase.by_class)):
            raise CouldNotRun(f"no answer came in {phase.seconds:.0f} s of “{phase.name}”")
    alone, full, mixed = (
        _latencies(by_name[name], Priority.COMPLETION)
        for name in ("alone", "all complete", "with chats")
    )
    past = by_name["past the limit"]
    busy = by_name["all complete"]
    return {
        "name": "clients-tiny" if model == TINY else "clients",
        "model": model,
        "clients": len(busy.by_class[Priority.COMPLETION]),
        "samples": sum(
            len(times) for phase in phases for each in phase.by_class.values() for times in each
        ),
        "floor_p50_ms": round(percentile(alone, 0.5), 2),
        "p50_ms": round(percentile(full, 0.5), 2),
        "p95_ms": round(percentile(full, 0.95), 2),
        "with_chats_p50_ms": round(percentile(mixed, 0.5), 2),
        "with_chats_p95_ms": round(percentile(mixed, 0.95), 2),
        "with_chats_ratio_p50": round(percentile(mixed, 0.5) / percentile(full, 0.5), 2),
        "given_up_share": round(busy.given_up / max(1, busy.given_up + len(full)), 3),
        "requests_per_s": round(len(full) / busy.seconds, 1),
        "tokens_per_s": round(busy.tokens / busy.seconds, 1),
        "fairness": round(_fairness(busy, Priority.COMPLETION), 4),
        "fairness_of_the_others": round(
            _fairness(by_name["one greedy"], Priority.AGENT, beside_first=True), 4
        ),
        "share_of_the_greedy": round(_share_of_first(by_name["one greedy"]), 2),
        "refused": len(past.refusals),
        "served": sum(map(len, past.by_class[Priority.AGENT])),
        "refusal": past.refusals[0],
        "rss_mb": round(rss_mb, 1),
        "phases": [
            {
                "phase": phase.name,
                "class": priority.name.lower().replace("_", "-"),
                "answers": len(times),
                "per_s": round(len(times) / phase.seconds, 1),
                "p50_ms": round(percentile(times, 0.5), 2),
                "p95_ms": round(percentile(times, 0.95), 2),
                "fairness": round(_fairness(phase, priority), 4),
                "given_up": phase.given_up if priority is Priority.COMPLETION else 0,
                "refused": len(phase.refusals),
            }
            for phase in phases
            for priority in phase.by_class
            if (times := _latencies(phase, priority))
        ],
    }


def show(console: Console, result: Mapping[str, Any]) -> None:
    table = Table(title=f"{result['clients']} clients on one host: {result['model']}")
    table.add_column("phase", no_wrap=True)
    table.add_column("class", no_wrap=True)
    for heading in ("answers", "per s", "p50 ms", "p95 ms", "fair", "late", "refused"):
        table.add_column(heading, justify="right")
    for row in result["phases"]:
        table.add_row(
            row["phase"],
            row["class"],
            str(row["answers"]),
            f"{row['per_s']:.1f}",
            f"{row['p50_ms']:.0f}",
            f"{row['p95_ms']:.0f}",
            f"{row['fairness']:.3f}",
            str(row["given_up"]),
            str(row["refused"]),
        )
    console.print(table)
    console.print(
        f"completions {result['requests_per_s']:.1f} and {result['tokens_per_s']:.0f} tokens a second"
        f"; with chats their median is {result['with_chats_ratio_p50']:.2f} times what it is without;"
        f" who asks for too much gets {result['share_of_the_greedy']:.1f} times what another gets; "
        f"past the limit {result['refused']} were refused and {result['served']} served, by "
        f"“{result['refusal']}”; resident {result['rss_mb']:.0f} MB"
    )


def _latencies(phase: Phase, priority: Priority) -> list[float]:
    return [ms for times in phase.by_class[priority] for ms in times]


def _fairness(phase: Phase, priority: Priority, *, beside_first: bool = False) -> float:
    counts = [float(len(times)) for times in phase.by_class[priority]]
    return jain(counts[1:] if beside_first else counts)


def _share_of_first(phase: Phase) -> float:
    """What the first client was answered, as a multiple of the others' mean."""
    first, *others = (len(times) for times in phase.by_class[Priority.AGENT])
    return first / (sum(others) / len(others)) if any(others) else float(first)
