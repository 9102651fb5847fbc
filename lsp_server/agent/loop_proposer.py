"""A model in a loop with tools: it looks, edits, sees what the tests say, and goes on.

Bounded by steps, tokens and time; a model that goes in circles is told so once, and stopped. What it has
changed when it ends is proposed, and is judged like any other candidate.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass

from inference.client import InferenceClient
from inference.content import Message, TextChunk
from inference.errors import InferenceError
from inference.protocol import (
    CallText,
    ChatRole,
    Delta,
    Done,
    MalformedCall,
    Priority,
    ToolCall,
)
from inference.sampling import Sampling
from lsp_server.agent.asking import open_conversation, room_for, shown
from lsp_server.agent.data import Candidate, Evidence
from lsp_server.agent.loop_guard import LoopGuard, Turn
from lsp_server.agent.task import Task
from lsp_server.agent.tools import TOOLS, RunTests, Tools
from lsp_server.model_edits.prompt import RULES
from lsp_server.workspace.snapshot import Snapshot

MAX_STEPS = 40
MAX_TOKENS = 400_000  # of all turns together
MAX_WALL_S = 600.0
_STEP_TOKENS = 4096
_TEMPERATURE = 0.3
_LOOP_RULES = (
    "You have tools. Look at what you need, then edit; after each edit you see what the tests say."
    " When they pass, answer with one sentence and no call. The blocks of `edit` are written so:\n\n"
    + RULES.partition("\n\n")[2]
)
_NUDGE = "You have made this very call before, and nothing has changed since. Do something else."
_GO_ON = "The tests do not pass yet. Call a tool, or say why it cannot be mended."


@dataclass(frozen=True, slots=True)
class LoopProposer:
    """`run_tests` runs the failing tests on changed files; see `tools.py`."""

    client: InferenceClient
    index: Snapshot
    text: Callable[[str], str | None]
    run_tests: RunTests
    thinking: bool | None = None
    on_step: Callable[[str], None] = lambda _: None
    name: str = "the model with tools"

    async def rounds(
        self, task: Task, tried: Sequence[Evidence], budget_s: float
    ) -> AsyncGenerator[Sequence[Candidate], None]:
        """Raises what the client raises, where nothing was changed."""
        del tried
        tools = Tools(self.index, self.text, self.run_tests)
        try:
            async with asyncio.timeout(min(budget_s, MAX_WALL_S)):
                await self._work(task, tools)
        except TimeoutError:
            self.on_step("stopped: its time is over")
        except InferenceError as error:
            # Such as a conversation that has become longer than the model's context.
            if not tools.changed:
                raise
            self.on_step(f"stopped: {error.message}")
        if tools.changed:
            score = 1.0 if tools.is_solved else 0.5
            yield [Candidate(dict(tools.changed), "model with tools", score)]

    async def _work(self, task: Task, tools: Tools) -> None:
        # The other half is for what it looks at by itself.
        room = room_for(self.client.capabilities, _STEP_TOKENS) // 2
        messages = open_conversation(task, shown(task, room), _LOOP_RULES)
        guard = LoopGuard()
        tokens = 0
        reminded = False
        for _ in range(MAX_STEPS):
            turn = await self._turn(messages)
            tokens += turn.tokens
            messages.append(Message(ChatRole.ASSISTANT, _content(turn.text), tuple(turn.calls)))
            if turn.malformed:
                told = f"A call could not be read: {turn.malformed}. Call again."
                messages.append(Message.of(ChatRole.USER, told))
            elif not turn.calls:
                if tools.is_solved or reminded or not task.failing:
                    return
                reminded = True
                messages.append(Message.of(ChatRole.USER, _GO_ON))
            for call in turn.calls:
                what = guard.take(f"{call.name} {call.arguments} {len(tools.changed)}")
                if what is Turn.STOP:
                    self.on_step("stopped: it goes in circles")
                    return
                answer = await self._use(tools, call)
                if what is Turn.NUDGE:
                    answer = f"{answer}\n\n{_NUDGE}"
                messages.append(Message(ChatRole.TOOL, _content(answer), call_id=call.id))
            if tools.is_solved or tokens > MAX_TOKENS:
                return

    async def _use(self, tools: Tools, call: CallText) -> str:
        self.on_step(f"{call.name} {call.arguments[:120]}")
        try:
            arguments = json.loads(call.arguments or "{}")
        except ValueError as error:
            return f"the arguments are no JSON: {error}"
        if not isinstance(arguments, dict):
            return "the arguments are to be a JSON object."
        return await tools.use(call.name, arguments)

    async def _turn(self, messages: Sequence[Message]) -> _Turn:
        text, malformed, tokens = "", "", 0
        calls: list[CallText] = []
        stream = self.client.chat(
            messages,
            Sampling(_STEP_TOKENS, _TEMPERATURE),
            Priority.AGENT,
            tools=TOOLS,
            thinking=self.thinking,
        )
        async with contextlib.aclosing(stream):
            async for message in stream:
                match message:
                    case Delta(thinking=False):
                        text += message.text
                    case ToolCall():
                        calls.append(message.call)
                    case MalformedCall():
                        malformed = message.reason
                    case Done():
                        tokens = message.usage.prompt_tokens + message.usage.generated_tokens
        return _Turn(text, calls, malformed, tokens)


@dataclass(frozen=True, slots=True)
class _Turn:
    text: str
    calls: list[CallText]
    malformed: str
    tokens: int


def _content(text: str) -> tuple[TextChunk, ...]:
    return (TextChunk.of(text or "(nothing)"),)
