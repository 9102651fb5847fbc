"""The context of a completion as it is streamed: one layout per epoch, one tail per keystroke.

What is shown of other files, in this order, from what seldom changes to what often does: a map of the
repository, where the context is large; all of the repository, where that is asked for; files that the
current one has to do with, where memory alone is the bound; the open files; and excerpts of the rest,
where the context is bounded. An engine that searches files beside its model gets them whole as well, as
references, which take none of the model's context.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from inference.content import Layout, TextChunk
from inference.protocol import LayoutReady, Role, Tail
from lsp_server.context.budget import PROMPT_FORMAT_TOKENS, Limits, TokenMeasure
from lsp_server.context.evidence import Attention
from lsp_server.context.excerpts import Excerpts
from lsp_server.context.layout import (
    MAX_TAIL_CHARACTERS,
    ContextFile,
    Epoch,
    TailRoom,
    lay,
    lay_without_cursor,
)
from lsp_server.context.other_files import OtherFiles
from lsp_server.context.repository_map import draw
from lsp_server.context.retrieval import Excerpt
from lsp_server.context.selection import Selection, select
from lsp_server.context.whole_repository import Repository, fit
from lsp_server.context.window import WHOLE, Room, Window
from lsp_server.workspace.documents import Document, Documents, Position
from lsp_server.workspace.snapshot import Snapshot

# Of a bounded context: what excerpts of the repository take at most.
_EXCERPT_SHARE = 0.25
MAX_EXCERPT_TOKENS = 2048
# And a map of it: from so large a context on, one part in so many, and at most so much.
_MAP_FROM_TOKENS, _MAP_PART, _MAX_MAP_TOKENS = 16_384, 32, 1024

# Of a bounded context: the most that the current file takes from the others.
_FILE_SHARE = 0.75
# Of what is left for that, one part in so many may be each side of the tail.
_TAIL_SHARE = 8
# By so much the cursor's line may grow, and the file, before other text has to make room.
_LINE_GROWTH_CHARACTERS = 200
_FILE_GROWTH = 1.1
_FILE_GROWTH_TOKENS = 64
# What other files are chosen with, so that they stay the same wherever the cursor is.
_USUAL_TAIL_CHARACTERS = 2 * MAX_TAIL_CHARACTERS + 2 * _LINE_GROWTH_CHARACTERS
# A choice that leaves something out is made again where so much more would fit.
_WORTH_MORE = 1.25
# With the prefix first the suffix is computed anew at each key.
_SUFFIX_TOKENS_BEHIND_PREFIX = 512
# What remains of a prompt that a model has refused, though it should have fitted.
_SHRINK = 0.75
_NAMED_FILES = 5  # of those that are left out


@dataclass(frozen=True, slots=True)
class _Choice:
    """The other files that were chosen for a document, and from which."""

    document: Document
    offered: tuple[ContextFile, ...]
    selection: Selection


class ContextStream:
    """Lays the open files around the cursor, anew only when it must.

    An epoch begins when another document is completed in, when `end_epoch` is called (a document
    was opened, closed or saved), when the cursor or an edit leaves the tail, and with another
    model. `limits` says what the model of now bounds, `counts` what its host has counted,
    `snapshot` what is known of the folder that a document is in, `attention` what the user did, and
    `repository` all files of that folder, where all of them are to be shown. A snapshot may not have
    heard yet of a rule that hides a file: `is_hidden` says so of a path.
    """

    def __init__(
        self,
        documents: Documents,
        path_of: Callable[[Document], str],
        is_excluded: Callable[[Document], bool],
        *,
        limits: Callable[[], Limits] = Limits,
        counts: Callable[[Layout], LayoutReady | None] = lambda _: None,
        snapshot: Callable[[Document], Snapshot | None] = lambda _: None,
        attention: Callable[[Document, Position], Attention] = lambda *_: Attention(),
        repository: Callable[[Document], Repository | None] = lambda _: None,
        is_hidden: Callable[[Document, str], bool] = lambda *_: False,
    ) -> None:
        self._path_of = path_of
        self._limits_now = limits
        self._counts = counts
        self._snapshot = snapshot
        self._attention = attention
        self._repository = repository
        self._is_hidden = is_hidden
        self._limits = Limits()
        self._measure = TokenMeasure()
        self._refused_tokens: int | None = None  # prompts stay below, by the measure
        self._uncounted: Layout | None = None
        self._epoch: Epoch | None = None
        self._window: Window = WHOLE
        self._choice: _Choice | None = None
        self._document: Document | None = None
        self._others = OtherFiles(
            documents,
            path_of=path_of,
            is_excluded=is_excluded,
            snapshot=snapshot,
            repository=repository,
            is_hidden=is_hidden,
        )
        self._excerpts = Excerpts()
        self._map: tuple[Sequence[str], list[ContextFile]] | None = None

    def end_epoch(self) -> None:
        self._epoch = None
        self._excerpts.look_again()

    def outdate(self) -> None:
        """Files have changed that are not open, or the index came to know of them."""
        self._map = None
        self._others.outdate()
        self._excerpts.outdate()
        self.end_epoch()

    @property
    def excerpts(self) -> tuple[Excerpt, ...]:
        """What the last layout shows of files that are not shown whole."""
        return self._excerpts.assembly.excerpts

    def forget(self, uri: str) -> None:
        """The document was closed."""
        self._others.forget(uri)
        self.outdate()  # of what was not saved nothing is left

    def at(self, document: Document, cursor: Position) -> tuple[Layout, Tail]:
        """What the model is shown for that cursor, which is inside the document."""
        self._follow_limits()
        epoch = self._epoch
        if (
            epoch is None
            or document is not self._document
            or not epoch.covers(
                document.lines, cursor.line, document.untouched_head, document.untouched_tail
            )
        ):
            if document is not self._document:
                self._others.visit(document)
                self._window = WHOLE
            self._learn()
            epoch = self._lay(document, cursor)
            document.mark()
            self._epoch, self._document, self._window = epoch, document, epoch.window
            self._uncounted = epoch.layout
        return epoch.layout, epoch.tail(document.lines, cursor.line, cursor.column)

    def without_cursor(self, document: Document) -> Layout:
        """What the model will be shown before the document itself, wherever the cursor will be."""
        self._follow_limits()
        self._learn()
        path = self._path_of(document)
        files = [*self._map_of(document), *self._select(document, path).files]
        references = self._references(document) or ()
        layout = self._uncounted = lay_without_cursor(path, files, references)
        return layout

    def refused(self, layout: Layout) -> None:
        """A prompt with that layout was too long for the model: those to come are shorter."""
        self._uncounted = layout
        self._learn()
        tokens = int(self._measure.of_sections(layout.sections) * _SHRINK)
        limit = self._prompt_tokens()
        self._refused_tokens = tokens if limit is None else min(tokens, limit)
        self.end_epoch()

    def shown_files(self) -> str:
        """In words, what the layout shows of other files, and why, or nothing."""
        if self._epoch is None or self._choice is None:
            return ""
        parts = []
        files = self._choice.selection.files
        if files:
            paths = list(dict.fromkeys(it.path for it in reversed(files)))
            more = f" and {len(paths) - _NAMED_FILES} more" if len(paths) > _NAMED_FILES else ""
            parts.append(f"{', '.join(paths[:_NAMED_FILES])}{more}")
        parts += (f"of {it.path} ({', '.join(it.reasons)})" for it in self.excerpts)
        if searched := sum(it.role is Role.REFERENCE for it in self._epoch.layout.sections):
            parts.append(f"searched: {searched} files or parts of this one")
        return "; ".join(parts)

    def left_out(self) -> str:
        """In words, what the layout does not show for want of room, or nothing."""
        epoch, document, choice = self._epoch, self._document, self._choice
        if epoch is None or document is None:
            return ""
        files = choice.selection.left_out if choice is not None else ()
        parts = list(files[:_NAMED_FILES])
        if (more := len(files) - _NAMED_FILES) > 0:
            parts.append(f"{more} more files")
        first, last = epoch.window.hidden_head, len(document.lines) - epoch.window.hidden_tail
        if first:
            parts.append(f"lines 1 to {first} of the current file")
        if epoch.window.hidden_tail:
            parts.append(f"lines {last + 1} to {len(document.lines)} of the current file")
        return ", ".join(parts)

    def _follow_limits(self) -> None:
        if (limits := self._limits_now()) != self._limits:
            self._limits = limits
            self._measure = TokenMeasure()
            self._refused_tokens = self._uncounted = self._choice = None
            self._window = WHOLE
            self.end_epoch()

    def _learn(self) -> None:
        """Takes what the host has counted since the last epoch. No answer is waited for."""
        if self._uncounted is not None and (counted := self._counts(self._uncounted)) is not None:
            self._measure.learn(self._uncounted, counted)
            self._uncounted = None

    def _prompt_tokens(self) -> int | None:
        bounds = (self._limits.prompt_tokens, self._refused_tokens)
        return min((bound for bound in bounds if bound is not None), default=None)

    def _lay(self, document: Document, cursor: Position) -> Epoch:
        path, lines = self._path_of(document), document.lines
        selection = self._select(document, path)
        limit = self._prompt_tokens()
        if limit is None:
            self._excerpts = Excerpts()
            return lay(path, lines, cursor.line, selection.files)
        rate = self._measure.rate(path)
        files = [*self._map_of(document), *selection.files]
        files += self._excerpt_files(document, path, cursor, selection)
        others = self._measure.of_sections(it.section for it in files)
        left = max(0, int((self._room(limit, path) - others) / rate))
        side = min(MAX_TAIL_CHARACTERS, left // _TAIL_SHARE)
        line = len(lines[cursor.line]) + min(_LINE_GROWTH_CHARACTERS, left // _TAIL_SHARE)
        tail = 2 * side + line
        suffix = int(_SUFFIX_TOKENS_BEHIND_PREFIX / rate) if self._limits.prefix_first else None
        is_kept = (
            document is self._document
            and self._window.hidden_head <= document.untouched_head
            and self._window.hidden_tail <= document.untouched_tail
        )
        return lay(
            path,
            lines,
            cursor.line,
            files,
            # A line that is too long to be shown whole gets no neighbours that it would not join.
            room=Room(max(0, left - tail), suffix),
            tail_room=TailRoom(min(left, tail), line, side),
            previous=self._window if is_kept else WHOLE,
            references=self._references(document),
        )

    def _references(self, document: Document) -> list[ContextFile] | None:
        """Files for the engine to search, where it does that beside its model."""
        return self._others.all(document) if self._limits.references else None

    def _room(self, limit: int, path: str) -> int:
        """Tokens for the texts of files, of a prompt's `limit`."""
        return limit - PROMPT_FORMAT_TOKENS - self._measure.of_path(path)

    def _excerpt_tokens(self, document: Document) -> int:
        """What is set aside for excerpts."""
        limit = self._prompt_tokens()
        if limit is None or self._snapshot(document) is None:
            return 0
        return min(MAX_EXCERPT_TOKENS, int(limit * _EXCERPT_SHARE))

    def _excerpt_files(
        self, document: Document, path: str, cursor: Position, selection: Selection
    ) -> list[ContextFile]:
        files = self._excerpts.at(
            self._snapshot(document),
            document,
            path,
            cursor,
            self._excerpt_tokens(document),
            self._count,
            self._attention(document, cursor),
            [it.path for it in selection.files],
        )
        return [file for file in files if not self._is_hidden(document, file.path)]

    def _select(self, document: Document, path: str) -> Selection:
        """The other files that are shown; the choice before, for as long as it may be kept.

        They stand first in the prompt, so that another choice is computed from its start.
        """
        limit = self._prompt_tokens()
        if limit is None:
            offered = tuple(self._others.all(document))
            selection = Selection(offered)
        else:
            offered = tuple(self._others.open(document))
            measure = self._measure
            room = self._room(limit, path) - measure.tokens(path, _USUAL_TAIL_CHARACTERS)
            room -= self._excerpt_tokens(document)
            room -= measure.of_sections(it.section for it in self._map_of(document))
            file = measure.tokens(path, document.character_count)
            share = int(room * _FILE_SHARE)
            most = room - min(file, share)
            aim = room - min(int(file * _FILE_GROWTH) + _FILE_GROWTH_TOKENS, share)
            before = self._choice
            if before is not None and before.document is document and before.offered == offered:
                selection = before.selection
                used = measure.of_sections(it.section for it in selection.files)
                if used <= most and not (selection.left_out and used * _WORTH_MORE < aim):
                    return selection
            selection = select(offered, aim, self._limits.cache_block_tokens, measure)
            selection = self._with_repository(document, path, selection, aim)
        self._choice = _Choice(document, offered, selection)
        return selection

    def _with_repository(
        self, document: Document, path: str, selection: Selection, room: int
    ) -> Selection:
        """All of the repository before what was selected, or as much of it as there is room for."""
        repository = self._repository(document)
        if repository is None:
            return selection
        measure = self._measure
        left = room - measure.of_sections(it.section for it in selection.files)
        without = frozenset([path, *(it.path for it in selection.files)])
        files, left_out = fit(repository, without, left, lambda it: measure.of_section(it.section))
        shown = [it for it in files if not self._is_hidden(document, it.path)]
        return Selection((*shown, *selection.files), (*selection.left_out, *left_out))

    def _map_of(self, document: Document) -> list[ContextFile]:
        """A map of the repository, where the context has room to spare."""
        limit, snapshot = self._prompt_tokens(), self._snapshot(document)
        if limit is None or limit < _MAP_FROM_TOKENS or snapshot is None:
            return []
        ranked = snapshot.ranked()
        if self._map is None or self._map[0] is not ranked:
            tokens = min(_MAX_MAP_TOKENS, limit // _MAP_PART)
            drawn = draw(snapshot, tokens, self._count)
            self._map = ranked, [ContextFile(it.path, (TextChunk.of(it.text),)) for it in drawn]
        return [it for it in self._map[1] if not self._is_hidden(document, it.path)]

    def _count(self, text: str) -> int:
        """Tokens of a text of whichever file, rather too many than too few."""
        return self._measure.tokens("", len(text))
