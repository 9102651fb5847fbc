"""What of the rest of the repository a model is shown for a cursor, within a budget. Pure.

The same snapshot, text and cursor give the same excerpts, byte for byte.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from lsp_server.context.cover import choose
from lsp_server.context.evidence import Attention, Candidate
from lsp_server.context.sources import gather
from lsp_server.context.surroundings import read_surroundings
from lsp_server.workspace.documents import Position
from lsp_server.workspace.snapshot import Snapshot

NO_ATTENTION = Attention()
# Of languages that say a type behind the name and a colon, or not at all.
_TYPE_LAST = (
    *(".py", ".pyi", ".rb", ".rs", ".sh"),
    *(".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts"),
)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines of a file, in their order: signatures, and lines as they stand there."""

    path: str
    text: str
    reasons: tuple[str, ...]  # why it is shown, in words


@dataclass(frozen=True, slots=True)
class Assembly:
    """Excerpts by path, and which names were needed for what they show."""

    excerpts: tuple[Excerpt, ...] = ()
    shown: Mapping[str, float] = field(default_factory=dict)  # how much needed, by name

    def share_shown_by(self, other: Assembly) -> float:
        """Of the need that these excerpts meet, the part that others would meet as well."""
        total = math.fsum(self.shown.values())
        met = math.fsum(need for name, need in self.shown.items() if name in other.shown)
        return met / (total or 1.0)


def assemble(  # noqa: PLR0917 - what comes first is what is always given
    snapshot: Snapshot,
    path: str,
    lines: Sequence[str],
    cursor: Position,
    budget_tokens: int,
    count: Callable[[str], int],
    *,
    attention: Attention = NO_ATTENTION,
    without: Collection[str] = (),
) -> Assembly:
    """Excerpts of other files for that cursor, of at most so many tokens by `count`.

    `lines` are the current file's, with their endings, as they are now. Files `without` are shown
    otherwise.
    """
    around = read_surroundings(lines, cursor, type_first=not path.endswith(_TYPE_LAST))
    evidence = gather(snapshot, path, around, attention)
    for key in [key for key in evidence.candidates if key[0] in without or key[0] == path]:
        del evidence.candidates[key]
    by_path: dict[str, list[Candidate]] = {}
    shown: dict[str, float] = {}
    for candidate in choose(evidence, around.visible, budget_tokens, count):
        by_path.setdefault(candidate.path, []).append(candidate)
        for name in candidate.names - around.visible:
            if need := evidence.need.get(name):
                shown[name] = need
    excerpts = tuple(_excerpt(path, by_path[path]) for path in sorted(by_path))
    return Assembly(excerpts, shown)


def _excerpt(path: str, chosen: list[Candidate]) -> Excerpt:
    chosen.sort(key=lambda it: it.line)
    reasons = tuple(dict.fromkeys(it.reason for it in chosen))
    return Excerpt(path, "".join(f"{it.text}\n" for it in chosen), reasons)
