"""What the user was doing, beside where the cursor is: edits, open files, problems in sight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lsp_server.context.evidence import Attention
from lsp_server.workspace.documents import Document, Documents, Edit, Position
from lsp_server.workspace.recent_edits import RecentEdits

# Problems further from the cursor are not what is being worked on.
_PROBLEM_LINES = 5
MAX_PROBLEMS = 100  # of a document
MAX_MESSAGE_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Problem:
    """A diagnostic of whichever source, as the editor shows it."""

    line: int
    message: str


class UserActivity:
    """Of one window. Excluded documents leave no mark."""

    def __init__(
        self,
        documents: Documents,
        path_of: Callable[[Document], str],
        is_excluded: Callable[[Document], bool],
    ) -> None:
        self._documents = documents
        self._path_of = path_of
        self._is_excluded = is_excluded
        self._edits = RecentEdits()
        self._problems: dict[str, tuple[Problem, ...]] = {}

    def edited(self, uri: str, edit: Edit | None) -> None:
        """The document was edited, or without an edit replaced as a whole."""
        if edit is None:
            self._edits.forget(uri)
        else:
            self._edits.add(uri, edit)

    def closed(self, uri: str) -> None:
        self._edits.forget(uri)
        self._problems.pop(uri, None)

    def set_problems(self, uri: str, problems: list[Problem]) -> None:
        """All problems of an open document, in place of those before."""
        if self._documents.get(uri) is not None:
            self._problems[uri] = tuple(problems[:MAX_PROBLEMS])

    def problems(self) -> dict[str, tuple[Problem, ...]]:
        """By URI, of the documents that may be shown to a model."""
        found = {}
        for uri, problems in self._problems.items():
            document = self._documents.get(uri)
            if problems and document is not None and self._may_be_shown(document):
                found[uri] = problems
        return found

    def attention(self, current: Document, cursor: Position) -> Attention:
        """For a completion at that cursor."""
        edited = []
        for uri, line in self._edits:
            document = self._documents.get(uri)
            if document is not None and document is not current and self._may_be_shown(document):
                edited.append((self._path_of(document), line))
        return Attention(
            edited=tuple(edited),
            open_paths=frozenset(
                self._path_of(it)
                for it in self._documents
                if it is not current and self._may_be_shown(it)
            ),
            problems=tuple(
                problem.message
                for problem in self._problems.get(current.uri, ())
                if abs(problem.line - cursor.line) <= _PROBLEM_LINES
            ),
        )

    def _may_be_shown(self, document: Document) -> bool:
        return not document.problem and not self._is_excluded(document)


def read_problems(params: Any) -> tuple[str, list[Problem]]:
    """A document's URI and its problems, as the client sends them; what is none is left out."""
    problems = []
    given = getattr(params, "problems", None)
    for item in given if isinstance(given, list) else []:
        line, message = getattr(item, "line", None), getattr(item, "message", None)
        if isinstance(line, int) and isinstance(message, str):
            problems.append(Problem(line, message[:MAX_MESSAGE_CHARACTERS]))
    return str(getattr(params, "uri", "")), problems
