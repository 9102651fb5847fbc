"""Whether the last change to a document took something back: an undo, or a redo. Pure.

An editor does not say. But an undo brings back a text that was there before, and by another edit than
a key makes: it removes or restores more than a character at once. Backspace, a key typed once more
and an indentation that comes or goes also bring texts back, and are none.

Nor is Ctrl+Backspace right behind a word that was typed: an undo would have taken with it what was typed
right before, a space or a dot. Where nothing was, the two cannot be told apart, and count as an undo.

Texts are told by the hash of their lines; a Python string keeps its own, so that 5,000 lines cost a
tenth of a millisecond.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from lsp_server.workspace.documents import Document, Edit

_KEPT_TEXTS = 100
_PAIRS = frozenset({"()", "[]", "{}", '""', "''", "``"})


@dataclass(frozen=True, slots=True)
class _State:
    text: int  # as a hash
    typed: str = ""  # the character by which it came to be


class TextHistory:
    """The last texts of each open document."""

    def __init__(self) -> None:
        self._states: dict[str, deque[_State]] = {}
        self._undone_at: tuple[str, int] | None = None  # a document and its version

    def opened(self, document: Document) -> None:
        self._states[document.uri] = deque([_State(_fingerprint(document))], _KEPT_TEXTS)

    def closed(self, uri: str) -> None:
        self._states.pop(uri, None)

    def changed(self, document: Document, edits: Sequence[Edit]) -> None:
        """The document has been changed by those edits, which came together."""
        states = self._states.setdefault(document.uri, deque(maxlen=_KEPT_TEXTS))
        text = _fingerprint(document)
        is_known = any(it.text == text for it in states)
        is_undo = is_known and bool(edits) and not all(map(is_key, edits))
        if is_undo and len(edits) == 1 and _is_word_deleted(states, text, edits[0], document):
            is_undo = False
        states.append(_State(text, _typed(edits)))
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


def _typed(edits: Sequence[Edit]) -> str:
    """The one character that was put in, if that was all."""
    is_one = len(edits) == 1 and edits[0].start == edits[0].end and len(edits[0].text) == len("x")
    return edits[0].text if is_one else ""


def _is_word_deleted(states: Sequence[_State], text: int, edit: Edit, document: Document) -> bool:
    """Whether an edit takes a word that was typed key by key, and not what was typed before it."""
    start, end = edit.start, edit.end
    length = end.column - start.column
    if edit.text or start.line != end.line or not start.column or len(states) <= length:
        return False
    before, *word = list(states)[-1 - length :]
    is_word = all(it.typed.isalnum() or it.typed == "_" for it in word)
    stands = document.lines[start.line][start.column - 1]
    return before.text == text and is_word and before.typed == stands


def _fingerprint(document: Document) -> int:
    return hash(tuple(document.lines))
