"""An answer without a chat model: the code that a question is about, and what uses it."""

from __future__ import annotations

from collections.abc import Sequence

from lsp_server.chat.codebase import Codebase
from lsp_server.chat.search import Hit, find, find_uses
from lsp_server.chat.sources import Asked
from lsp_server.chat.transcript import Found
from lsp_server.workspace.snapshot import Snapshot

MAX_FOUND = 10
_MAX_USES = 4
_MAX_SNIPPET_LINES = 24

NOTHING = (
    "No chat model is set up, so nobody can answer this in words. Nothing in the index matches the"
    " question either: name a function, a class, a file, or words that stand in the code."
)
FOUND = (
    "No chat model is set up, so nobody can answer this in words. This is the code in your workspace"
    " that matches the question best."
)


def find_code(code: Codebase, asked: Asked) -> list[Found]:
    """Definitions and lines that match, and uses of the first name, each once."""
    found: list[Found] = []
    for root, snapshot in code.snapshots(asked.uri):
        hits = find(snapshot, asked.text, MAX_FOUND)
        name = next((it.symbol for it in hits if it.symbol), "")
        at = next((n for n, it in enumerate(hits) if it.symbol == name), 0) + 1
        used = find_uses(snapshot, name, _MAX_USES) if name else []
        uses = [it for it in used if not any(it.overlaps(hit) for hit in hits[:at])]
        rest = [it for it in hits[at:] if not any(it.overlaps(use) for use in uses)]
        for hit in (*hits[:at], *uses, *rest):
            place = code.place(root, hit.path)
            if not code.refusal(place.uri):
                found.append(_found(place.uri, hit, snapshot))
    return found[: MAX_FOUND + _MAX_USES]


def _found(uri: str, hit: Hit, snapshot: Snapshot) -> Found:
    from lsp_server.workspace.languages import detect_language

    lines: Sequence[str] = snapshot.lines(hit.path)[hit.first_line : hit.end_line]
    shown = lines[:_MAX_SNIPPET_LINES]
    snippet = "".join(shown)
    if len(shown) < len(lines):
        snippet += "…\n"
    language = detect_language(hit.path) or "plaintext"
    return Found(uri, hit.first_line, hit.label, snippet, language, hit.why)
