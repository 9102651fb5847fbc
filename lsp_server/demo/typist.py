"""Writes a known text into a document, key by key, taking the suggestions that are right."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from lsp_server.session import EditorSession, Suggestion
from lsp_server.workspace.documents import Document, Edit, Position


@dataclass(slots=True)
class Tally:
    """What was typed and what was taken; times in milliseconds since the request."""

    keys: int = 0
    typed_characters: int = 0
    taken_characters: int = 0
    taken: int = 0
    shown_ms: list[float] = field(default_factory=list)
    first_text_ms: list[float] = field(default_factory=list)

    @property
    def taken_share(self) -> float:
        total = self.typed_characters + self.taken_characters
        return self.taken_characters / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Screen:
    """What the typist sees: the text so far, the ghost text behind it, and what happens."""

    text: str
    ghost: str
    event: str  # "typing", "streaming", "suggested" or "taken"
    suggestion: Suggestion | None = None


async def write(
    session: EditorSession,
    document: Document,
    target: str,
    show: Callable[[Screen], Awaitable[None]],
    on_stream: Callable[[Screen], None],
) -> Tally:
    """Writes `target` into the empty document; `show` may wait, for people to see."""
    tally = Tally()
    while len(document.text) < len(target):
        text = document.text
        cursor = Position(len(document.lines) - 1, len(document.lines[-1]))
        suggestion = await session.complete(document, cursor, _streaming(text, on_stream))
        if suggestion is not None:
            tally.shown_ms.append(suggestion.total_ms)
            if suggestion.first_text_ms is not None:
                tally.first_text_ms.append(suggestion.first_text_ms)
        right = right_part(suggestion.text, target[len(text) :]) if suggestion else ""
        if suggestion is not None and right:
            await show(Screen(text, suggestion.text, "suggested", suggestion))
            session.edit(document, Edit(cursor, cursor, right))
            tally.keys += 1
            tally.taken += 1
            tally.taken_characters += len(right)
            await show(Screen(document.text, "", "taken", suggestion))
        else:
            character = target[len(text)]
            session.edit(document, Edit(cursor, cursor, character))
            tally.keys += 1
            tally.typed_characters += 1
            await show(Screen(document.text, "", "typing"))
    return tally


def _streaming(text: str, on_stream: Callable[[Screen], None]) -> Callable[[str], None]:
    return lambda ghost: on_stream(Screen(text, ghost, "streaming"))


def right_part(suggestion: str, wanted: str) -> str:
    """The whole lines of a suggestion that are what was going to be written; maybe nothing."""
    right = ""
    for line in suggestion.splitlines(keepends=True):
        if not wanted.startswith(right + line):
            break
        right += line
    whole_lines = right.endswith("\n") or wanted[len(right) :][:1] in ("\n", "")
    return right if whole_lines else ""
