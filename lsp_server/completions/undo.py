"""Whether the last change to a document took something back: an undo, or a redo. Pure.

An editor does not say. But an undo brings back a text that was there before, and by another edit than
a key makes: it removes or restores more than a character at once. Backspace, a key typed once more
and an indentation that comes or goes also bring texts back, and are none. What cannot be told apart from
an undo is counted as one: a word deleted by Ctrl+Backspace right after it was typed.

Texts are told by the hash of their lines; a Python string keeps its own, so that 5,000 lines cost a
tenth of a millisecond.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from lsp_server.workspace.documents import Document, Edit

_KEPT_TEXTS = 100
_PAIRS = frozenset({"()", "[]", "{}", '""', "''", "``"})


class TextHistory:
    """The last texts of each open document."""

    def __init__(self) -> None:
        self._texts: dict[str, deque[int]] = {}
        self._undone_at: tuple[str, int] | None = None  # a document and its version

    def opened(self, document: Document) -> None:
        self._texts[document.uri] = deque([_fingerprint(document)], _KEPT_TEXTS)

    def closed(self, uri: str) -> None:
        self._texts.pop(uri, None)

    def changed(self, document: Document, edits: Sequence[Edit]) -> None:
        """The document has been changed by those edits, which came together."""
        texts = self._texts.setdefault(document.uri, deque(maxlen=_KEPT_TEXTS))
        text = _fingerprint(document)
        is_undo = text in texts and bool(edits) and not all(map(is_key, edits))
        texts.append(text)
        self._undone_at = (document.uri, document.version) if is_undo else None

    def is_undone(self, document: Document) -> bool:
        """Whether the document is as an undo has left it."""
        return self._undone_at == (document.uri, document.version)


def is_key(edit: Edit) -> bool:
    """Whether one key of text may have made an edit: typed, erased, indented, or a line's end."""
    text, start, end = edit.text, edit.start, edit.end
    if start.line != end.line:
        return not text and end.line == start.line + 1 and end.column == 0
    if not text:
        return start.column == 0 or end.column - start.column <= len("x")
    # What is blank is an indentation (Tab), or the end of a line with one (Enter).
    return len(text) <= len("x") or text in _PAIRS or not text.strip()


def _fingerprint(document: Document) -> int:
    return hash(tuple(document.lines))
