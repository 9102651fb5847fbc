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
        caret = edit.caret
        moved = caret.line - edit.end.line
        # Of whole lines that were put in, the last stands before the caret; and one that whole lines
        # were put in before, or taken from before, is as it was.
        edited = caret.line - 1 if caret.column == 0 < caret.line - edit.start.line else caret.line
        behind = edit.end.line + (caret.column > 0 or edit.end.column > 0)
        places = [(uri, edited)]
        for other, line in self._places:
            if other == uri and edit.start.line <= line < behind:
                continue
            place = (other, line + moved if other == uri and line >= behind else line)
            if place not in places[:1]:
                places.append(place)
        self._places.clear()
        self._places.extend(places[:KEPT_EDITS])

    def forget(self, uri: str) -> None:
        """The document was closed, or is another text by now."""
        kept = [place for place in self._places if place[0] != uri]
        self._places.clear()
        self._places.extend(kept)
