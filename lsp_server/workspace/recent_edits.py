"""Which lines of which documents were edited last. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from lsp_server.workspace.documents import Edit

KEPT_EDITS = 24


class RecentEdits:
    """One place for each line, the last edited first; lines move with what is edited before them."""

    def __init__(self) -> None:
        self._places: deque[tuple[str, int]] = deque(maxlen=KEPT_EDITS)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Pairs of a URI and a line."""
        return iter(self._places)

    def add(self, uri: str, edit: Edit) -> None:
        gone = range(edit.start.line, edit.end.line + 1)
        caret = edit.caret.line
        moved = caret - edit.end.line
        others = [
            (other, line + moved if other == uri and line > edit.end.line else line)
            for other, line in self._places
            if other != uri or line not in gone
        ]
        self._places.clear()
        self._places.extend([(uri, caret), *others][:KEPT_EDITS])

    def forget(self, uri: str) -> None:
        """The document was closed, or is another text by now."""
        kept = [place for place in self._places if place[0] != uri]
        self._places.clear()
        self._places.extend(kept)
