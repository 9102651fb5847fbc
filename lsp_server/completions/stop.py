"""Where a text that streams in has said enough. Pure; each piece is read once.

It ends with the line, statement or block that is wanted; where it comes to what stands behind the
cursor or right above it; where it repeats itself; and where the model became so unsure that more of it
would be likelier wrong than right, before that word. A generation is to be ended with it, which frees
the engine. What is passed is always a beginning of what came in.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from lsp_server.completions.blocks import (
    closes,
    continues,
    ends_statement,
    opens_block,
)
from lsp_server.completions.extent import Extent, Kind
from lsp_server.completions.insertion import reaches_rest
from lsp_server.completions.lexis import Scanner, indentation, lexis_of
from lsp_server.completions.place import Surroundings
from lsp_server.completions.repetition import (
    count_repeated,
    find_token_run,
    is_telling,
    repeats_above,
)
from lsp_server.context.names import KEYWORDS

_FOLLOWERS = 3  # lines behind the cursor that a text may run into
_ABOVE = 12  # lines that it may say again
_WORD_END = re.compile(r"\w+\Z")


class Stop(enum.StrEnum):
    """Why a text ended; the value is a clause for the user."""

    LINE = "the line ended"
    STATEMENT = "the statement ended"
    BLOCK = "the block ended"
    LIMIT = "the greatest number of lines was reached"
    REST = "it came to what stands behind the cursor"
    FOLLOWING = "it came to the lines that follow"
    ABOVE = "it repeated the lines above"
    ITSELF = "it repeated itself"
    UNSURE = "the model became unsure"

    @property
    def is_repeat(self) -> bool:
        return self in {Stop.REST, Stop.FOLLOWING, Stop.ABOVE, Stop.ITSELF}


@dataclass(frozen=True, slots=True)
class Passed:
    """The text that may be shown so far, and why no more will come, or None."""

    text: str
    stop: Stop | None = None
    left_out: int = 0  # characters that came, and are not passed


class Filter:
    def __init__(
        self, around: Surroundings, extent: Extent, max_lines: int, least_chance: float = 0.0
    ) -> None:
        """`least_chance` is what a text's tokens must come to together; 0 where that is no matter."""
        self._around = around
        self._extent = extent
        self._kind = extent.kind
        self._max_lines = max_lines
        self._floor = extent.base + extent.is_behind_opener  # columns that a line inside has
        self._followers = [] if around.rest.strip() else _first_lines(around.behind[1:])
        self._above = list(around.before[-_ABOVE - 1 : -1])
        self._scanner = Scanner(lexis_of(around.language))
        self._lines: list[str] = []  # that were passed, with their ends
        self._full: list[str] = []  # the same, the first with what stands before it
        self._pending = ""  # the line that is not at its end
        self._came = 0
        self._least = math.log(least_chance) if least_chance > 0 else -math.inf
        self._logprob = 0.0
        self._is_within = False  # a statement that has a block of its own
        self._is_placed = False  # the floor is known, by the first line that has one
        self._stop: Stop | None = None

    def feed(self, piece: str, logprob: float = 0.0) -> Passed:
        """Takes what streamed in, and how likely that was; after the end nothing more is taken."""
        if self._stop is None:
            self._came += len(piece)
            self._logprob += logprob
            if self._logprob < self._least:
                self._end_before(piece)
                return self.passed
            *lines, self._pending = (self._pending + piece).split("\n")
            self._take_all(lines)
        return self.passed

    def finish(self) -> Passed:
        """The stream has ended: what it said last is a line as well."""
        if self._stop is None and self._pending:
            line, self._pending = self._pending, ""
            self._take(line)
        return self.passed

    @property
    def passed(self) -> Passed:
        pending = "" if self._is_held_back() else self._pending
        text = "".join(self._lines) + pending
        return Passed(text, self._stop, self._came - len(text))

    def _end(self, stop: Stop) -> None:
        self._stop = stop
        self._pending = ""

    def _end_before(self, piece: str) -> None:
        """The text ends where the model was last sure of it, with a whole word."""
        kept = "" if self._is_held_back() else self._pending
        if piece[:1].isidentifier() or piece[:1].isdigit():
            kept = _WORD_END.sub("", kept)
        begins_line = self._lines or not self._around.own.strip()
        if begins_line and kept.strip() in KEYWORDS:
            kept = ""  # `if` or `return` alone says nothing that one would not type as fast
        self._end(Stop.UNSURE)
        self._pending = kept

    def _take_all(self, lines: Sequence[str]) -> None:
        for line in lines:
            self._take(f"{line}\n")
            if self._stop is not None:
                self._pending = ""
                return
        self._look_ahead()

    def _take(self, line: str) -> None:
        full = line if self._lines else self._around.own + line
        if full.strip():
            kept, stop = self._before(full)
            if stop is not None:
                del self._lines[kept:]
                self._end(stop)
                return
        code = self._scanner.feed(line)
        self._lines.append(line)
        self._full.append(full)
        if stop := self._behind(full, code):
            self._end(stop)

    def _before(self, full: str) -> tuple[int, Stop | None]:
        """Whether a line ends the text before itself, and how many of those before it stay."""
        count = len(self._lines)
        if self._is_following(full):
            return count, Stop.FOLLOWING
        if repeats_above(self._above, self._full, full):
            return 0, Stop.ABOVE
        kept = count_repeated(self._full, full)
        if kept is not None:
            return min(kept, count), Stop.ITSELF
        if not self._scanner.is_settled:
            return count, None
        if not self._is_placed and (self._lines or not self._around.own.strip()):
            self._place(full)
        return count, self._outside(full)

    def _place(self, full: str) -> None:
        """The first line with something in it says where the text itself stands."""
        self._is_placed = True
        depth = indentation(full)
        if not self._extent.is_behind_opener:
            self._floor = max(self._floor, depth)
        elif not lexis_of(self._around.language).is_indented and not closes(full):
            self._floor = min(self._floor, depth)  # between braces lines may stand anywhere

    def _outside(self, full: str) -> Stop | None:
        """Whether a line, which is not blank, stands outside of the block or statement."""
        if not self._lines and self._around.own.strip():
            return None
        depth = indentation(full)
        if self._kind is Kind.BLOCK:
            is_over = depth < self._floor and not self._closes_open_block(full)
            return Stop.BLOCK if is_over else None
        if self._kind is Kind.STATEMENT:
            goes_on = self._is_within and not continues(self._around.language, full)
            return Stop.STATEMENT if depth < self._floor + goes_on else None
        return None

    def _closes_open_block(self, full: str) -> bool:
        """Whether a line closes the cursor's block, and nothing behind the cursor does."""
        if not closes(full) or lexis_of(self._around.language).is_indented:
            return False
        for follower in self._around.behind[1:]:
            if follower.strip() and indentation(follower) <= indentation(full):
                return not closes(follower)
        return True

    def _behind(self, full: str, code: str) -> Stop | None:
        """Whether the text ends with this line."""
        stop = None
        match self._kind:
            case Kind.LINE:
                stop = Stop.LINE if self._ends_line(full, code) else None
            case Kind.BLOCK:
                stop = Stop.BLOCK if self._closes_block(full) else None
            case Kind.STATEMENT:
                stop = Stop.STATEMENT if self._ends_statement(full, code) else None
        if stop is not None:
            return stop
        return Stop.LIMIT if len(self._lines) >= self._max_lines else None

    def _ends_line(self, full: str, code: str) -> bool:
        if self._extent.is_in_text or self._around.rest.strip():
            return True
        line = self._lines[-1].strip()
        if not line:
            return False  # behind whole code it may begin with the line's end: the next is meant
        # What only ends a header is not worth a key: its block belongs to it.
        is_bare = len(self._lines) == 1 and not any(map(str.isalnum, line))
        if not is_bare or not opens_block(self._around.language, self._around.own + code):
            return True
        is_indented = lexis_of(self._around.language).is_indented
        self._kind = Kind.BLOCK if is_indented else Kind.STATEMENT
        self._floor = indentation(full) + is_indented
        self._is_placed = True
        return False

    def _ends_statement(self, full: str, code: str) -> bool:
        language = self._around.language
        if not full.strip() or not self._scanner.is_settled:
            return False
        if not lexis_of(language).is_indented:
            return ends_statement(language, code)
        self._is_within = self._is_within or opens_block(language, code)
        return not self._is_within and ends_statement(language, code)

    def _closes_block(self, full: str) -> bool:
        if not closes(full) or not self._scanner.surplus:
            return False
        return len(self._lines) > 1 or not self._around.own.strip()

    def _is_following(self, full: str) -> bool:
        """Whether a line is one of those that follow the cursor."""
        stripped = full.strip()
        opened = self._scanner.opened
        if closes(full) and opened and stripped.startswith(opened[-1]):
            return False  # it closes what the text itself opened
        for rank, follower in enumerate(self._followers):
            if stripped == follower.strip():
                is_next = rank == 0 and indentation(full) == indentation(follower)
                if is_next or is_telling(full):
                    return True
        return False

    def _is_held_back(self) -> bool:
        """Whether the last line may yet turn out to be one that stands around the cursor."""
        full = self._pending if self._lines else self._around.own + self._pending
        begun = full.strip()
        if self._stop is not None or not begun or not self._pending.strip():
            return False
        around = [*self._followers, *self._above[-1:], *self._full[-1:]]
        return any(line.strip().startswith(begun) for line in around)

    def _look_ahead(self) -> None:
        """What is sure before the line has come to its end."""
        pending, rest = self._pending, self._around.rest.strip()
        if rest and not self._lines and reaches_rest(pending, rest):
            self._stop = Stop.REST  # what of it stays, `fit` decides
            return
        run = find_token_run(pending)
        if run is not None:
            kept = pending[:run]
            self._end(Stop.ITSELF)
            self._pending = kept
            return
        may_be_outside = pending.strip() and self._is_placed and self._scanner.is_settled
        may_close = closes(pending) or "end".startswith(pending.strip())
        is_block = self._kind is Kind.BLOCK and not may_close
        if may_be_outside and is_block and (stop := self._outside(pending)):
            self._end(stop)


def _first_lines(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if line.strip()][:_FOLLOWERS]
