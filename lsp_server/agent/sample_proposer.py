"""Asks a chat model for whole patches: samples that share one prefix, and more where none holds.

Answers that cannot be applied go back once with what is wrong and the closest lines. Closing the rounds
ends the requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass

from inference.client import InferenceClient
from inference.content import Message
from inference.errors import RequestRefused
from inference.protocol import ChatRole, Delta, Done, FinishReason, Priority
from inference.sampling import Sampling
from lsp_server.agent.asking import (
    Shown,
    open_conversation,
    read_candidate,
    room_for,
    shown,
)
from lsp_server.agent.data import Candidate, Evidence, Verdict
from lsp_server.agent.task import Task
from lsp_server.edits.blocks import BlockProblem
from lsp_server.model_edits.prompt import tell_problems

SAMPLES, MORE_SAMPLES = 4, 4
MAX_TOKENS = 4096
_TEMPERATURE = 0.7
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
    ) -> AsyncGenerator[Sequence[Candidate], None]:
        """Raises what the client raises. When the budget is used up there are no more rounds."""
        deadline = time.monotonic() + budget_s
        number = 1
        for count in (SAMPLES, MORE_SAMPLES):
            try:
                # Not around the yield: what is done with a round is not ours to end.
                async with asyncio.timeout(deadline - time.monotonic()):
                    candidates = await self._round(task, count, number)
            except TimeoutError:
                return
            number += count
            yield candidates
            if any(it.verdict is Verdict.VERIFIED for it in tried):
                return

    async def _round(self, task: Task, count: int, first: int) -> list[Candidate]:
        await self.client.wait_ready(_MAX_LOAD_S)
        files = shown(task, room_for(self.client.capabilities, MAX_TOKENS))
        messages = open_conversation(task, files)
        answers = await self._ask(messages, count)
        read = await asyncio.gather(
            *(
                self._read(answer, task, files, messages, number)
                for number, answer in enumerate(answers, first)
            )
        )
        return [it for it in read if it is not None]

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
                    finishes = (message.finish, *(it.finish for it in message.others))
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
        try:
            (second,) = await self._ask(mended, 1)
        except RequestRefused as error:
            # Of this conversation alone, such as one that has become too long: the others may be right.
            self.on_problem(f"{origin}: {error.message}")
            return None
        origin = f"{origin}, mended"
        read = read_candidate(second.text, task, files, origin, 0.9, is_cut=second.is_cut)
        if isinstance(read, Candidate):
            return read
        self._tell(origin, read)
        return None

    def _tell(self, origin: str, problems: Sequence[BlockProblem]) -> None:
        for it in problems:
            self.on_problem(f"{origin}: {it.message.partition(chr(10))[0]}")
