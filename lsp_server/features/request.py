"""What an editor asks for, why it may be refused, and what it gets: a text for a place. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lsp_server.completions.place import is_within_word
from lsp_server.config import Config
from lsp_server.trace import Verdict
from lsp_server.workspace.documents import Document, Edit, Position

# What a request comes from; behind an accept the model goes on before anybody asks.
TYPING, ASKED_FOR, ACCEPTED = "typing", "asked for", "an accept"


@dataclass(frozen=True, slots=True)
class Request:
    uri: str
    position: Position
    trigger: str  # TYPING or ASKED_FOR
    # With the suggestion widget open: what its selected entry would do.
    selected: Edit | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A text to insert in place of what stands between the two positions."""

    text: str
    start: Position
    end: Position


def refusal(
    request: Request,
    document: Document,
    config: Config,
    exclusion: Callable[[Document], str],
    is_undone: Callable[[Document], bool],
) -> tuple[Verdict, str] | None:
    """Why the model is not even asked, and more in words."""
    # A selected entry is a word of its own, and a wish.
    asks_itself = request.trigger == TYPING and request.selected is None
    if not config.completes(document.language):
        refused = Verdict.DISABLED, document.language
    elif document.problem:
        refused = Verdict.UNFIT_DOCUMENT, document.problem
    elif not document.contains(request.position):
        refused = Verdict.OUTSIDE, f"it has {len(document.lines)} lines"
    elif reason := exclusion(document):
        refused = Verdict.EXCLUDED, reason
    elif asks_itself and is_within_word(document, request.position):
        refused = Verdict.WITHIN_WORD, ""
    elif asks_itself and is_undone(document):
        refused = Verdict.UNDONE, ""
    else:
        return None
    return refused
