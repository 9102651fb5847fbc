"""Asks a chat model for whole patches: samples that share one prefix, and more where none holds.

Answers that cannot be applied go back once with what is wrong and the closest lines. Closing the rounds
ends the requests.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from inference.client import InferenceClient
from inference.content import Message
from inference.protocol import ChatRole, Delta, Done, FinishReason, Priority
from inference.sampling import Sampling
from lsp_server.agent.asking import Shown, open_conversation, read_candidate, shown
from lsp_server.agent.data import Candidate, Evidence, Verdict
from lsp_server.agent.task import Task
from lsp_server.edits.blocks import BlockProblem
from lsp_server.model_edits.prompt import tell_problems

SAMPLES, MORE_SAMPLES = 4, 4
MAX_TOKENS = 4096
_TEMPERATURE = 0.7
_CHARACTERS_PER_TOKEN = 3
_MAX_LOAD_S = 600.0


@dataclass(frozen=True, slots=True)
class Sampled:
    """An answer without what the model thought; `is_cut`: it may not be at its end."""

    text: str
    is_cut: bool


@dataclass(frozen=True, slots=True)
class SampleProposer:
    """`thinking` says whether the model reasons first; None leaves it to the model."""

    client: InferenceClient
    thinking: bool | None = None
    on_problem: Callable[[str], None] = lambda _: None
    name: str = "samples of the model"

    async def rounds(
        self, task: Task, tried: Sequence[Evidence], budget_s: float
    ) -> AsyncIterator[Sequence[Candidate]]:
        """Raises what the client raises, and `TimeoutError` when the budget is used up."""
        async with asyncio.timeout(budget_s):
            await self.client.wait_ready(_MAX_LOAD_S)
            files = shown(task, self._room())
            messages = open_conversation(task, files)
            number = 0
            for count in (SAMPLES, MORE_SAMPLES):
                answers = await self._ask(messages, count)
                candidates: list[Candidate] = []
                for answer in answers:
                    number += 1
                    read = await self._read(answer, task, files, messages, number)
                    if read is not None:
                        candidates.append(read)
                yield candidates
                if any(it.verdict is Verdict.VERIFIED for it in tried):
                    return

    def _room(self) -> int:
        """Characters of files that there is room for."""
        capabilities = self.client.capabilities
        tokens = capabilities.context_tokens if capabilities is not None else None
        if tokens is None:
            return 60_000
        return max(min(60_000, (tokens - MAX_TOKENS) * _CHARACTERS_PER_TOKEN - 24_000), 2_000)

    async def _ask(self, messages: Sequence[Message], count: int) -> list[Sampled]:
        """As many answers; in one request where the engine can, so that the prompt is read once."""
        capabilities = self.client.capabilities
        if count > 1 and (capabilities is None or not capabilities.samples):
            one_each = await asyncio.gather(*(self._ask(messages, 1) for _ in range(count)))
            return [answer for answers in one_each for answer in answers]
        texts: defaultdict[int, str] = defaultdict(str)
        finishes: tuple[FinishReason, ...] = ()
        sampling = Sampling(MAX_TOKENS, _TEMPERATURE, samples=count)
        stream = self.client.chat(messages, sampling, Priority.AGENT, thinking=self.thinking)
        async with contextlib.aclosing(stream):
            async for message in stream:
                if isinstance(message, Delta) and not message.thinking:
                    texts[message.sample] += message.text
                elif isinstance(message, Done):
                    finishes = (message.finish, *message.other_finishes)
        return [
            Sampled(texts[at], at >= len(finishes) or finishes[at] is not FinishReason.STOP)
            for at in range(count)
        ]

    async def _read(
        self, answer: Sampled, task: Task, files: Shown, messages: Sequence[Message], number: int
    ) -> Candidate | None:
        origin = f"model sample {number}"
        read = read_candidate(answer.text, task, files, origin, 1.0, is_cut=answer.is_cut)
        if isinstance(read, Candidate):
            return read
        self._tell(origin, read)
        mended = [
            *messages,
            Message.of(ChatRole.ASSISTANT, answer.text or "(nothing)"),
            tell_problems(read),
        ]
        (second,) = await self._ask(mended, 1)
        origin = f"{origin}, mended"
        read = read_candidate(second.text, task, files, origin, 0.9, is_cut=second.is_cut)
        if isinstance(read, Candidate):
            return read
        self._tell(origin, read)
        return None

    def _tell(self, origin: str, problems: Sequence[BlockProblem]) -> None:
        for it in problems:
            self.on_problem(f"{origin}: {it.message.partition(chr(10))[0]}")
