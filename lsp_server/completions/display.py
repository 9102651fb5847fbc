"""What of a generated text is shown at a place: each filter in turn, and what it cut. Pure."""

from __future__ import annotations

import enum
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lsp_server.completions.balance import balanced
from lsp_server.completions.insertion import fit, says_again, without_joined_word
from lsp_server.completions.place import Surroundings
from lsp_server.edits.python_names import Use

MAX_TOLD_CHARACTERS = 60  # of a name


class UnknownNames(enum.StrEnum):
    """What is done about a name that nothing explains: the values of the setting."""

    TRIM = "trim"
    DROP = "drop"
    SHOW = "show"


class Refusal(enum.Enum):
    """Why nothing of a text is shown."""

    REPEATS = enum.auto()
    UNBALANCED = enum.auto()
    BREAKS_SYNTAX = enum.auto()
    UNKNOWN_NAME = enum.auto()


@dataclass(frozen=True, slots=True)
class Displayed:
    """The text; or empty, and why. `cuts` says of each filter that took something what it took."""

    text: str
    cuts: tuple[str, ...] = ()
    refusal: Refusal | None = None
    detail: str = ""


def display(
    around: Surroundings,
    text: str,
    max_lines: int,
    unknown_names: UnknownNames,
    *,
    breaks_syntax: Callable[[str], bool],
    find_unknown: Callable[[str], Use | None],
) -> Displayed:
    """What may be inserted.

    `breaks_syntax` says of a text whether it can never be right there, and `find_unknown` finds the
    first name in one that is unknown there.
    """
    cuts: list[str] = []

    def refuse(refusal: Refusal, detail: str = "") -> Displayed:
        return Displayed("", tuple(cuts), refusal, detail)

    apart, refusal = _beside_the_rest(around, text, max_lines, cuts)
    if refusal is not None:
        return refuse(refusal)
    sound = _sound(apart, breaks_syntax)
    if not sound.strip():
        return refuse(Refusal.BREAKS_SYNTAX)
    cuts += _told(apart, sound, "from the line on that cannot stand here")
    use = find_unknown(sound) if unknown_names is not UnknownNames.SHOW else None
    if use is None:
        return Displayed(sound, tuple(cuts))
    name = use.name[:MAX_TOLD_CHARACTERS]
    known = "".join(sound.splitlines(keepends=True)[: use.line]).rstrip()
    is_dropped = unknown_names is UnknownNames.DROP or not known.strip()
    if is_dropped or breaks_syntax(known):
        return refuse(Refusal.UNKNOWN_NAME, name)
    cuts += _told(sound, known, f"from the line on that names {name}")
    return Displayed(known, tuple(cuts))


def _beside_the_rest(
    around: Surroundings, text: str, max_lines: int, cuts: list[str]
) -> tuple[str, Refusal | None]:
    """What of a text goes with the rest of the line; or nothing, and why."""
    fitted = fit(text, around.rest, max_lines=max_lines)
    cuts += _told(
        text.rstrip(), fitted, "that the rest of the line has, or over the limit of lines"
    )
    even = balanced(around, fitted)
    cuts += _told(fitted, even, "that close a bracket or quote once more")
    if fitted.strip() and not even.strip():
        return "", Refusal.UNBALANCED
    apart = without_joined_word(even, around.rest)
    cuts += _told(even, apart, "that would run into the word behind the cursor")
    is_said = not apart.strip() or says_again(apart, around.own, around.rest)
    return apart, Refusal.REPEATS if is_said else None


def _sound(text: str, breaks_syntax: Callable[[str], bool]) -> str:
    """The lines of a text up to the first with which it can never be right; maybe none."""
    if not breaks_syntax(text):
        return text
    lines = text.splitlines(keepends=True)
    kept = bisect_left(
        range(1, len(lines)),
        True,  # noqa: FBT003 - what is looked for
        key=lambda count: breaks_syntax("".join(lines[:count])),
    )
    return "".join(lines[:kept]).rstrip()


def _told(before: str, behind: str, why: str) -> Iterator[str]:
    if count := len(before) - len(behind):
        yield f"{count} character{'s' if count > 1 else ''} {why}"
