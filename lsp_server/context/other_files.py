"""The files beside the current one that may be shown whole: open ones, and those it has to do with."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from inference.content import TextChunk
from lsp_server.context.chunks import cut
from lsp_server.context.layout import ContextFile
from lsp_server.context.related import related_files
from lsp_server.context.whole_repository import Repository, fit
from lsp_server.workspace.documents import Document, Documents
from lsp_server.workspace.snapshot import Snapshot

MAX_CONTEXT_CHARACTERS = 1024 * 1024
MAX_RELATED_CHARACTERS = 384 * 1024  # of files that are not open


class OtherFiles:
    """Remembers in which order documents were visited, and what it has cut into chunks."""

    def __init__(
        self,
        documents: Documents,
        *,
        path_of: Callable[[Document], str],
        is_excluded: Callable[[Document], bool],
        snapshot: Callable[[Document], Snapshot | None],
        repository: Callable[[Document], Repository | None],
        is_hidden: Callable[[Document, str], bool],
    ) -> None:
        """The arguments are those of `ContextStream`."""
        self._documents = documents
        self._path_of = path_of
        self._is_excluded = is_excluded
        self._snapshot = snapshot
        self._repository = repository
        self._is_hidden = is_hidden
        self._visits = itertools.count()
        self._visited: dict[str, int] = {}  # by URI: the number of its last visit
        self._chunks: dict[str, tuple[int, tuple[TextChunk, ...]]] = {}  # by URI: version, chunks
        self._related: tuple[Document, list[ContextFile]] | None = None

    def visit(self, document: Document) -> None:
        self._visited[document.uri] = next(self._visits)

    def forget(self, uri: str) -> None:
        """The document was closed."""
        self._visited.pop(uri, None)
        self._chunks.pop(uri, None)

    def outdate(self) -> None:
        """Files have changed that are not open."""
        self._related = None

    def open(self, current: Document) -> list[ContextFile]:
        """The other open files, the last visited at the end, as many as are ever sent."""
        return self._open(current)[0][::-1]

    def all(self, current: Document) -> list[ContextFile]:
        """These, and before them what else there is where memory alone is the bound."""
        files, left = self._open(current)
        more = self._unbounded(current, frozenset(it.path for it in files), left)
        files += (it for it in more if not self._is_hidden(current, it.path))
        return files[::-1]

    def _open(self, current: Document) -> tuple[list[ContextFile], int]:
        """The last visited first, and for how many characters there is room beside them."""
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
        return chosen, left

    def _unbounded(
        self, document: Document, shown: frozenset[str], characters: int
    ) -> list[ContextFile]:
        """What is shown beside open files where memory alone is the bound, the closest first."""
        repository = self._repository(document)
        if repository is None:
            return [it for it in self._related_to(document) if it.path not in shown]
        without = shown | {self._path_of(document)}
        files, _ = fit(repository, without, characters, lambda it: it.characters)
        return files[::-1]

    def _related_to(self, document: Document) -> list[ContextFile]:
        """Files that are not open, and that the document has to do with, the closest first."""
        if self._related is None or self._related[0] is not document:
            snapshot = self._snapshot(document)
            if snapshot is None:
                return []
            left = MAX_RELATED_CHARACTERS
            files = []
            for path in related_files(snapshot, self._path_of(document), document.lines):
                lines = snapshot.lines(path)
                if (size := sum(map(len, lines))) <= left:
                    left -= size
                    files.append(ContextFile(path, tuple(cut(lines))))
            self._related = document, files
        return self._related[1]

    def _cut(self, document: Document) -> tuple[TextChunk, ...]:
        version, chunks = self._chunks.get(document.uri, (None, ()))
        if version != document.version:
            chunks = tuple(cut(document.lines))
            self._chunks[document.uri] = (document.version, chunks)
        return chunks
