"""The engine without weights: it continues by what follows the longest match of the text so far.

The text before the cursor is looked up, token by token and without its absolute indentation, in the
other files of the layout and in the current one. The places where the most of it stands vote for
the next token; the winner is taken, the places move on with it, and are looked up anew when they
run dry. A line is shown only when it is complete and its tokens are likely enough together: a
wrong suggestion costs the user more than none.

It never suggests what already follows the cursor, a copy of the line above, or a line outside the
block that the cursor is in. It is deterministic: `temperature`, `top_p` and `seed` do not apply, and
are accepted. Text of the tail that is further than `TAIL_CHARACTERS` from the cursor is not read.

A chunk is indexed by the first request that has it in its layout, a warm-up for instance, and the
index goes when the chunk does. See `suffix_index` for the memory it takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from typing import TypeVar
from weakref import WeakKeyDictionary

from inference.engines import suffix_lexer as lexer
from inference.engines.base import LoadProgress, Piece
from inference.engines.suffix_draft import Cursor, Drafted, next_line, start
from inference.engines.suffix_index import (
    LONGEST_MATCH,
    ChunkIndex,
    Corpus,
    IndexedChunk,
    IndexedFile,
    index_chunk,
    join,
    usual_indentation,
)
from inference.engines.suffix_vocabulary import TailVocabulary, Vocabulary
from inference.prompt import Chunk, Prompt, PromptLayout, PromptSection
from inference.protocol import Capabilities, FinishReason, Priority, Role
from inference.sampling import Alternative, Sampling, TokenLogprob

TAIL_CHARACTERS = 16_384
CONTEXT_CHARACTERS = 2_048  # on each side of the cursor, across chunks: holds LONGEST_MATCH tokens

ResultT = TypeVar("ResultT")


class SuffixEngine:
    name = "suffix"

    def __init__(self) -> None:
        self._vocabulary = Vocabulary()
        self._chunks: WeakKeyDictionary[Chunk[str], ChunkIndex] = WeakKeyDictionary()
        self._layouts: WeakKeyDictionary[PromptLayout[str], Corpus] = WeakKeyDictionary()

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            fim=True,
            chat=False,
            exact_token_counts=True,
            context_tokens=None,
            cache_block_tokens=1,
            parallel_requests=4,
            logprobs=True,
        )

    async def load(self, report: LoadProgress) -> None:
        report("nothing to load", 1.0)

    def encode(self, text: str) -> Sequence[str]:
        return lexer.encode(text)

    async def close(self) -> None:
        self._layouts.clear()
        self._chunks.clear()

    async def generate(
        self, prompt: Prompt[str], sampling: Sampling, priority: Priority
    ) -> AsyncGenerator[Piece, None]:
        del priority  # the host's scheduler has seen to it
        layout = prompt.layout
        cached = sum(
            len(chunk.tokens)
            for section in layout.sections
            for chunk in section.chunks
            if chunk in self._chunks
        )
        vocabulary = TailVocabulary(self._vocabulary)
        corpus = await self._corpus(layout)
        before = prompt.tail.prefix[-TAIL_CHARACTERS:]
        after = prompt.tail.suffix[:TAIL_CHARACTERS]
        tail = await self._tail(before, after, vocabulary)
        cursor = _cursor(
            _text_before(layout, before),
            _text_after(layout, after),
            vocabulary,
            usual_indentation(tail.deeper + corpus.deeper),
        )
        draft = start(cursor, (tail, corpus), vocabulary)
        pending = ""
        count = 0
        while pieces := await _in_turn(next_line(draft)):
            for piece in pieces:
                if count == sampling.max_tokens:
                    yield Piece(pending, 0, FinishReason.LENGTH, cached)
                    return
                count += 1
                pending += piece.text
                told = _told(piece, sampling)
                cut = _stop_start(pending, sampling.stop)
                if cut is not None:
                    yield Piece(pending[:cut], 1, FinishReason.STOP, cached, logprobs=told)
                    return
                held = _held_back(pending, sampling.stop)
                yield Piece(pending[: len(pending) - held], 1, logprobs=told)
                pending = pending[len(pending) - held :]
        yield Piece(pending, 0, FinishReason.STOP, cached)

    async def _corpus(self, layout: PromptLayout[str]) -> Corpus:
        corpus = self._layouts.get(layout)
        if corpus is None:
            path = _path(layout)
            files: list[IndexedFile] = []
            for section in layout.sections:
                chunks = [
                    IndexedChunk(chunk.tokens, await self._index(chunk)) for chunk in section.chunks
                ]
                files.append(IndexedFile(tuple(chunks), _distance(section, path)))
            files.sort(key=lambda file: -file.distance)
            corpus = self._layouts[layout] = join(files, self._vocabulary)
        return corpus

    async def _index(self, chunk: Chunk[str]) -> ChunkIndex:
        index = self._chunks.get(chunk)
        if index is None:
            index = await _in_turn(index_chunk(chunk.text, chunk.tokens, self._vocabulary))
            self._vocabulary.sort()
            self._chunks[chunk] = index
        return index

    async def _tail(self, before: str, after: str, vocabulary: TailVocabulary) -> Corpus:
        finished, _ = lexer.at_cursor(before)
        line = before[lexer.line_start(before) :]
        following = lexer.encode(after, lexer.indentation_of(line), in_line=True)
        files: list[IndexedFile] = []
        for text, tokens in ((after, following), (before, finished)):
            index = await _in_turn(index_chunk(text, tokens, vocabulary))
            files.append(IndexedFile((IndexedChunk(tokens, index),), distance=0))
        return join(files, vocabulary)


async def _in_turn(steps: Generator[None, None, ResultT]) -> ResultT:
    """What steps come to; between them the loop serves others, and a cancellation arrives."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: ResultT = end.value
            return result
        await asyncio.sleep(0)


