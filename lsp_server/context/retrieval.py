"""What of the rest of the repository a model is shown for a cursor, within a budget. Pure.

The same snapshot, text and cursor give the same excerpts, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lsp_server.context.cover import choose
from lsp_server.context.evidence import Attention, Candidate
from lsp_server.context.sources import gather
from lsp_server.context.surroundings import read_surroundings
from lsp_server.workspace.documents import Position
from lsp_server.workspace.snapshot import Snapshot

NO_ATTENTION = Attention()


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines of a file, in their order: signatures, and lines as they stand there."""

    path: str
    text: str
    reasons: tuple[str, ...]  # why it is shown, in words


def assemble(  # noqa: PLR0917 - what comes first is what is always given
    snapshot: Snapshot,
    path: str,
    lines: Sequence[str],
    cursor: Position,
    budget_tokens: int,
    count: Callable[[str], int],
    attention: Attention = NO_ATTENTION,
) -> list[Excerpt]:
    """Excerpts of other files for that cursor, of at most so many tokens by `count`, by path.

    `lines` are the current file's, with their endings, as they are now.
    """
    around = read_surroundings(lines, cursor)
    evidence = gather(snapshot, path, around, attention)
    by_path: dict[str, list[Candidate]] = {}
    for candidate in choose(evidence, around.visible, budget_tokens, count):
        by_path.setdefault(candidate.path, []).append(candidate)
    return [_excerpt(path, by_path[path]) for path in sorted(by_path)]


def _excerpt(path: str, chosen: list[Candidate]) -> Excerpt:
    chosen.sort(key=lambda it: it.line)
    reasons = tuple(dict.fromkeys(it.reason for it in chosen))
    return Excerpt(path, "".join(f"{it.text}\n" for it in chosen), reasons)
