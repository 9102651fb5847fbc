"""Plots as SVG: bars with their values, in the colours of a light or a dark page. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

_WIDTH, _VALUES = 720, 90
_CHARACTER = 7.5  # as wide as one of a label is taken to be: no font is at hand that could be asked
_ROW, _BAR, _TOP = 34, 18, 64
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600}.bar{fill:#8b949e}"
    ".unit{fill:#59636e}"
    ".first{fill:#2f81f7}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.unit{fill:#9198a1}}"
)


def bars(title: str, values: Mapping[str, float], unit: str) -> str:
    """A bar for each value, from 0 on one scale; the first one, Sparrow's, stands out."""
    height = _TOP + _ROW * len(values) + 8
    longest = max([*values.values(), 0.0]) or 1.0
    labels = 24 + _CHARACTER * max(map(len, values), default=0)
    room = _WIDTH - labels - _VALUES
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<text class="title" x="8" y="22">{escape(title)}</text>',
        f'<text class="unit" x="8" y="42">{escape(unit)}</text>',
    ]
    for number, (label, value) in enumerate(values.items()):
        y = _TOP + _ROW * number
        width = max(1.0, room * max(value, 0.0) / longest)
        kind = "bar first" if number == 0 else "bar"
        parts += [
            f'<text x="{labels - 8:g}" y="{y + 14}" text-anchor="end">{escape(label)}</text>',
            f'<rect class="{kind}" x="{labels:g}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="3"/>',
            f'<text x="{labels + width + 8:.1f}" y="{y + 14}">{value:,.4g}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
