"""Plots of the counts as SVG, for a page that runs no script. Pure.

Colours are classes of the page's style sheet; what a bar stands for is its title, which browsers show
where the pointer rests.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from lsp_server.statistics.tally import BUCKETS_PER_DOUBLING, LAST_BUCKET, Count, Tally

WIDTH, HEIGHT = 720, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 8, 12, 28
_TICKS_MS = (1, 4, 16, 64, 256, 1024, 4096, 16384)
_MOST_LABELS = 8


def by_day(days: Sequence[tuple[str, Tally]]) -> str:
    """What was shown on each day, and within it what was accepted."""
    top = _round_up(max((tally[Count.SHOWN] for _, tally in days), default=0))
    step = (WIDTH - _LEFT - _RIGHT) / max(len(days), 1)
    bars = []
    every = -(-len(days) // _MOST_LABELS)
    for number, (day, tally) in enumerate(days):
        shown, accepted = tally[Count.SHOWN], tally[Count.ACCEPTED]
        x, width = _LEFT + number * step + step * 0.15, step * 0.7
        title = f"{day}: {shown:,} shown, {accepted:,} accepted"
        bars.append(
            f"<g><title>{html.escape(title)}</title>"
            f"{_bar(x, width, shown / top, 'shown')}{_bar(x, width, accepted / top, 'accepted')}</g>"
        )
        if number % every == 0:
            bars.append(_text(x + width / 2, HEIGHT - 10, day[5:], "middle"))
    return _plot("Shown and accepted, by day", top, "".join(bars))


def by_time(latencies: Mapping[int, int]) -> str:
    """How many completions took how long, on a scale of powers of two."""
    last = min(max(latencies, default=0) + BUCKETS_PER_DOUBLING, LAST_BUCKET)
    last = max(last, 8 * BUCKETS_PER_DOUBLING)
    top = _round_up(max(latencies.values(), default=0))
    step = (WIDTH - _LEFT - _RIGHT) / (last + 1)
    bars = []
    for bucket, amount in sorted(latencies.items()):
        longest = 2 ** (bucket / BUCKETS_PER_DOUBLING)
        title = html.escape(f"{amount:,} within {longest:.3g} ms")
        bar = _bar(_LEFT + bucket * step + step * 0.05, step * 0.9, amount / top, "shown")
        bars.append(f"<g><title>{title}</title>{bar}</g>")
    for tick in _TICKS_MS:
        bucket = (tick.bit_length() - 1) * BUCKETS_PER_DOUBLING
        if bucket <= last:
            label = f"{tick} ms" if tick < 1000 else f"{tick / 1024:.0f} s"  # noqa: PLR2004
            bars.append(_text(_LEFT + (bucket + 1) * step, HEIGHT - 10, label, "middle"))
    return _plot("Time from request to answer", top, "".join(bars))


def _plot(title: str, top: float, content: str) -> str:
    lines = "".join(
        f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{_y(part):.1f}"'
        f' y2="{_y(part):.1f}"/>' + _text(_LEFT - 6, _y(part) + 4, f"{top * part:,.0f}", "end")
        for part in (0.0, 0.5, 1.0)
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(title)}">'
        f"{lines}{content}</svg>"
    )


def _bar(x: float, width: float, part: float, kind: str) -> str:
    if part <= 0:
        return ""
    y = _y(part)
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}"'
        f' height="{_y(0) - y:.1f}" rx="1"/>'
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _y(part: float) -> float:
    return _TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - part)


def _round_up(value: int) -> int:
    """An even number to end a scale at, which has one digit, or two that end in 5."""
    size = 1
    while True:
        for factor in (2, 4, 6, 10):
            if value <= factor * size:
                return factor * size
        size *= 10