def _path(layout: PromptLayout[str]) -> str:
    """Of the current file; empty where nothing of it is in the layout."""
    for section in layout.sections:
        if section.role in (Role.SUFFIX, Role.PREFIX):
            return section.path
    return ""


def _distance(section: PromptSection[str], current: str) -> int:
    """0 for the current file, also for what of it stands further off, 1 for one in its folder."""
    if section.role in (Role.SUFFIX, Role.PREFIX) or section.path == current:
        return 0
    return 1 if section.path.rpartition("/")[0] == current.rpartition("/")[0] else 2


def _text_before(layout: PromptLayout[str], text: str) -> str:
    """The tail before the cursor and, where it is short, lines of the chunks before it."""
    for section in reversed(layout.by_role(Role.PREFIX)):
        for chunk in reversed(section.chunks):
            if len(text) >= CONTEXT_CHARACTERS:
                return text
            text = chunk.text[-CONTEXT_CHARACTERS:] + text
    return text


def _text_after(layout: PromptLayout[str], text: str) -> str:
    """The tail behind the cursor and, where it is short, lines of the chunks behind it."""
    for section in layout.by_role(Role.SUFFIX):
        for chunk in section.chunks:
            if len(text) >= CONTEXT_CHARACTERS:
                return text
            text += chunk.text[:CONTEXT_CHARACTERS]
    return text


def _cursor(before: str, after: str, vocabulary: TailVocabulary, unit: str) -> Cursor:
    if len(before) > CONTEXT_CHARACTERS:
        _, before = lexer.split_line(before[-CONTEXT_CHARACTERS:])
    finished, unfinished = lexer.at_cursor(before)
    place = lexer.line_start(before)
    rest, below = lexer.split_line(after)
    following = lexer.encode(rest, in_line=True)
    return Cursor(
        context="".join(map(vocabulary.__getitem__, finished[-LONGEST_MATCH:])),
        unfinished=unfinished,
        line=before[place:],
        rest=lexer.match_key(following[0]) if rest.strip() else "",
        inside_word=bool(unfinished.word) and rest[:1].isalnum(),
        line_above=lexer.last_line(before[:place]),
        line_below=lexer.split_line(below)[0],
        indentation_unit=unit,
        line_end="\r\n" if "\r\n" in before or "\r\n" in after else "\n",
    )


def _told(piece: Drafted, sampling: Sampling) -> tuple[TokenLogprob, ...]:
    """How sure the vote was, where that is asked; it has one candidate for each token."""
    if sampling.logprobs is None:
        return ()
    others = (Alternative(piece.text, piece.logprob),) if sampling.logprobs else ()
    return (TokenLogprob(piece.text, piece.logprob, others),)


def _stop_start(text: str, stops: Sequence[str]) -> int | None:
    """Where the first stop string of a text starts."""
    places = [place for stop in stops if stop and (place := text.find(stop)) >= 0]
    return min(places, default=None)


def _held_back(text: str, stops: Sequence[str]) -> int:
    """How many of a text's last characters may be the start of a stop string."""
    longest = 0
    for stop in stops:
        for length in range(min(len(stop) - 1, len(text)), longest, -1):
            if text.endswith(stop[:length]):
                longest = length
                break
    return longest
