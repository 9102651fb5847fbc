"""What the user has before them, and how much of it was accepted: inferred from the edits.

No editor says that a completion was accepted. One edit that puts in the next two characters or more
of what is shown, at its place, is an accept; one character is typing along. Not an accept is what an
editor puts in by itself as somebody types: a pair of brackets, an indentation. What was undone and is
done again counts once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from lsp_server.completion_events import Accepted, EventListener, Judged, Seen
from lsp_server.features.anchor import Anchor
from lsp_server.features.request import Completion
from lsp_server.workspace.documents import Document, Edit, Position

# What stands there for less nobody has read: less than it takes to notice anything.
SEEN_S = 0.2
_PAIRS = frozenset({"()", "[]", "{}", "<>", '""', "''", "``"})


@dataclass(slots=True)
class _Offer:
    anchor: Anchor  # of what it replaces, which is most often nothing
    start: Position
    text: str
    language: str
    model: str
    mean_logprob: float | None
    since: float
    typed: str  # what stands there
    furthest: int = 0  # characters of it that were accepted or typed at some time
    is_seen: bool = False
    is_accepted: bool = False


class Offered:
    """Follows the last completion that the editor was given."""

    def __init__(self, tell: EventListener, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._offer: _Offer | None = None

    def show(
        self,
        document: Document,
        completion: Completion,
        model: str,
        mean_logprob: float | None = None,
    ) -> None:
        """It was given to the editor."""
        start, end, text = completion.start, completion.end, completion.text
        offer = self._offer
        if offer is not None:
            stands = self._typed(offer, document)
            if stands is not None and stands + text == offer.text:
                return  # the rest of it, as it is typed along
        self.end()
        self._offer = _Offer(
            anchor=Anchor.between(document, start, end),
            start=start,
            text=text,
            language=document.language,
            model=model,
            mean_logprob=mean_logprob,
            since=self._clock(),
            typed=document.lines[start.line][start.column : end.column],
        )

    def changed(self, document: Document) -> Accepted | None:
        """The document was edited. Says what was accepted by that, which is told as well."""
        offer = self._offer
        if offer is None or document.uri != offer.anchor.uri:
            return None
        before, typed = offer.typed, self._typed(offer, document)
        if typed is None or not (offer.text.startswith(typed) or typed == before):
            self.end()
            return None
        offer.typed = typed
        if len(typed) <= offer.furthest:
            return None
        offer.furthest = len(typed)
        if not typed.startswith(before):  # it stood for a word that it does not begin with
            before = ""
        added = typed[len(before) :]
        if len(added) < 2 or not added.strip() or added in _PAIRS:  # noqa: PLR2004 - see above
            return None
        self._see(offer)
        accepted = Accepted(
            uri=document.uri,
            start=Edit(offer.start, offer.start, before).caret,
            text=added,
            is_whole=typed == offer.text,
            is_first=not offer.is_accepted,
            language=offer.language,
            model=offer.model,
        )
        offer.is_accepted = True
        self._tell(accepted)
        if accepted.is_whole:
            self.end()
        return accepted

    def end(self) -> None:
        """It is no longer there."""
        offer, self._offer = self._offer, None
        if offer is None:
            return
        if self._clock() - offer.since >= SEEN_S:
            self._see(offer)
        if offer.is_seen and offer.mean_logprob is not None:
            self._tell(Judged(offer.model, offer.mean_logprob, offer.is_accepted))

    def _see(self, offer: _Offer) -> None:
        if not offer.is_seen:
            offer.is_seen = True
            self._tell(Seen(offer.language, offer.model))

    def _typed(self, offer: _Offer, document: Document) -> str | None:
        """What stands there, with the line endings of models."""
        typed = offer.anchor.typed(document)
        return typed.replace("\r\n", "\n") if typed is not None else None
