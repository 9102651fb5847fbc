"""Sparrow's own small model on the CPU: onnxruntime, one thread, in the host's process.

The suffix stands before the prefix, so typing appends to what has been read, and a keystroke costs
a few tokens. All work is done by one thread (`wren_worker.py`), one chunk of a prompt or one token of an
answer at a time: between them requests take turns, and a cancellation takes effect.

A prompt that leaves no room in the model's context is refused, never trimmed: the layout does that.
Several answers at no temperature start with the likeliest tokens, one each. What the prompt repeats
has a say in each token (`wren_copying.py`), and what stands of a token before the cursor holds the first
ones to it (`wren_begun.py`); the log-probabilities are those of what is chosen from after both.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.engines import wren_begun, wren_package
from inference.engines.base import LoadProgress, Piece
from inference.engines.detokenizer import Detokenizer
from inference.engines.token_prompts import TokenPrompts
from inference.engines.wren_begun import Begun, Spellings
from inference.engines.wren_choice import Choice, Chooser
from inference.engines.wren_copying import Copying, Vocabulary
from inference.engines.wren_runtime import Reading, Runtime
from inference.engines.wren_worker import Worker
from inference.errors import EngineFailed, PromptTooLong, UnsupportedRequest
from inference.formats.fim import FimOrder
from inference.prompt import Prompt
from inference.protocol import Capabilities, FinishReason, Priority, Tail
from inference.sampling import Alternative, Sampling, TokenLogprob

ORDER = FimOrder.SUFFIX_FIRST
COPYING = "copying"  # whether what the prompt repeats is weighed too; for comparisons
LINES = "lines"  # the most that an answer has; blank ones at its start are not counted
# A further line is seldom right, and takes its time: see the model card.
_USUAL_LINES = 1
# With what is surer than this most places show something right, three of four of those that show
# anything: see the model card.
LEAST_CHANCE = 0.4
PARALLEL_REQUESTS = 2  # they share a thread: more would only make each other wait


class WrenEngine:
    name = "wren"

    def __init__(self, folder: Path | None, engine_args: Mapping[str, Any]) -> None:
        """`folder` holds a package; None stands for the one that comes with Sparrow."""
        arguments = dict(engine_args)
        self._copies = arguments.pop(COPYING, True)
        self._lines = arguments.pop(LINES, _USUAL_LINES)
        if (
            arguments
            or not isinstance(self._copies, bool)
            or type(self._lines) is not int
            or self._lines < 1
        ):
            raise EngineFailed(
                f"wren's arguments are `{COPYING}`, true or false, and `{LINES}`, a number from 1"
                f" on, not {engine_args}"
            )
        self._folder = folder or wren_package.WEIGHTS
        self._worker = Worker("wren")
        self._context_tokens = 0

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            fim=True,
            chat=False,
            exact_token_counts=True,
            context_tokens=self._context_tokens,
            cache_block_tokens=2,  # of any length; 1 would say that nothing is kept
            parallel_requests=PARALLEL_REQUESTS,
            samples=True,
            logprobs=True,
            least_chance=LEAST_CHANCE,
        )

    async def load(self, report: LoadProgress) -> None:
        report("loading wren", None)
        await asyncio.to_thread(self._load)

    def _load(self) -> None:
        try:
            from tokenizers import Tokenizer

            package = wren_package.read(self._folder)
            tokenizer = Tokenizer.from_str(package.tokenizer)
            self._runtime = Runtime.load(package)
        except ImportError as error:
            raise EngineFailed(
                f"wren needs a library that is not installed: {error.name}",
                "Install Sparrow again, or name `suffix` as the model, which needs none.",
            ) from error
        self._prompts = TokenPrompts(_BareTokenizer(tokenizer))
        if self._prompts.fim is None:
            raise EngineFailed("wren's tokenizer has no tokens for filling in the middle")
        self._stop_ids = self._prompts.fim.stop_ids
        self._vocabulary = Vocabulary.of(tokenizer.get_vocab(), self._stop_ids)
        self._spellings = Spellings(self._vocabulary.ids, self._vocabulary.special)
        self._context_tokens = package.context_tokens

    def encode(self, text: str) -> Sequence[int]:
        return self._prompts.encode(text)

    async def generate(
        self, prompt: Prompt[int], sampling: Sampling, priority: Priority
    ) -> AsyncGenerator[Piece, None]:
        if sampling.constraint is not None:
            raise UnsupportedRequest("wren cannot be held to a grammar")
        begun = ""
        if priority is Priority.WARM_UP:
            ids = self._prompts.warm_up(prompt, ORDER)
        else:
            before, begun = wren_begun.split(prompt.tail.prefix)
            tail = Tail(before, prompt.tail.suffix)
            ids = self._prompts.fill_in(Prompt(prompt.layout, tail), ORDER)
        room = self._context_tokens - len(ids)
        if room < 1:
            raise PromptTooLong(
                f"the prompt has {len(ids)} tokens, {1 - room} more than wren's context of "
                f"{self._context_tokens} holds with one token to spare",
                "Close some files, or choose a larger model.",
            )
        asked = _Asked(sampling, min(sampling.max_tokens, room), begun)
        pieces = self._worker.run(self._steps(ids, asked))
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                yield piece

    def _steps(self, ids: Sequence[int], asked: _Asked) -> Generator[Piece | None, None, None]:
        """The work for one request: a chunk of the prompt at a time, then a token."""
        reading = self._runtime.start(ids)
        try:
            while not reading.is_complete:
                self._runtime.read(reading)
                yield None
            chooser = Chooser(asked.sampling)
            for sample in range(asked.sampling.samples):
                reading.rewind()
                yield from self._answer(reading, asked, chooser, sample)
        finally:
            reading.end()

    def _answer(
        self, reading: Reading, asked: _Asked, chooser: Chooser, sample: int
    ) -> Generator[Piece, None, None]:
        answer = _Answer(self._prompts.tokenizer, reading, asked, sample, self._lines)
        copying = self._copying(reading.ids)
        held = Begun(asked.begun, self._spellings, self._vocabulary.spelled)
        logits, rank = reading.logits, sample
        while True:
            weighed = logits if copying is None else copying.weighed(logits)
            choice = chooser.choose(held.held(weighed), rank)
            piece = answer.piece(choice, stops=choice.token_id in self._stop_ids)
            yield piece
            if piece.finish is not None:
                return
            logits, rank = self._runtime.run([choice.token_id], reading.slot), 0
            held.take(choice.token_id)
            if copying is not None:
                copying.take(choice.token_id)

    def _copying(self, ids: Sequence[int]) -> Copying | None:
        fim = self._prompts.fim
        if not self._copies or fim is None:
            return None
        end = len(ids) - 1 if ids[-1] in fim.stop_ids else len(ids)
        start = next((at for at in range(end, 0, -1) if ids[at - 1] in fim.stop_ids), 0)
        return Copying(ids, ids[start:end], self._vocabulary)

    async def close(self) -> None:
        await asyncio.to_thread(self._worker.stop)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is wanted behind a prompt: at most `limit` tokens, of which the first spell `begun`."""

    sampling: Sampling
    limit: int
    begun: str


