"""A model with a proposer before it: what the proposer has found is the answer, else the model's is.

The proposer searches text for what stood there before, and answers seldom; the model answers always.
Which engines these are is no business of this module. Where a layout has references, files that no
model is shown, the proposer searches these in place of the context.

The proposer is asked where one answer is wanted, the likeliest. Several answers, drawn ones, those with
other tokens beside the chosen one and those that are held to a form are the model's alone. How sure it is
of a token each tells of its own answers; a proposer that is told to say so, and is less sure of its first
word than what is shown of the model, has found nothing. A warm-up is for both.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import math
from collections.abc import AsyncGenerator, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from inference.engines.base import Engine, LoadProgress, Piece
from inference.prompt import Chunk, Prompt, PromptLayout, PromptSection
from inference.protocol import Capabilities, Priority, Role
from inference.sampling import Sampling


class ProposingEngine:
    """`Chunk`s and `PromptLayout`s of the model are the proposer's by identity, made once for each."""

    def __init__(self, proposer: Engine[Any], model: Engine[Any]) -> None:
        """To the host it is the model, by name and by all that it can do."""
        self.name = model.name
        self.proposer = proposer
        self.model = model
        self._chunks: WeakKeyDictionary[Chunk[Any], Chunk[Any]] = WeakKeyDictionary()
        self._layouts: WeakKeyDictionary[PromptLayout[Any], PromptLayout[Any]] = WeakKeyDictionary()

    @property
    def capabilities(self) -> Capabilities:
        return dataclasses.replace(self.model.capabilities, references=True)

    async def load(self, report: LoadProgress) -> None:
        await self.proposer.load(lambda _what, _share: None)
        await self.model.load(report)

    def encode(self, text: str) -> Sequence[Any]:
        return self.model.encode(text)

    async def generate(
        self, prompt: Prompt[Any], sampling: Sampling, priority: Priority
    ) -> AsyncGenerator[Piece, None]:
        is_warm_up = priority is Priority.WARM_UP
        if is_warm_up or self._may_propose(sampling):
            proposed = self._proposed(prompt, sampling, priority)
            has_answered = False
            async with contextlib.aclosing(proposed):
                async for piece in proposed:
                    if not is_warm_up:
                        has_answered = True
                        yield piece
            if has_answered:
                return
        answer = self.model.generate(prompt, sampling, priority)
        async with contextlib.aclosing(answer):
            async for piece in answer:
                yield piece

    async def close(self) -> None:
        self._layouts.clear()
        self._chunks.clear()
        try:
            await self.proposer.close()
        finally:
            await self.model.close()

    async def _proposed(
        self, prompt: Prompt[Any], sampling: Sampling, priority: Priority
    ) -> AsyncGenerator[Piece, None]:
        """The proposer's answer; nothing where that is blank, or is less sure than what is shown."""
        seen = Prompt(await self._layout(prompt.layout), prompt.tail)
        pieces = self.proposer.generate(seen, sampling, priority)
        blank: list[Piece] = []
        is_blank, has_begun = True, False
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                # The counts of a prompt are the model's, which has read nothing for this.
                blank.append(dataclasses.replace(piece, cached_tokens=0, prompt_tokens=None))
                is_blank = is_blank and not piece.text.strip()
                if is_blank:
                    continue
                if not has_begun and self._is_unsure(blank):
                    return
                has_begun = True
                for it in blank:
                    yield it
                blank.clear()

    def _is_unsure(self, begun: Sequence[Piece]) -> bool:
        """Whether the first word would not be shown, where the model may have a better one."""
        least = self.model.capabilities.least_chance
        if least <= 0:
            return False
        logprob = 0.0
        for token in itertools.chain.from_iterable(piece.logprobs for piece in begun):
            logprob += token.logprob
            if token.token.strip():
                break
        return logprob < math.log(least)

    def _may_propose(self, sampling: Sampling) -> bool:
        tells = sampling.logprobs is None or (
            sampling.logprobs == 0 and self.proposer.capabilities.logprobs
        )
        is_likeliest = sampling.samples == 1 and sampling.temperature == 0
        return is_likeliest and tells and sampling.constraint is None

    async def _layout(self, layout: PromptLayout[Any]) -> PromptLayout[Any]:
        """What the proposer searches: other files first, and the current one."""
        seen = self._layouts.get(layout)
        if seen is None:
            others = layout.by_role(Role.REFERENCE) or layout.by_role(Role.CONTEXT)
            current = [
                section for section in layout.sections if section.role in (Role.SUFFIX, Role.PREFIX)
            ]
            sections = [await self._section(section) for section in (*others, *current)]
            seen = self._layouts[layout] = PromptLayout(tuple(sections))
        return seen

    async def _section(self, section: PromptSection[Any]) -> PromptSection[Any]:
        role = Role.CONTEXT if section.role is Role.REFERENCE else section.role
        chunks = [await self._chunk(chunk) for chunk in section.chunks]
        return PromptSection(role, section.path, tuple(chunks))

    async def _chunk(self, chunk: Chunk[Any]) -> Chunk[Any]:
        seen = self._chunks.get(chunk)
        if seen is None:
            seen = self._chunks[chunk] = Chunk(chunk.text, self.proposer.encode(chunk.text))
            await asyncio.sleep(0)  # a chunk takes a millisecond, and the loop has others to serve
        return seen
