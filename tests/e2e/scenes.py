"""What the flows open: small workspaces, and scripts of the engine that does as it is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

TEMPERATURES = '''"""Temperature scales."""

ABSOLUTE_ZERO = -273.15


def celsius_to_fahrenheit(celsius: float) -> float:
    """Convert degrees Celsius."""
    if celsius < ABSOLUTE_ZERO:
        raise ValueError(f"{celsius} is below absolute zero")
    return celsius * 9 / 5 + 32


def celsius_to_kelvin(celsius: float) -> float:
    """Convert degrees Celsius."""
'''
REPEATED = (
    'if celsius < ABSOLUTE_ZERO:\n        raise ValueError(f"{celsius} is below absolute zero")'
)
"""What the text goes on with, going by what it held before."""

TYPED = "    if celsius <"
"""What a user types at the end of TEMPERATURES."""

NOTHING: dict[str, Any] = {"reply": []}
"""The last rule of a script: to all other requests there is nothing to say."""


def with_suffix_engine(sparrow: Path) -> dict[str, Any]:
    """Settings for what is to be foreseen to the letter: this engine makes nothing up."""
    return {"sparrow.server.path": str(sparrow), "sparrow.completion.model": "suffix"}


def rule(
    after: str, *reply: str, then: Literal["stop", "die", "hang"] = "stop", delay_ms: float = 0
) -> dict[str, Any]:
    """A rule of the scripted engine: what it replies when the text before the caret ends so."""
    when = {"prefix_ends_with": after}
    return {"when": when, "reply": list(reply), "delay_ms": delay_ms, "then": then}


def scripted_model(script: Path, *rules: dict[str, Any]) -> str:
    """Write the script; returns the name of the model that acts by it."""
    script.write_text(json.dumps({"load_seconds": 0, "rules": [*rules, NOTHING]}))
    return f"scripted:{script}"
