"""An open document as the index sees it: its text lies over what the disk holds.

It is parsed first in a thread, and after that again at the cost of what was
edited, when it is asked for something. Until it is parsed the disk's state stands for it.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from lsp_server.workspace.documents import Document, Edit
from lsp_server.workspace.outline import TEXT, Import, Outline, Reference, Symbol
from lsp_server.workspace.snapshot import ResolvedImport, TextMatch
from lsp_server.workspace.words import words

if TYPE_CHECKING:
    from lsp_server.workspace.parse import ParsedText

# What was edited more often without a question is parsed anew, in the thread.
MAX_PENDING_EDITS = 100
_MAX_OCCURRENCES = 2000  # of a word, that are looked at
_KNOWN_LINES = 20_000
_SATURATION = 1.2  # of BM25, as in the store


class Parsed(Protocol):
    """What is known of a text while it is edited; see `ParsedDocument`."""

    @property
    def outline(self) -> Outline: ...
    @property
    def symbols(self) -> Sequence[Symbol]: ...
    @property
    def imports(self) -> tuple[Import, ...]: ...
    @property
    def parsed_text(self) -> ParsedText | None: ...
    def definitions(self, name: str) -> list[Symbol]: ...
    def references(self, name: str) -> list[Reference]: ...
    def apply(self, edit: Edit) -> None: ...


class OpenDocument:
    """Of one document that may be shown to a model. Not for other threads than the loop's."""

    def __init__(self, document: Document, path: str, language: str) -> None:
        self.document = document
        self.path = path
        self.language = language
        self.is_as_on_disk = False
        self.is_new = False  # no file that is known
        # What its imports bind, as of the imports that were last resolved.
        self.resolved: Sequence[ResolvedImport] | None = None
        self.asked_imports: tuple[Import, ...] | None = None
        self.question = 0  # the number of the last one about them
        self._parsed: Parsed | None = None
        self._is_parsing = False
        self._text_number = 0  # of the text that is parsed
        self._pending: list[Edit] = []  # since then
        self._digest: tuple[int, bytes] | None = None
        self._lowered: _Lowered | None = None

    def edited(self, edit: Edit) -> None:
        self._lowered = None
        self._pending.append(edit)
        if len(self._pending) > MAX_PENDING_EDITS:
            self.replaced()

    def replaced(self) -> None:
        """The text is another one altogether, and has to be parsed."""
        self._lowered = None
        self._digest = None
        self._parsed = None
        self._text_number += 1
        self._pending.clear()

    def wants_parse(self) -> bool:
        """Whether somebody has to see to it that it is parsed, by `parse`; true once for each time."""
        wants = self._parsed is None and not self._is_parsing and not self.document.problem
        self._is_parsing = self._is_parsing or wants
        return wants

    async def parse(self, thread: Executor) -> None:
        """Parses the text in a thread, until nothing but edits has come meanwhile."""
        loop = asyncio.get_running_loop()
        try:
            while self._parsed is None and not self.document.problem:
                self._pending.clear()
                number = self._text_number
                parsed = await loop.run_in_executor(
                    thread, parse_document, self.language, self.document.text
                )
                if number == self._text_number:
                    self._parsed = parsed
        finally:
            self._is_parsing = False

    def digest(self, digest: Callable[[bytes, str], bytes]) -> bytes:
        """The name of its content as the store has them."""
        if self._digest is None or self._digest[0] != self.document.version:
            text = self.document.text.encode("utf-8", "replace")
            self._digest = self.document.version, digest(text, self.language)
        return self._digest[1]

    @property
    def lies_over(self) -> bool:
        """Whether it stands for the file, and not what the store has of that."""
        return not self.is_as_on_disk and self._parsed is not None and not self.document.problem

    def parsed_text(self) -> ParsedText | None:
        """The text as it is now with its tree; None before it is parsed, or where it cannot be."""
        if self._parsed is None or self.document.problem:
            return None
        return self._up_to_date().parsed_text

    def symbols(self) -> Sequence[Symbol]:
        return self._up_to_date().symbols

    def outline(self) -> Outline:
        return self._up_to_date().outline

    def imports(self) -> tuple[Import, ...]:
        return self._up_to_date().imports

    def definitions(self, name: str) -> list[Symbol]:
        return self._up_to_date().definitions(name)

    def references(self, name: str) -> list[Reference]:
        return self._up_to_date().references(name)

    def search(self, weights: Mapping[str, float], window_lines: int) -> list[TextMatch]:
        """The windows in which words stand, by what each of them counts for."""
        if self._lowered is None:
            self._lowered = _Lowered(self.document.lines)
        found: dict[int, Counter[str]] = {}
        for word in weights:
            for number in self._lowered.lines_with(word):
                found.setdefault(number // window_lines, Counter())[word] += 1
        return [
            TextMatch(
                self.path,
                window * window_lines,
                (window + 1) * window_lines,
                sum(
                    weights[word] * count * (_SATURATION + 1) / (count + _SATURATION)
                    for word, count in counts.items()
                ),
            )
            for window, counts in found.items()
        ]

    def _up_to_date(self) -> Parsed:
        assert self._parsed is not None
        for edit in self._pending:
            self._parsed.apply(edit)
        self._pending.clear()
        return self._parsed


class _Lowered:
    """A text to find words in, whatever their letters' case."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        lowered = [line.lower() for line in lines]
        self._text = "".join(lowered)
        self._ends = list(accumulate(map(len, lowered)))

    def lines_with(self, word: str) -> Iterator[int]:
        """Their numbers, each once; of a word that is everywhere only the first."""
        at = self._text.find(word)
        for _ in range(_MAX_OCCURRENCES):
            if at < 0:
                return
            number = bisect_right(self._ends, at)
            if word in _words_of(self._lines[number]):
                yield number
            at = self._text.find(word, self._ends[number])


@lru_cache(_KNOWN_LINES)
def _words_of(line: str) -> frozenset[str]:
    return frozenset(words(line))


class _PlainText:
    """A text in no language that is known: only its words count."""

    outline = Outline(TEXT, (), (), (), has_errors=False)
    symbols: Sequence[Symbol] = ()
    imports: tuple[Import, ...] = ()
    parsed_text: ParsedText | None = None

    def definitions(self, name: str) -> list[Symbol]:
        del name
        return []

    def references(self, name: str) -> list[Reference]:
        del name
        return []

    def apply(self, edit: Edit) -> None:
        pass


def parse_document(language: str, text: str) -> Parsed:
    """Parses a text for the first time. For a thread: now and then it lets go of Python's lock."""
    if language == TEXT:
        return _PlainText()
    from lsp_server.workspace.parsed_document import ParsedDocument

    parsed = ParsedDocument(language, text)
    _ = parsed.symbols  # which parses it
    return parsed
