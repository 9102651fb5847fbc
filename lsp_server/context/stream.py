"""The context of a completion as it is streamed: one layout per epoch, one tail per keystroke."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from inference.content import Layout, TextChunk
from inference.protocol import Tail
from lsp_server.context.chunks import cut
from lsp_server.context.layout import ContextFile, Epoch, lay
from lsp_server.workspace.documents import Document, Documents, Position

MAX_CONTEXT_CHARACTERS = 1024 * 1024


class ContextStream:
    """Lays the open files around the cursor, anew only when it must.

    An epoch begins when another document is completed in, when `end_epoch` is called (a document
    was opened, closed or saved), and when the cursor or an edit leaves the tail.
    """

    def __init__(
        self,
        documents: Documents,
        path_of: Callable[[Document], str],
        is_excluded: Callable[[Document], bool],
    ) -> None:
        self._documents = documents
        self._path_of = path_of
        self._is_excluded = is_excluded
        self._epoch: Epoch | None = None
        self._document: Document | None = None
        self._visits = itertools.count()
        self._visited: dict[str, int] = {}  # by URI: the number of its last visit
        self._chunks: dict[str, tuple[int, list[TextChunk]]] = {}  # by URI: version and chunks

    def end_epoch(self) -> None:
        self._epoch = None

    def forget(self, uri: str) -> None:
        """The document was closed."""
        self._visited.pop(uri, None)
        self._chunks.pop(uri, None)
        self.end_epoch()

    def at(self, document: Document, cursor: Position) -> tuple[Layout, Tail]:
        """What the model is shown for that cursor, which is inside the document."""
        epoch = self._epoch
        if (
            epoch is None
            or document is not self._document
            or not epoch.covers(
                document.lines, cursor.line, document.untouched_head, document.untouched_tail
            )
        ):
            if document is not self._document:
                self._visited[document.uri] = next(self._visits)
            epoch = lay(
                self._path_of(document), document.lines, cursor.line, self._others(document)
            )
            document.mark()
            self._epoch, self._document = epoch, document
        return epoch.layout, epoch.tail(document.lines, cursor.line, cursor.column)

    def _others(self, current: Document) -> list[ContextFile]:
        """The other open files, the last visited at the end, as many as the budget holds."""
        others = [
            document
            for document in self._documents
            if document is not current and not document.problem and not self._is_excluded(document)
        ]
        others.sort(key=lambda document: self._visited.get(document.uri, -1))
        left = MAX_CONTEXT_CHARACTERS
        chosen: list[ContextFile] = []
        for document in reversed(others):
            if document.character_count <= left:
                left -= document.character_count
                chosen.append(ContextFile(self._path_of(document), self._cut(document)))
        return chosen[::-1]

    def _cut(self, document: Document) -> tuple[TextChunk, ...]:
        version, chunks = self._chunks.get(document.uri, (None, []))
        if version != document.version:
            chunks = cut(document.lines)
            self._chunks[document.uri] = (document.version, chunks)
        return tuple(chunks)
