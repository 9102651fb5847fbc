"""Training sequences: rows of token ids of one length, each filled with examples to the brim.

An example is a prompt as the engines make it (`inference.formats.fim`) and its answer: other files
of the repository, then the current one with a hole, suffix first or prefix first, then the middle
and the token that ends it. Every token is learnt, so a row teaches plain code as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

from inference.formats.fim import FimOrder, FimTokens, fim_layout
from inference.prompt import Chunk, PromptLayout, PromptSection
from inference.protocol import Role
from inference.wren.corpus import SourceFile
from inference.wren.infilling import infilling
from inference.wren.related_files import Repository
from inference.wren.tokenizer import END

LANGUAGE_SHARES = {"python": 0.86, "typescript": 0.1, "javascript": 0.04}
_SUFFIX_FIRST = 0.75  # the order that the engine uses, since it makes typing append
_NO_HOLE = 0.1
_CONTEXT = 0.55  # examples that show other files
_CONTEXT_ROOM = 0.5  # of an example, at most
_NAMED_REPOSITORY = 0.1
_SUFFIX_SHARE = 0.3
_CHARACTERS_PER_TOKEN = 3.2
_LEAST_EXAMPLE = 160  # tokens; what is left of a row below that is filled with plain code


@dataclass(frozen=True, slots=True)
class Rows:
    count: int
    length: int  # in tokens to learn; a row holds one more
    seed: int | str = 0


class Sequences:
    """Draws examples from a corpus: a language by its share, then a file by its length."""

    def __init__(
        self,
        files: Sequence[SourceFile],
        tokenizer: Any,
        token_id: Callable[[str], int | None],
    ) -> None:
        """`tokenizer` takes all text as text; `token_id` knows the special tokens."""
        by_repository: defaultdict[str, list[SourceFile]] = defaultdict(list)
        self._by_language: defaultdict[str, list[SourceFile]] = defaultdict(list)
        for file in files:
            by_repository[file.repository].append(file)
            self._by_language[file.language].append(file)
        self._repositories = {name: Repository(its) for name, its in by_repository.items()}
        self._weights = {
            language: list(accumulate(len(file.text) for file in its))
            for language, its in self._by_language.items()
        }
        tokens = FimTokens.find(token_id)
        end = token_id(END)
        if tokens is None or end is None:
            raise ValueError("the tokenizer lacks the tokens for filling in the middle")
        self._tokens = tokens
        self._end = end
        self._tokenizer = tokenizer

    def rows(self, wanted: Rows) -> Iterator[list[int]]:
        """Each of `length` + 1 ids: input and target are the same, one apart."""
        random = Random(f"{wanted.seed}/{wanted.length}")  # noqa: S311 - to draw examples
        languages = [name for name in LANGUAGE_SHARES if self._by_language[name]]
        shares = [LANGUAGE_SHARES[name] for name in languages]
        for _ in range(wanted.count):
            row: list[int] = []
            while (room := wanted.length + 1 - len(row)) > 0:
                (language,) = random.choices(languages, shares)
                (file,) = random.choices(
                    self._by_language[language], cum_weights=self._weights[language]
                )
                if room < _LEAST_EXAMPLE or random.random() < _NO_HOLE:
                    row += self._plain(file, random)[:room]
                else:
                    row += self._example(file, room, random)
            yield row

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def _plain(self, file: SourceFile, random: Random) -> list[int]:
        text = _stretch(file.text, int(random.uniform(600, 3000)), random)
        opening = self._tokens.optional(self._tokens.family.file)
        return [*opening, *self._encode(f"{file.path}\n{text}"), self._end]

    def _example(self, file: SourceFile, room: int, random: Random) -> list[int]:
        context: list[PromptSection[int]] = []
        # Longer rows hold both: some short prompts, some that fill the row.
        wanted = min(room, int(random.uniform(_LEAST_EXAMPLE, 1.3 * room)))
        current = wanted
        if random.random() < _CONTEXT:
            current = int(wanted * random.uniform(1 - _CONTEXT_ROOM, 0.9))
            context = self._context(file, wanted - current, random)
        text = _stretch(file.text, int(current * _CHARACTERS_PER_TOKEN), random)
        hole = infilling(text, random)
        order = FimOrder.SUFFIX_FIRST if random.random() < _SUFFIX_FIRST else FimOrder.PREFIX_FIRST
        layout = fim_layout(
            self._tokens,
            PromptLayout((*context, PromptSection(Role.PREFIX, file.path, ()))),
            self._encode,
            file.repository if random.random() < _NAMED_REPOSITORY else "",
        )
        answer = [*self._encode(hole.middle), self._end]
        prefix, suffix = self._encode(hole.prefix), self._encode(hole.suffix)
        left = room - len(answer) - len(layout.with_tail(order, (), ()))
        if left < 0:
            return self._plain(file, random)[:room]
        prefix, suffix = _fit(prefix, suffix, left)
        return [*layout.with_tail(order, prefix, suffix), *answer]

    def _context(self, file: SourceFile, room: int, random: Random) -> list[PromptSection[int]]:
        """Sections of files that it imports or that lie beside it, the imported ones last."""
        repository = self._repositories[file.repository]
        imported = repository.imported(file)
        random.shuffle(imported)
        neighbours = repository.neighbours(file)
        if neighbours:
            neighbours = random.sample(neighbours, min(2, len(neighbours)))
        sections: list[PromptSection[int]] = []
        for other in [*imported[:3], *neighbours]:
            if room < _LEAST_EXAMPLE // 4:
                break
            share = int(room * random.uniform(0.4, 1.0))
            text = _stretch(other.text, int(share * _CHARACTERS_PER_TOKEN), random, from_start=0.5)
            ids = self._encode(text)[:share]
            sections.append(PromptSection(Role.CONTEXT, other.path, (Chunk(text, ids),)))
            room -= len(ids) + 12
        return sections[::-1]


def _stretch(text: str, characters: int, random: Random, *, from_start: float = 0.2) -> str:
    """Whole lines of about that length from anywhere in the text; some from its start."""
    if len(text) <= characters:
        return text
    start = 0
    if random.random() >= from_start:
        start = text.rfind("\n", 0, random.randrange(len(text) - characters + 1)) + 1
    end = text.rfind("\n", start + 1, start + characters) + 1
    return text[start : end if end > start else start + characters]


def _fit(prefix: list[int], suffix: list[int], room: int) -> tuple[list[int], list[int]]:
    """What is nearest the cursor of both, the suffix with at most its share where both are long."""
    if len(prefix) + len(suffix) <= room:
        return prefix, suffix
    behind = min(len(suffix), max(int(room * _SUFFIX_SHARE), room - len(prefix)))
    before = min(len(prefix), room - behind)
    return prefix[len(prefix) - before :], suffix[:behind]


def write(sequences: Sequences, target: Path, rows: Rows, advance: Callable[[int], None]) -> None:
    """Writes the rows as an array of uint16, `[count, length + 1]`."""
    import numpy as np

    made = np.lib.format.open_memmap(
        target, mode="w+", dtype=np.uint16, shape=(rows.count, rows.length + 1)
    )
    for number, row in enumerate(sequences.rows(rows)):
        made[number] = row
        advance(1)
    made.flush()
