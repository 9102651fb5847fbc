"""Has a model answer: streams it, runs the tools that it calls, and says what to append to the log.

Bounded: so many calls and requests, and so much text of tools, whatever the model wants. What it
calls wrongly is answered with what is wrong.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from inference.client import InferenceClient
from inference.content import Message, TextChunk
from inference.protocol import (
    CallText,
    ChatRole,
    Delta,
    Done,
    FinishReason,
    MalformedCall,
    Priority,
    ToolCall,
)
from inference.protocol import Usage as RequestUsage
from inference.sampling import Sampling
from lsp_server.chat.live_answer import LiveAnswer
from lsp_server.chat.prompt import NO_ANSWER, answered
from lsp_server.chat.tools import DEFINITIONS, Result, Tools, summarize
from lsp_server.chat.transcript import Step, StepState, Usage

TEMPERATURE = 0.6
MAX_REQUESTS = 8  # the first, and those behind tools' results
MAX_CALLS = 16
MAX_TOOL_CHARACTERS = 80_000
_SHOWN_RAW_CHARACTERS = 2_000
OUT_OF_CALLS = "No more calls are possible in this answer. Answer with what you know."


@dataclass(frozen=True, slots=True)
class Limits:
    """What an answer may take."""

    max_tokens: int
    tool_characters: int = MAX_TOOL_CHARACTERS


@dataclass(slots=True)
class _Said:
    """One request's answer."""

    text: str = ""
    calls: list[CallText] = field(default_factory=list)
    malformed: list[MalformedCall] = field(default_factory=list)
    usage: RequestUsage | None = None
    is_cut: bool = False


class Answering:
    """One answer. `appended` is what the log gets: also where the answer was stopped or failed."""

    def __init__(self, client: InferenceClient, live: LiveAnswer, tools: Tools | None) -> None:
        self._client = client
        self._live = live
        self._tools = tools
        self._calls = 0
        self._tool_characters = 0
        self._results: dict[tuple[str, str], str] = {}
        self._usage = RequestUsage(0, 0, 0)
        self._saying = ""  # what the request under way has said so far
        self._closed: list[Message] = []
        self.tokens = 0  # of the last prompt and its answer
        self.hint = ""

    @property
    def appended(self) -> list[Message]:
        if self._closed and self._closed[-1].role is ChatRole.ASSISTANT:
            return list(self._closed)
        return [*self._closed, answered(self._saying)]

    async def run(
        self, messages: Sequence[Message], limits: Limits, *, thinking: bool | None
    ) -> None:
        """Streams into the live answer, until the model calls no more tools.

        Raises the `InferenceError` with which a request was refused or ended.
        """
        for number in range(MAX_REQUESTS):
            said = await self._ask([*messages, *self._closed], limits, thinking=thinking)
            self._count(said)
            if not said.calls and not said.malformed:
                self._closed.append(answered(said.text))
                self.hint = "The answer was cut at its limit of tokens." if said.is_cut else ""
                return
            await self._answer_calls(said, limits, is_last=number >= MAX_REQUESTS - 2)
        self.hint = "The model went on calling tools, and was ended at the limit."

    async def _ask(
        self, messages: Sequence[Message], limits: Limits, *, thinking: bool | None
    ) -> _Said:
        said = _Said()
        self._saying = ""
        stream = self._client.chat(
            messages,
            Sampling(limits.max_tokens, TEMPERATURE),
            Priority.CHAT,
            tools=DEFINITIONS if self._tools is not None else "",
            thinking=thinking,
        )
        async with contextlib.aclosing(stream):
            async for it in stream:
                match it:
                    case Delta():
                        self._live.say(it.text, thinking=it.thinking)
                        if not it.thinking:
                            said.text += it.text
                            self._saying = said.text
                    case ToolCall():
                        said.calls.append(it.call)
                    case MalformedCall():
                        said.malformed.append(it)
                    case Done():
                        said.usage = it.usage
                        said.is_cut = it.finish is FinishReason.LENGTH
        return said

    def _count(self, said: _Said) -> None:
        if said.usage is None:
            return
        before, now = self._usage, said.usage
        self._usage = RequestUsage(
            before.prompt_tokens + now.prompt_tokens,
            before.cached_tokens + now.cached_tokens,
            before.generated_tokens + now.generated_tokens,
        )
        self.tokens = now.prompt_tokens + now.generated_tokens
        self._live.usage(
            Usage(
                self._usage.prompt_tokens,
                self._usage.cached_tokens,
                self._usage.generated_tokens,
                self._live.first_token_ms,
                self._live.elapsed_ms(),
            )
        )

    async def _answer_calls(self, said: _Said, limits: Limits, *, is_last: bool) -> None:
        """Runs the calls, and appends them with their results."""
        text = said.text
        for malformed in said.malformed:
            text += f"\n{malformed.raw[:_SHOWN_RAW_CHARACTERS]}"
        results = [
            Message(
                ChatRole.TOOL,
                (TextChunk.of(await self._run(call, limits, is_last=is_last) or NO_ANSWER),),
                call_id=call.id,
            )
            for call in said.calls
        ]
        for malformed in said.malformed:
            self._calls += 1
            self._live.step(
                Step(
                    f"call-{self._calls}",
                    "?",
                    "a call that cannot be read",
                    "failed",
                    malformed.reason,
                )
            )
            told = f"{malformed.reason} {OUT_OF_CALLS if is_last else 'Call it again, mended.'}"
            results.append(Message.of(ChatRole.USER, told))
        content = (TextChunk.of(text.strip()),) if text.strip() else ()
        self._closed += [Message(ChatRole.ASSISTANT, content, tuple(said.calls)), *results]
        self._saying = ""
        if self._live.text and not self._live.text.endswith("\n\n"):
            self._live.say("\n\n")  # what the model says next is another paragraph

    async def _run(self, call: CallText, limits: Limits, *, is_last: bool) -> str:
        """What a tool answers to the model."""
        self._calls += 1
        step = Step(f"call-{self._calls}", call.name[:60], summarize(call), "running")
        self._live.step(step)
        result = await self._result(call, limits, is_last=is_last)
        state: StepState = "failed" if result.failed else "done"
        self._live.step(replace(step, state=state, detail=result.summary))
        self._tool_characters += len(result.text)
        return result.text

    async def _result(self, call: CallText, limits: Limits, *, is_last: bool) -> Result:
        if self._tools is None:
            return Result("There are no tools here.", "there are no tools", failed=True)
        if is_last or self._calls > MAX_CALLS or self._tool_characters > limits.tool_characters:
            return Result(OUT_OF_CALLS, "the limit of calls is reached", failed=True)
        key = call.name, call.arguments
        if key in self._results:
            return Result(
                "You have asked for just that already; the answer stands above.",
                "it was asked before",
                failed=True,
            )
        result = await self._tools.run(call)
        self._results[key] = result.text
        return result
