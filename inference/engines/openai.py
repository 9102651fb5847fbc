"""Models behind an OpenAI-compatible address: vLLM, a cluster of it, TensorRT-LLM, llama.cpp, Ollama.

A model is filled in the middle by `/completions`, with a prompt that is formatted here; where the
model or its server cannot do that, by chat. Conversations go to `/chat/completions`, and are read in
`openai_chat.py`. At load the server is asked what it is, which model it serves, what its tokenizer
knows and whether it chats, and the model fills some canned gaps, so that the first keystroke meets
no surprise. Prompts are token ids where `openai_tokens.py` finds how to make them, else text.

`EngineFailed` ends the host, and its client starts another with back-off until the server is there.
The key comes from the environment alone (`SPARROW_API_KEY`), as the host got it when it was started:
the editor's own store of secrets reaches it so as well.

Facts of servers that this file relies on, observed with vLLM 0.32, read of the others
- vLLM takes `priority` (lower goes first, where it schedules by priority), `cache_salt`, and
  `stop_token_ids`; it holds back as much text as its longest stop string has, so that ids are
  better. It goes on with a last message of the assistant's when asked to.
- Ollama wraps what its `/v1/completions` gets into the model's template, and drops the start of a
  prompt that is too long; `/api/generate` can be told to do neither.
- llama.cpp's server knows `priority` and `cache_salt` not, and TensorRT-LLM refuses unknown fields.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from inference.engines.base import LoadProgress, Piece
from inference.engines.openai_chat import ChatReader, opens_thinking
from inference.engines.openai_connection import DEFAULT_LIMITS, Connection, Limits
from inference.engines.openai_options import Options
from inference.engines.openai_prompt import TextFormat, TextLayout, all_special_texts
from inference.engines.openai_request import Requests, estimated_tokens
from inference.engines.openai_server import (
    Address,
    ServedModel,
    ServerKind,
    api_key,
    family_by_name,
    running_context_tokens,
    slots_of,
    special_token_ids,
)
from inference.engines.openai_tokens import find_prompts
from inference.engines.token_prompts import TokenPrompts
from inference.errors import (
    EngineFailed,
    Overloaded,
    RequestRefused,
    UnsupportedRequest,
)
from inference.formats import infill_chat, probe
from inference.formats.fim import FAMILIES, FimFamily, FimOrder, FimTokens
from inference.prompt import Conversation, Prompt, PromptLayout, PromptSection
from inference.protocol import Capabilities, Priority, Role, Tail
from inference.sampling import Sampling

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

_CACHE_BLOCK_TOKENS = 16
_PARALLEL_REQUESTS = {ServerKind.VLLM: 16, ServerKind.LLAMA_CPP: 1, ServerKind.OLLAMA: 1}
_OTHER_PARALLEL_REQUESTS = 4
_LEAST_PROBE_TASKS = 4  # with fewer in time nothing is concluded
_LOADING_POLL_S = 1.0


class OpenAiEngine:
    name = "openai"

    def __init__(
        self,
        address: str,
        engine_args: Mapping[str, Any],
        *,
        limits: Limits = DEFAULT_LIMITS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`address` is `URL[#MODEL]`. Raises `UnknownModel` and `EngineFailed`."""
        self._address = Address.parse(address)
        self._options = Options.read(engine_args)
        self._limits = limits
        # Nobody else can find out by timing which prompts are in the server's cache.
        self._cache_salt = secrets.token_urlsafe(32)
        key = api_key(os.environ, self._address)
        self._connection = Connection(self._address, key, limits, transport)
        self._special_texts = all_special_texts()
        self._layouts: WeakKeyDictionary[PromptLayout[int], TextLayout] = WeakKeyDictionary()
        self._served = ServedModel("", ServerKind.OTHER, None)
        self._slots: int | None = None
        self._requests = Requests(self._address, self._served, self._cache_salt)
        self._format: TextFormat | None = None
        self._prompts: TokenPrompts | None = None
        self._chats = False
        # For which wishes of thinking the model's template itself opens it.
        self._opens_thinking: frozenset[bool | None] = frozenset()

    @property
    def capabilities(self) -> Capabilities:
        kind = self._served.kind
        return Capabilities(
            fim=self._format is not None,
            chat=self._chats,
            exact_token_counts=self._prompts is not None,
            context_tokens=self._served.context_tokens,
            cache_block_tokens=_CACHE_BLOCK_TOKENS,
            parallel_requests=self._slots or _PARALLEL_REQUESTS.get(kind, _OTHER_PARALLEL_REQUESTS),
            prefix_first=self._format is not None and self._format.order is FimOrder.PREFIX_FIRST,
        )

    def encode(self, text: str) -> Sequence[int]:
        """The ids, where the server's tokenizer is here too; else as many numbers as it may have."""
        if self._prompts is not None:
            return self._prompts.encode(text)
        return range(estimated_tokens(len(text)))

    async def load(self, report: LoadProgress) -> None:
        report(f"asking {self._address.host}", None)
        await self._connection.open()
        try:
            await self._learn_server(report)
            no_chat = await self._learn_chat(report)
            await self._learn_model(report, no_chat)
        except BaseException:
            await self.close()
            raise
        logger.info(
            "%s on %s, %s, context %s",
            self._served.name,
            self._served.kind.value,
            f"{self._format.family.name} {self._format.order.value}" if self._format else "by chat",
            self._served.context_tokens or "unknown",
        )

    async def generate(
        self, prompt: Prompt[int], sampling: Sampling, priority: Priority
    ) -> AsyncGenerator[Piece, None]:
        if self._format is None:
            pieces = self._fill_by_chat(prompt, sampling, priority)
        else:
            whole = self._whole_prompt(prompt, self._format, priority)
            pieces = self._connection.pieces(
                self._requests.completion(self._format, whole, sampling, priority)
            )
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                yield piece

    def _whole_prompt(
        self, prompt: Prompt[int], fmt: TextFormat, priority: Priority
    ) -> str | list[int]:
        """As ids where they can be had: then the server encodes nothing, whatever the context."""
        if self._prompts is not None:
            fill = self._prompts.warm_up if priority is Priority.WARM_UP else self._prompts.fill_in
            return fill(prompt, fmt.order)
        layout = self._layouts.get(prompt.layout)
        if layout is None:
            layout = self._layouts[prompt.layout] = fmt.layout(prompt.layout)
        return layout.with_tail(prompt.tail)

    async def chat(
        self, conversation: Conversation[int], sampling: Sampling, priority: Priority
    ) -> AsyncGenerator[Piece, None]:
        call = self._requests.chat(conversation, sampling, priority)
        in_thinking = conversation.thinking in self._opens_thinking
        reader = ChatReader(conversation.tools, in_thinking=in_thinking)
        pieces = self._connection.pieces(call, reader)
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        await self._connection.close()

    async def _learn_server(self, report: LoadProgress) -> None:
        self._served = await self._loaded_model(report)
        model = self._served.name
        kind, context = self._served.kind, self._served.context_tokens
        if kind is ServerKind.LLAMA_CPP:
            slot, self._slots = slots_of(await self._connection.ask("/props", needs_key=True))
            context = slot or context
        elif kind is ServerKind.OTHER:
            version = await self._connection.ask("/api/version")
            if isinstance(version, dict) and "version" in version:
                kind = ServerKind.OLLAMA
                report(f"Ollama is loading {model}", None)
                load = {"model": model, "stream": False}
                limit_s = self._limits.loading_s
                await self._connection.ask("/api/generate", load, limit_s=limit_s)
                running = await self._connection.ask("/api/ps")
                context = running_context_tokens(running, model)
        context = self._options.context_tokens or context
        self._served = replace(self._served, kind=kind, context_tokens=context)
        self._requests = Requests(self._address, self._served, self._cache_salt)

    async def _loaded_model(self, report: LoadProgress) -> ServedModel:
        """Asks until the server has loaded its model."""
        try:
            async with asyncio.timeout(self._limits.loading_s):
                while True:
                    try:
                        return await self._connection.find_model()
                    except Overloaded as error:
                        report(f"waiting for {self._address.host}: {error.message}", None)
                        await asyncio.sleep(_LOADING_POLL_S)
        except TimeoutError:
            raise EngineFailed(
                f"{self._address.base_url} did not become ready "
                f"within {self._limits.loading_s:g} s",
                hint="See what the server says.",
            ) from None

    async def _learn_model(self, report: LoadProgress, no_chat: RequestRefused | None) -> None:
        """How the model fills in the middle; `no_chat` says why it cannot be asked by chat."""
        model = self._served.name
        tokens = await self._special_tokens()
        family = self._family(tokens)
        stop_ids = tokens.stop_ids if tokens and tokens.family is family else frozenset[int]()
        self._requests = Requests(self._address, self._served, self._cache_salt, stop_ids)
        if family is None:
            logger.warning("%s is of no family that fills in the middle: asking by chat", model)
            if no_chat is not None:
                raise EngineFailed(
                    f"{model} can be asked neither to fill in the middle nor by chat: "
                    f"{no_chat.message}",
                    hint="Choose a model for code completion: `sparrow models` lists some.",
                ) from no_chat
            return
        order = FimOrder(self._options.fim_order) if self._options.fim_order else None
        if order is None:
            report(f"trying how {model} fills in the middle", None)
            order = await self._probe(family)
        if order is None and not self._options.fim_family:
            if no_chat is None:
                return
            logger.warning("nor does it chat (%s): it is asked to fill all the same", no_chat)
        self._format = TextFormat(family, order or next(iter(family.orders)))
        if tokens is not None and tokens.family is family:
            self._prompts = await find_prompts(
                self._served, self._address, tokens, self._connection.ask
            )

    async def _learn_chat(self, report: LoadProgress) -> RequestRefused | None:
        """Why the model does not chat, by a question with an answer of one token; None if it does."""
        report(f"asking {self._served.name} whether it chats", None)
        refused = await self._chat_refused()
        self._chats = refused is None
        if self._chats and self._served.kind is ServerKind.VLLM:
            self._opens_thinking = frozenset(
                [it for it in (None, True) if opens_thinking(await self._prompt_end(it))]
            )
        return refused

    async def _prompt_end(self, thinking: bool | None) -> Any:  # noqa: FBT001 - of three values
        return await self._connection.ask("/tokenize", self._requests.prompt_end(thinking=thinking))

    def _family(self, tokens: FimTokens | None) -> FimFamily | None:
        named = self._options.fim_family
        if named == "chat":
            return None
        family = next((each for each in FAMILIES if each.name == named), None)
        if family is None:
            family = tokens.family if tokens else family_by_name(self._served.name)
        order = self._options.fim_order
        if family is not None and order and FimOrder(order) not in family.orders:
            raise EngineFailed(f"the family {family.name} has no order {order!r}")
        return family

    async def _special_tokens(self) -> FimTokens | None:
        """The family by the server's own vocabulary, where it can be asked."""
        names = sorted({name for family in FAMILIES for name in family.names})
        text = "\n".join(names)
        if self._served.kind is ServerKind.VLLM:
            body = {"model": self._served.name, "prompt": text, "add_special_tokens": False}
            body["return_token_strs"] = True
        elif self._served.kind is ServerKind.LLAMA_CPP:
            body = {"content": text, "with_pieces": True}
        else:
            return None
        answer = await self._connection.ask("/tokenize", body)
        return FimTokens.find(special_token_ids(answer, names).get)

    async def _probe(self, family: FimFamily) -> FimOrder | None:
        """The order in which the model fills canned gaps best; None where it fills too few."""
        formats = [TextFormat(family, order) for order in family.orders]
        answers: dict[FimOrder, dict[str, str]] = {each.order: {} for each in formats}
        slots = asyncio.Semaphore(self.capabilities.parallel_requests)

        async def fill(task: probe.ProbeTask, fmt: TextFormat) -> None:
            async with slots:
                try:
                    answers[fmt.order][task.path] = await self._fill_gap(task, fmt)
                except (RequestRefused, EngineFailed) as error:
                    logger.warning("a trial of filling in the middle failed: %s", error)

        tasks = probe.probe_tasks()
        try:
            async with asyncio.timeout(self._limits.probe_s):
                # Alone, since it says whether the server takes such requests at all.
                answers[formats[0].order][tasks[0].path] = await self._fill_gap(
                    tasks[0], formats[0]
                )
                async with asyncio.TaskGroup() as group:
                    for task in tasks:
                        for each in formats:
                            group.create_task(fill(task, each))
        except UnsupportedRequest as error:
            logger.warning("filling in the middle is refused: %s", error)
            return None
        except (RequestRefused, TimeoutError) as error:
            logger.warning("the trial of filling in the middle was cut short: %r", error)
        done = [task for task in tasks if all(task.path in each for each in answers.values())]
        if len(done) < _LEAST_PROBE_TASKS:
            return formats[0].order
        verdict = probe.judge(answers, done)
        logger.info("%s", verdict.explanation)
        return verdict.order

    async def _fill_gap(self, task: probe.ProbeTask, fmt: TextFormat) -> str:
        layout: PromptLayout[int] = PromptLayout((PromptSection(Role.PREFIX, task.path, ()),))
        text = fmt.layout(layout).with_tail(Tail(task.prefix, task.suffix))
        sampling = Sampling(probe.MAX_TOKENS)
        call = self._requests.completion(fmt, text, sampling, Priority.WARM_UP)
        async with contextlib.aclosing(self._connection.pieces(call)) as pieces:
            return "".join([piece.text async for piece in pieces])

    async def _chat_refused(self) -> RequestRefused | None:
        """Why the model cannot be asked by chat; None where it can, or is only busy or slow."""
        layout: PromptLayout[int] = PromptLayout((PromptSection(Role.PREFIX, "a.py", ()),))
        prompt = Prompt(layout, Tail("a = ", "\n"))
        pieces = self._fill_by_chat(prompt, Sampling(1), Priority.WARM_UP)
        try:
            async with asyncio.timeout(self._limits.probe_s), contextlib.aclosing(pieces):
                async for _ in pieces:
                    pass
        except (Overloaded, TimeoutError):
            return None
        except RequestRefused as error:
            return error
        return None

    async def _fill_by_chat(
        self, prompt: Prompt[int], sampling: Sampling, priority: Priority
    ) -> AsyncGenerator[Piece, None]:
        """One piece, when the answer is complete: before that it is not known what of it is code."""
        shown = self._special_texts.broken_up
        layout = prompt.layout
        path = next((each.path for each in layout.sections if each.role is not Role.CONTEXT), "")
        prefix = shown(layout.text(Role.PREFIX) + prompt.tail.prefix)
        suffix = shown(prompt.tail.suffix + layout.text(Role.SUFFIX))
        context = [
            (shown(each.path), shown("".join(chunk.text for chunk in each.chunks)))
            for each in layout.by_role(Role.CONTEXT)
        ]
        asked = infill_chat.infill(shown(path), prefix, suffix, context)
        call = self._requests.infill(asked, sampling, priority)
        answer, count, last = "", 0, Piece("", 0)
        async with contextlib.aclosing(self._connection.pieces(call)) as pieces:
            async for last in pieces:
                answer += last.text
                count += last.token_count
        text = infill_chat.insertion(
            answer, prefix, suffix, asked.marker, prefilled=self._requests.opens_answers
        )
        for stop in sampling.stop:
            text = text.partition(stop)[0]
        yield Piece(text, count)
        yield Piece("", 0, last.finish, last.cached_tokens)
