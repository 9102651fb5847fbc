"""Draws the log of a training run as SVG: the loss over the tokens seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

_WIDTH, _HEIGHT = 720, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 20, 20, 40
_SMOOTHED = 20
_FINE_GRID = 4.0
_CURVES = (
    ("train", "#9aa5b1", "training"),
    ("held_out", "#2563eb", "held out, every token"),
    ("held_out_answers", "#dc2626", "held out, answers"),
)

Points = list[tuple[float, float]]
Place = Callable[[float], float]


def plot(log: Path, target: Path) -> None:
    """Writes the picture; a log without figures gives an empty one."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    curves = {
        key: [(line["tokens"] / 1e6, line[key]) for line in lines if key in line]
        for key, _, _ in _CURVES
    }
    curves["train"] = _smoothed(curves["train"])
    target.write_text(_drawn(curves), encoding="utf-8")


def _smoothed(points: Points) -> Points:
    found: Points = []
    for end in range(_SMOOTHED, len(points) + 1, max(1, len(points) // 300)):
        part = points[end - _SMOOTHED : end]
        found.append((part[-1][0], sum(loss for _, loss in part) / _SMOOTHED))
    return found


def _drawn(curves: dict[str, Points]) -> str:
    every = [point for points in curves.values() for point in points]
    most = max((tokens for tokens, _ in every), default=1.0) or 1.0
    low = min((loss for _, loss in every), default=0.0) // 0.5 * 0.5
    high = max((loss for _, loss in every), default=1.0) // 0.5 * 0.5 + 0.5

    def x(tokens: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * tokens / most

    def y(loss: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - loss) / (high - low)

    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
            'font-family="sans-serif" font-size="12">'
        ),
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        *_grid(low, high, most, x, y),
    ]
    for number, (key, colour, name) in enumerate(_CURVES):
        drawn = " ".join(f"{x(tokens):.1f},{y(loss):.1f}" for tokens, loss in curves[key])
        parts.append(
            f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        )
        parts.append(
            f'<text x="{_WIDTH - 180}" y="{_TOP + 16 * (number + 1)}" fill="{colour}">{name}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _grid(low: float, high: float, most: float, x: Place, y: Place) -> list[str]:
    lines: list[str] = []
    step = 0.5 if high - low <= _FINE_GRID else 1.0
    loss = low
    while loss <= high:
        lines.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(loss):.1f}" y2="{y(loss):.1f}" '
            'stroke="#e5e7eb"/>'
            f'<text x="{_LEFT - 8}" y="{y(loss) + 4:.1f}" text-anchor="end">{loss:.1f}</text>'
        )
        loss += step
    lines += [
        f'<text x="{x(most * part):.1f}" y="{_HEIGHT - 20}" text-anchor="middle">'
        f"{most * part:.2g}M</text>"
        for part in (0.25, 0.5, 0.75, 1.0)
    ]
    return [*lines, f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 4}">tokens</text>']
