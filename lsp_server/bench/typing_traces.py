"""What is typed in `sparrow bench typing`, where, and what the scripted engine knows of it. Pure.

A place is a point in a real file from which some characters were taken: those that are typed again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lsp_server.workspace.documents import Document, Edit, Position

TYPED_CHARACTERS = 60
UNIFORM_MS = 80.0
_TOLERANCE = 4
ALONG, UNFORESEEN = "along", "unforeseen"
_KNOWN_BEFORE = 48  # characters before the cursor by which the script knows a place
_WORD = re.compile(r"\s*(?:\w+|[^\w\s]+)")


@dataclass(frozen=True, slots=True)
class Place:
    """`text` is the file without what is to be typed at `cursor`."""

    name: str
    text: str
    cursor: Position
    target: str


@dataclass(frozen=True, slots=True)
class Stroke:
    """A key, and the time since the one before it: a character, or without one a backspace."""

    after_ms: float
    character: str


@dataclass(frozen=True, slots=True)
class TypingTrace:
    """`takes` says whether the typist takes what is right, once it has stood there for a moment."""

    name: str
    strokes: tuple[Stroke, ...]
    takes: bool


def place_in(name: str, text: str, line: int) -> Place:
    """The first place from that line on where whole lines have about as many characters.

    The indentation of the first of them stands there already.
    """
    lines = Document("", "", 0, text).lines
    for number in range(line, len(lines)):
        code = lines[number].lstrip()
        start = len(lines[number]) - len(code)
        if not start or not code[:1].isalpha():
            continue
        for last in range(number, number + 4):
            target = (code + "".join(lines[number + 1 : last + 1])).rstrip("\n")
            if abs(len(target) - TYPED_CHARACTERS) <= _TOLERANCE:
                cursor = Position(number, start)
                document = Document("", "", 0, text)
                document.apply(Edit(cursor, Edit(cursor, cursor, target).caret, ""))
                return Place(name, document.text, cursor, target)
    raise ValueError(f"{name} has no such lines behind line {line + 1}")


def traces_of(target: str, bursty_ms: Sequence[float]) -> list[TypingTrace]:
    """The traces of one text. Gaps of a bursty one begin anew where there are too few."""
    uniform = tuple(Stroke(UNIFORM_MS, it) for it in target)
    bursty = tuple(
        Stroke(bursty_ms[number % len(bursty_ms)], it) for number, it in enumerate(target)
    )
    retyped: list[Stroke] = []
    for start in range(0, len(target), 20):
        part = target[start : start + 20]
        retyped += [Stroke(UNIFORM_MS, it) for it in part]
        retyped += [Stroke(UNIFORM_MS, "")] * len(part[-5:])
        retyped += [Stroke(UNIFORM_MS, it) for it in part[-5:]]
    return [
        TypingTrace("uniform", uniform, takes=False),
        TypingTrace("bursty", bursty, takes=True),
        TypingTrace(ALONG, uniform, takes=False),
        TypingTrace("retyped", tuple(retyped), takes=False),
        TypingTrace(UNFORESEEN, uniform, takes=False),
    ]


def script(places: Sequence[Place], trace: str, delay_ms: float) -> dict[str, Any]:
    """What the scripted engine says, after `delay_ms`.

    It knows the word that comes next; along what it says, the rest of the text; where it is
    unforeseen, it always says something else.
    """
    known: dict[str, str] = {}
    for place in places if trace != UNFORESEEN else ():
        before = _before(place)
        for typed in range(len(place.target)):
            rest = place.target[typed:]
            word = _WORD.match(rest) if trace != ALONG else None
            known[before + place.target[:typed]] = word[0] if word else rest
    rules = [
        {"when": {"prefix_ends_with": prefix}, "reply": [known[prefix]], "delay_ms": delay_ms}
        # Longer prefixes first: a text may end as another begins.
        for prefix in sorted(known, key=len, reverse=True)
    ]
    long = [f"a{number} + " for number in range(250)]
    return {
        "rules": [
            {"when": {"prefix_ends_with": CANCELLED}, "reply": long, "delay_ms": 2},
            *rules,
            {"reply": ["None"], "delay_ms": delay_ms},
        ]
    }


CANCELLED = "slow_total = "
"""What the script answers at length, a token every 2 ms."""


def _before(place: Place) -> str:
    lines = Document("", "", 0, place.text).lines
    above = "".join(lines[max(0, place.cursor.line - 2) : place.cursor.line])
    return (above + lines[place.cursor.line][: place.cursor.column])[-_KNOWN_BEFORE:]
