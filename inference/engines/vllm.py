"""Models served by vLLM, by an engine in this very process: token ids in, tokens out.

AsyncLLM runs here rather than behind an HTTP server, since Sparrow wants to hold what it decides
with: the ids of a prompt, the prefix cache, priorities and aborts. vLLM's own processes end with
this one, also when it is killed: see `vllm_plugin.py`. Their sockets go with it: `vllm_sockets.py`.

Facts of vLLM that this file relies on, observed with 0.32: a lower priority goes first; cancelling
the task that consumes a request frees its slot; a prompt of one token kills the engine of a model
with recurrent layers.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import inspect
import itertools
import logging
import os
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from inference.engines import vllm_arguments, vllm_failure, vllm_plugin
from inference.engines.base import LoadProgress, Piece
from inference.engines.token_prompts import TokenPrompts
from inference.engines.vllm_output import RequestOutput
from inference.engines.vllm_samples import merged
from inference.engines.vllm_sockets import SocketFolder
from inference.errors import EngineFailed, PromptTooLong, UnsupportedRequest
from inference.formats import probe
from inference.formats.fim import FimOrder
from inference.formats.tool_calls import ToolCallParser
from inference.prompt import Conversation, Prompt
from inference.protocol import Capabilities, FinishReason, Priority
from inference.sampling import ConstraintKind, Sampling

logger = logging.getLogger(__name__)

MIN_PROMPT_TOKENS = 2
FIM_ORDER = "fim_order"
# vLLM keeps a queue of its own, ordered by the same priorities: with as many requests in it as run,
# a slot that becomes free is taken in the next step.
REQUESTS_PER_SLOT = 2


class VllmEngine:
    """Completes by fill-in-the-middle, in the order of prefix and suffix that the model knows."""

    name = "vllm"

    def __init__(self, checkpoint: str, engine_args: Mapping[str, Any]) -> None:
        """`checkpoint` is a folder or a repository of the hub.

        `engine_args` are vLLM's own, and `fim_order`, which takes the place of asking the model.
        Raises `EngineFailed` for an order that there is not.
        """
        self._checkpoint = checkpoint
        self._engine_args = dict(engine_args)
        self._request_numbers = itertools.count(1)
        asked = self._engine_args.pop(FIM_ORDER, None)
        self._asked_order = _order(asked) if asked is not None else None
        self._engine: Any = None
        self._sockets: SocketFolder | None = None
        self._order: FimOrder | None = None

    @property
    def capabilities(self) -> Capabilities:
        config = self._engine.vllm_config
        cache = config.cache_config
        return Capabilities(
            fim=self._order is not None or self._prompts.has_template,
            chat=self._prompts.has_template,
            exact_token_counts=True,
            context_tokens=config.model_config.max_model_len,
            cache_block_tokens=max(cache.block_size, cache.mamba_block_size or 0),
            parallel_requests=REQUESTS_PER_SLOT * config.scheduler_config.max_num_seqs,
            samples=True,
            logprobs=True,
            constraints=True,
            # On a CPU vLLM's engine dies where a prompt is read in pieces and samples are drawn by
            # a seed (observed with 0.32).
            seeds=config.device_config.device_type != "cpu",
            queues=config.scheduler_config.policy == "priority",
            prefix_first=self._order is FimOrder.PREFIX_FIRST,
        )

    async def load(self, report: LoadProgress) -> None:
        os.environ.update(vllm_arguments.PRIVACY)
        os.environ[vllm_plugin.HOST_VARIABLE] = str(os.getpid())
        report("importing vLLM", None)
        arguments = await asyncio.to_thread(
            vllm_arguments.arguments, self._checkpoint, self._engine_args
        )
        report(f"loading {self._checkpoint}", None)
        self._sockets = SocketFolder()
        try:
            self._engine = await asyncio.to_thread(_start, arguments)
        except Exception as error:
            logger.exception("vLLM could not start")
            self._sockets.remove()
            raise EngineFailed(
                f"vLLM could not load {self._checkpoint}: {vllm_failure.reason(error)}",
                hint=self._hint(error),
            ) from error
        tokenizer = self._engine.get_tokenizer()
        self._prompts = TokenPrompts(
            await tokenizer if inspect.isawaitable(tokenizer) else tokenizer
        )
        report("asking the model to fill in the middle", None)
        self._order = await self._find_order()
        # vLLM leaves some 600,000 objects behind; looking through them all takes 400 ms each time.
        gc.collect()
        gc.freeze()

    def encode(self, text: str) -> Sequence[int]:
        return self._prompts.encode(text)

    async def generate(
        self, prompt: Prompt[int], sampling: Sampling, priority: Priority
    ) -> AsyncGenerator[Piece, None]:
        if self._order is not None:
            fill = self._prompts.warm_up if priority is Priority.WARM_UP else self._prompts.fill_in
            pieces = self._stream(fill(prompt, self._order), sampling, priority)
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    yield piece
        elif self._prompts.has_template:
            yield await self._ask(prompt, sampling, priority)
        else:
            raise UnsupportedRequest(
                f"{self._checkpoint} can neither fill in the middle nor chat",
                hint="Choose a model that can: `sparrow models` lists some.",
            )

    async def chat(
        self, conversation: Conversation[int], sampling: Sampling, priority: Priority
    ) -> AsyncGenerator[Piece, None]:
        chat = self._prompts.chat_prompt(conversation)
        schemas = {
            tool["function"]["name"]: tool["function"].get("parameters") or {}
            for tool in conversation.tools
        }

        def parser() -> ToolCallParser:
            return ToolCallParser(schemas, in_thinking=chat.in_thinking)

        pieces = self._stream(chat.ids, sampling, priority, parser)
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def _ask(self, prompt: Prompt[int], sampling: Sampling, priority: Priority) -> Piece:
        """The completion of a model that can only chat; it is known when its answer has ended."""
        question = self._prompts.ask(prompt)
        if sampling.samples > 1 or sampling.logprobs is not None:
            raise UnsupportedRequest(
                f"{self._checkpoint} completes by chat, one answer at a time and no log-probabilities"
            )
        sampling = dataclasses.replace(sampling, stop=(*sampling.stop, *question.stop))
        answer, last = "", Piece("", 0, FinishReason.STOP)
        count = 0
        pieces = self._stream(question.ids, sampling, priority)
        async with contextlib.aclosing(pieces):
            async for last in pieces:
                answer += last.text
                count += last.token_count
        return dataclasses.replace(last, text=question.insertion(answer), token_count=count)

    async def _stream(
        self,
        ids: list[int],
        sampling: Sampling,
        priority: Priority,
        parser: Callable[[], ToolCallParser] | None = None,
    ) -> AsyncGenerator[Piece, None]:
        """A request for each sample: so each tells what it found in the cache, and ends by itself."""
        samples = [
            self._sample(ids, sampling, priority, number, parser and parser())
            for number in range(sampling.samples)
        ]
        pieces = samples[0] if len(samples) == 1 else merged(samples)
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def _sample(
        self,
        ids: list[int],
        sampling: Sampling,
        priority: Priority,
        number: int,
        parser: ToolCallParser | None,
    ) -> AsyncGenerator[Piece, None]:
        from vllm.exceptions import VLLMValidationError
        from vllm.inputs import tokens_input

        room = self._room_for(len(ids))
        answer = RequestOutput(self._prompts.tokenizer, ids, sampling, number, parser)
        stream = self._engine.generate(
            tokens_input(ids),
            self._parameters(sampling, min(sampling.max_tokens, room), number),
            f"{priority.name.lower()}-{next(self._request_numbers)}",
            priority=int(priority),
        )
        try:
            async with contextlib.aclosing(stream):
                async for output in stream:
                    for piece in answer.pieces(output):
                        yield piece
                    if answer.has_ended:
                        break  # at a stop string; closing the stream ends the request
        except (VLLMValidationError, ValueError) as error:
            raise UnsupportedRequest(
                f"vLLM refuses the request: {vllm_failure.reason(error)}"
            ) from error
        except Exception as error:
            if self._engine.errored:
                raise EngineFailed(
                    f"vLLM's engine died: {vllm_failure.reason(error)}",
                    hint="The host's log says why; Sparrow starts it again.",
                ) from error
            raise

    async def _find_order(self) -> FimOrder | None:
        """The order in which the model fills in the middle: as configured, or as it turns out."""
        fim = self._prompts.fim
        if fim is None:
            logger.warning("%s has no tokens for filling in the middle", self._checkpoint)
            return None
        if self._asked_order is not None:
            return self._asked_order
        tasks = [(order, task) for order in fim.orders for task in probe.probe_tasks()]
        answers = await asyncio.gather(*(self._try(order, task) for order, task in tasks))
        completions: dict[FimOrder, dict[str, str]] = {order: {} for order in fim.orders}
        for (order, task), answer in zip(tasks, answers, strict=True):
            completions[order][task.path] = answer
        verdict = probe.judge(completions)
        logger.info("%s", verdict.explanation)
        return verdict.order

    async def _try(self, order: FimOrder, task: probe.ProbeTask) -> str:
        ids = self._prompts.probe(task, order)
        pieces = self._stream(ids, Sampling(max_tokens=probe.MAX_TOKENS), Priority.WARM_UP)
        async with contextlib.aclosing(pieces):
            return "".join([piece.text async for piece in pieces])

    def _hint(self, error: Exception) -> str:
        if vllm_failure.is_refused_argument(error):
            return "Correct it in the arguments of the model's engine."
        if not Path(self._checkpoint).is_dir() and self._checkpoint.count("/") == 1:
            return (
                "If it has not been downloaded, do so: sparrow download "
                f"{self._checkpoint}. A host never downloads by itself."
            )
        return "The host's log says more. `sparrow plan` says what fits this machine."

    async def close(self) -> None:
        if self._engine is not None:
            await asyncio.to_thread(self._engine.shutdown)
        if self._sockets is not None:
            self._sockets.remove()

    def _room_for(self, prompt_tokens: int) -> int:
        """How many tokens may follow a prompt. Raises where it does not fit, or is too short."""
        limit = self._engine.vllm_config.model_config.max_model_len
        if prompt_tokens >= limit:
            raise PromptTooLong(
                f"the prompt has {prompt_tokens} tokens, {prompt_tokens - limit + 1} more than "
                f"the model's context of {limit} holds with one token to spare",
                hint="Raise `max_model_len` in the engine's arguments, or close some files.",
            )
        if prompt_tokens < MIN_PROMPT_TOKENS:
            raise UnsupportedRequest(f"a prompt has at least {MIN_PROMPT_TOKENS} tokens")
        return int(limit - prompt_tokens)

    def _parameters(self, sampling: Sampling, max_tokens: int, sample: int) -> Any:
        from vllm.sampling_params import (
            RequestOutputKind,
            SamplingParams,
            StructuredOutputsParams,
        )

        constraint, form = sampling.constraint, None
        if constraint is not None:
            is_choice = constraint.kind is ConstraintKind.CHOICE
            name = "json" if constraint.kind is ConstraintKind.JSON_SCHEMA else constraint.kind
            wanted = list(constraint.texts) if is_choice else constraint.texts[0]
            form = StructuredOutputsParams(**{str(name): wanted})
        fim = self._prompts.fim
        return SamplingParams(
            max_tokens=max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            seed=sampling.seed + sample if sampling.seed is not None else None,
            logprobs=sampling.logprobs,
            structured_outputs=form,
            detokenize=False,
            stop_token_ids=sorted(fim.stop_ids) if fim is not None else [],
            output_kind=RequestOutputKind.DELTA,
        )


def _order(name: Any) -> FimOrder:
    try:
        return FimOrder(name)
    except ValueError:
        names = " or ".join(f"`{order.value}`" for order in FimOrder)
        raise EngineFailed(f"`{FIM_ORDER}` is {names}, not {name!r}") from None


def _start(arguments: Any) -> Any:
    from vllm.v1.engine.async_llm import AsyncLLM

    return AsyncLLM.from_engine_args(arguments)