class _BareTokenizer:
    """A `tokenizers.Tokenizer` by the names under which transformers has it."""

    def __init__(self, tokenizer: Any) -> None:
        self.backend_tokenizer = tokenizer

    def get_vocab(self) -> dict[str, int]:
        vocabulary: dict[str, int] = self.backend_tokenizer.get_vocab()
        return vocabulary


class _Answer:
    """One sample as pieces."""

    def __init__(
        self, tokenizer: Any, reading: Reading, asked: _Asked, sample: int, lines: int
    ) -> None:
        self._tokenizer = tokenizer
        self._lines_left = lines
        self._is_blank = True
        self._detokenizer = Detokenizer(
            tokenizer, reading.ids, asked.sampling.stop, len(asked.begun)
        )
        self._limit = asked.limit
        self._prompt_tokens = len(reading.ids)
        self._cached_tokens = reading.cached_tokens
        self._sample = sample
        self._count = 0

    def piece(self, choice: Choice, *, stops: bool) -> Piece:
        """What a token adds; the last one where it stops, or is the one that reaches the limit."""
        self._count += 1
        finish = FinishReason.STOP if stops else None
        text = "" if stops else self._detokenizer.feed((choice.token_id,))
        text, is_last = self._within_lines(text)
        if is_last or self._detokenizer.stopped:
            finish = FinishReason.STOP
        elif finish is None and self._count == self._limit:
            finish = FinishReason.LENGTH
        if finish is not None and not is_last and not self._detokenizer.stopped:
            text += self._detokenizer.flush()
        return Piece(
            text,
            1,
            finish,
            self._cached_tokens,
            self._prompt_tokens,
            self._sample,
            logprobs=self._logprobs(choice),
        )

    def _within_lines(self, text: str) -> tuple[str, bool]:
        """The text up to the end of the last line, and whether that is reached."""
        shown = ""
        for piece in text.splitlines(keepends=True):
            shown += piece
            self._is_blank = self._is_blank and not piece.strip()
            if not self._is_blank and piece[-1] in "\r\n":
                self._lines_left -= 1
                if not self._lines_left:
                    return shown.rstrip("\r\n"), True
        return shown, False

    def _logprobs(self, choice: Choice) -> tuple[TokenLogprob, ...]:
        if choice.logprob is None:
            return ()
        alternatives = tuple(
            Alternative(self._text(token_id), logprob) for token_id, logprob in choice.alternatives
        )
        return (TokenLogprob(self._text(choice.token_id), choice.logprob, alternatives),)

    def _text(self, token_id: int) -> str:
        text: str = self._tokenizer.decode([token_id], skip_special_tokens=False)
        return text
