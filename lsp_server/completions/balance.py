"""Brackets and quotes: what a text opens and closes, beside what stands around it does. Pure.

Nothing is added to a text. What closes a bracket that the code behind the cursor closes already is
cut from it; a text that leaves something open before more code in its line is none to show.
"""

from __future__ import annotations

from lsp_server.completions.lexis import Scanner, lexis_of, scan, statement_start
from lsp_server.completions.place import Surroundings


def balanced(around: Surroundings, text: str) -> str:
    """The beginning of `text` that is in balance there; empty where none is."""
    scanner = Scanner(lexis_of(around.language))
    if not around.rest.strip():
        scanner.feed(text)
        return _without_surplus(around, text) if scanner.surplus else text
    own = scan(around.language, around.before[statement_start(around.before) :])
    kept = text
    while kept.strip():
        if _is_balanced(own, kept, around.rest):
            return kept
        if kept.rstrip()[-1:] not in tuple(")]}\"'`;,:"):
            return ""
        kept = kept.rstrip()[:-1].rstrip()
    return ""


def _is_balanced(own: Scanner, text: str, rest: str) -> bool:
    """Whether a line is as open at its end with the text as it was without."""
    with_text, without = own.copy(), own.copy()
    with_text.feed(text + rest)
    without.feed(rest)
    return (
        with_text.opened == without.opened
        and with_text.until == without.until
        and len(with_text.surplus) <= len(without.surplus)
        and with_text.has_mismatch <= without.has_mismatch
    )


def _without_surplus(around: Surroundings, text: str) -> str:
    """The text up to where it closes more than is open: before its line, where that begins one."""
    start = statement_start(around.before)
    own = scan(around.language, around.before[start:])
    if own.is_within_text:
        return text  # it may end a string, and what then is a bracket is hard to say
    awaited = [*own.opened]
    for closer in _surplus_of(around):
        if closer in awaited:  # the innermost of its kind is closed there
            del awaited[len(awaited) - 1 - awaited[::-1].index(closer)]
    scanner = Scanner(lexis_of(around.language), awaited)
    kept: list[str] = []
    for line in text.splitlines(keepends=True):
        before = scanner.copy()
        scanner.feed(line)
        if scanner.surplus or scanner.has_mismatch:
            kept.append(_up_to_surplus(before, line))
            break
        kept.append(line)
    return "".join(kept).rstrip()


def _up_to_surplus(before: Scanner, line: str) -> str:
    """A line up to the closer that nothing awaits."""
    for end, character in enumerate(line):
        if character in ")]}":
            scanner = before.copy()
            scanner.feed(line[: end + 1])
            if scanner.surplus or scanner.has_mismatch:
                return line[:end]
    return line


def _surplus_of(around: Surroundings) -> str:
    """The closers that the lines behind have of brackets opened before them, the innermost first."""
    scanner = Scanner(lexis_of(around.language))
    for line in around.behind[1:]:
        scanner.feed(line)
        if line[:1] in (")", "]", "}") or (line[:1].strip() and not scanner.surplus):
            break
    return scanner.surplus
