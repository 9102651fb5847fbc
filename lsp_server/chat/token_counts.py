"""How many tokens chunks have: as the model counted them, and an estimate of what it has not. Pure."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from inference.content import Layout, LayoutSection, TextChunk
from inference.protocol import LayoutReady, Role

_RATE_BEFORE_COUNTS = 0.33  # tokens for each character: code has 0.25 to 0.4
_TELLING_CHARACTERS = 2_000
_REMEMBERED = 4_096


class TokenCounts:
    """Of one model; `switch` to another forgets what was counted."""

    def __init__(self) -> None:
        self._model = ""
        self._counts: OrderedDict[bytes, int] = OrderedDict()
        self._rate = _RATE_BEFORE_COUNTS
        self._is_exact = True

    def switch(self, model: str) -> None:
        if model != self._model:
            self._model = model
            self._counts.clear()
            self._rate, self._is_exact = _RATE_BEFORE_COUNTS, True

    def tokens(self, chunks: Iterable[TextChunk]) -> int:
        return sum(self._of(chunk) for chunk in chunks)

    def of_text(self, characters: int) -> int:
        return math.ceil(characters * self._rate)

    def is_exact(self, chunks: Iterable[TextChunk]) -> bool:
        """Whether the model itself has counted all of them, by its own tokenizer."""
        return self._is_exact and all(chunk.id in self._counts for chunk in chunks)

    def ask_for(self, chunks: Iterable[TextChunk]) -> Layout | None:
        """A layout to have those counted that were not; None where all were."""
        new = {chunk.id: chunk for chunk in chunks if chunk.id not in self._counts}
        if not new:
            return None
        return Layout.of(LayoutSection(Role.CONTEXT, "", (chunk,)) for chunk in new.values())

    def learn(self, layout: Layout, counted: LayoutReady) -> None:
        """Takes the answer to what `ask_for` gave."""
        self._is_exact = counted.exact
        characters = tokens = 0
        sections: Sequence[LayoutSection] = layout.sections
        for section, count in zip(sections, counted.token_counts, strict=True):
            (chunk,) = section.chunks
            self._counts[chunk.id] = count
            characters += len(chunk.text)
            tokens += count
        while len(self._counts) > _REMEMBERED:
            self._counts.popitem(last=False)
        if characters >= _TELLING_CHARACTERS:
            self._rate = tokens / characters

    def _of(self, chunk: TextChunk) -> int:
        count = self._counts.get(chunk.id)
        return self.of_text(len(chunk.text)) if count is None else count
