"""The excerpts that a document's layouts show, kept for as long as they serve.

What a model reads before the current file is in its cache until it changes, so excerpts are looked
for anew only at an epoch, and taken only where they show much that those before do not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from inference.content import TextChunk
from lsp_server.context.evidence import Attention
from lsp_server.context.layout import ContextFile
from lsp_server.context.retrieval import Assembly, assemble
from lsp_server.workspace.documents import Document, Position
from lsp_server.workspace.snapshot import Snapshot

# As long as they show so much of what new ones would, the old ones stay.
_SERVES = 0.8
# The cursor went elsewhere, if by so many lines.
_ELSEWHERE_LINES = 30


@dataclass(frozen=True, slots=True)
class _For:
    """What excerpts were looked for with."""

    document: Document
    line: int
    budget_tokens: int
    without: frozenset[str]


class Excerpts:
    """Those of the document that is completed in."""

    def __init__(self) -> None:
        self._for: _For | None = None
        self._assembly = Assembly()
        self._is_due = self._is_outdated = False

    @property
    def assembly(self) -> Assembly:
        return self._assembly

    def look_again(self) -> None:
        """An epoch has begun: others may be needed by now."""
        self._is_due = True

    def outdate(self) -> None:
        """What they show may not be what the files say any more."""
        self._is_outdated = True

    def at(  # noqa: PLR0917 - all of it decides
        self,
        snapshot: Snapshot | None,
        document: Document,
        path: str,
        cursor: Position,
        budget_tokens: int,
        count: Callable[[str], int],
        attention: Attention,
        without: Collection[str],
    ) -> list[ContextFile]:
        """The excerpts for that cursor, as sections of a layout."""
        if snapshot is None or budget_tokens <= 0:
            self._for, self._assembly = None, Assembly()
            return []
        now = _For(document, cursor.line, budget_tokens, frozenset(without))
        if self._are_due(now):
            found = assemble(
                snapshot,
                path,
                document.lines,
                cursor,
                budget_tokens,
                count,
                attention=attention,
                without=now.without,
            )
            serves = found.share_shown_by(self._assembly) >= _SERVES
            if not serves or self._must_go(now):
                self._assembly = found
            self._for = now
            self._is_due = self._is_outdated = False
        return [ContextFile(it.path, (TextChunk.of(it.text),)) for it in self._assembly.excerpts]

    def _are_due(self, now: _For) -> bool:
        before = self._for
        return (
            before is None
            or self._is_due
            or self._must_go(now)
            or abs(before.line - now.line) > _ELSEWHERE_LINES
        )

    def _must_go(self, now: _For) -> bool:
        """Whether those of before are wrong, or too many, whatever they show."""
        before = self._for
        return (
            before is None
            or self._is_outdated
            or before.document is not now.document
            or now.budget_tokens < before.budget_tokens
            or before.without != now.without
        )
