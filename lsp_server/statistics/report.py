"""What the counts come to: sums by day, language and model, and figures in words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lsp_server.statistics.tally import Count, Key, Tally, percentile

_BARS = "▁▂▃▄▅▆▇█"
NOTHING_YET = "No completions have been counted yet."
MEANING = (
    "A completion is shown once it has stood there for a fifth of a second, and counts once while"
    " you type along it. It is accepted where an edit puts in its next word, line or all of it."
    " Served again is what took no generation of its own. Tokens are all that the model wrote, for"
    " each accepted character. Kept is how much of the accepted text still stands there later, through whatever edits."
)


@dataclass(frozen=True, slots=True)
class Report:
    """Languages and models in the order of what was shown of them, days in their own."""

    total: Tally
    days: tuple[tuple[str, Tally], ...]
    languages: tuple[tuple[str, Tally], ...]
    models: tuple[tuple[str, Tally], ...]


def report(tallies: Mapping[Key, Tally], days: Sequence[str]) -> Report:
    """Of these days, of which each has its place, whether anything was counted or not."""
    counted = {key: tally for key, tally in tallies.items() if key.day in set(days)}
    by_day = _sums(counted, lambda key: key.day)
    return Report(
        total=_sum(counted.values()),
        days=tuple((day, by_day.get(day, Tally())) for day in days),
        languages=_ordered(_sums(counted, lambda key: key.language)),
        models=_ordered(_sums(counted, lambda key: key.model)),
    )


def figures(tally: Tally) -> dict[str, float | None]:
    """For programs: shares are 0 to 1, times in milliseconds; None where there is nothing to say."""
    characters = tally[Count.ACCEPTED_CHARACTERS]
    return {
        "requests": tally[Count.REQUESTS],
        "returned": tally[Count.RETURNED],
        "shown": tally[Count.SHOWN],
        "accepted": tally[Count.ACCEPTED],
        "accepted_whole": tally[Count.ACCEPTED_WHOLE],
        "accepted_share": _share(tally[Count.ACCEPTED], tally[Count.SHOWN]),
        "accepted_characters": characters,
        "saved_characters": tally.saved_characters,
        "kept_30_s_share": _share(tally[Count.KEPT_30_S], tally[Count.LOOKED_FOR_30_S]),
        "kept_5_min_share": _share(tally[Count.KEPT_5_MIN], tally[Count.LOOKED_FOR_5_MIN]),
        "p50_ms": _rounded(percentile(tally.latencies, 0.5)),
        "p95_ms": _rounded(percentile(tally.latencies, 0.95)),
        "served_again_share": _share(tally[Count.SERVED_AGAIN], tally[Count.RETURNED]),
        "tokens": tally[Count.TOKENS],
        "tokens_per_accepted_character": _share(tally[Count.TOKENS], characters),
    }


def as_json(it: Report) -> dict[str, Any]:
    return {
        "total": figures(it.total),
        "days": [{"day": day, **figures(tally)} for day, tally in it.days],
        "languages": [{"language": name, **figures(tally)} for name, tally in it.languages],
        "models": [{"model": name, **figures(tally)} for name, tally in it.models],
    }


def in_words(tally: Tally) -> list[tuple[str, str]]:
    """Names and values, for people."""
    told = figures(tally)
    return [
        ("Requests", number(told["requests"])),
        ("Returned", number(told["returned"])),
        ("Shown", number(told["shown"])),
        ("Accepted", f"{number(told['accepted'])} ({share(told['accepted_share'])})"),
        ("Kept after 30 s", share(told["kept_30_s_share"])),
        ("Kept after 5 min", share(told["kept_5_min_share"])),
        ("Characters saved", number(told["saved_characters"])),
        ("Time to answer, p50", milliseconds(told["p50_ms"])),
        ("Time to answer, p95", milliseconds(told["p95_ms"])),
        ("Served again", share(told["served_again_share"])),
        ("Tokens per character", decimal(told["tokens_per_accepted_character"])),
    ]


HEADINGS = ("shown", "accepted", "kept 5 min", "saved", "p50", "p95", "tokens/char")


def cells(tally: Tally) -> tuple[str, ...]:
    """A row of a table under `HEADINGS`."""
    told = figures(tally)
    return (
        number(told["shown"]),
        share(told["accepted_share"]),
        share(told["kept_5_min_share"]),
        number(told["saved_characters"]),
        milliseconds(told["p50_ms"]),
        milliseconds(told["p95_ms"]),
        decimal(told["tokens_per_accepted_character"]),
    )


def sparkline(values: Sequence[float]) -> str:
    """A bar for each value; a blank for none."""
    top = max(values, default=0)
    return "".join(
        _BARS[min(int(value / top * len(_BARS)), len(_BARS) - 1)] if value > 0 else " "
        for value in values
    )


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def decimal(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def milliseconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"  # noqa: PLR2004 - two digits


def _sums(tallies: Mapping[Key, Tally], name_of: Callable[[Key], str]) -> dict[str, Tally]:
    sums: dict[str, Tally] = {}
    for key, tally in tallies.items():
        sums.setdefault(name_of(key), Tally()).add(tally)
    return sums


def _sum(tallies: Any) -> Tally:
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total


def _ordered(sums: Mapping[str, Tally]) -> tuple[tuple[str, Tally], ...]:
    return tuple(sorted(sums.items(), key=lambda it: (-it[1][Count.SHOWN], it[0])))


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
