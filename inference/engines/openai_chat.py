"""Conversations with a model behind an OpenAI-compatible server: what is sent, how answers are read.

Servers differ in who finds thinking and tool calls in what a model writes. Those that were told to,
or do it by themselves (llama.cpp, Ollama), send both apart from the text. vLLM refuses tools where
it was started without a parser of calls, unless it is told to look for none, and its parsers lose a
call inside thinking; so it is told to, and the text is read here. Either way is understood of every
server, for what stands in front may be something else than what answers.

This module is pure.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inference.engines.answer_pieces import arguments_text, new_call_id, piece_of
from inference.engines.base import Piece, UnreadableCall
from inference.engines.openai_stream import CallPart, Step, fields_of, items_of
from inference.formats.tool_calls import THINK_OPEN, Event, ToolCallParser
from inference.prompt import Conversation
from inference.protocol import CallText
from inference.surrogates import whole_characters

_NOT_RUN = "The tool call was not run"


def messages_of(
    conversation: Conversation[int], shown: Callable[[str], str]
) -> list[dict[str, Any]]:
    """The messages as servers take them; `shown` makes of a text what the model may see of it."""
    messages = []
    for message in conversation.messages:
        fields: dict[str, Any] = {"role": str(message.role), "content": shown(message.text)}
        if message.calls:
            fields["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": shown(call.arguments)},
                }
                for call in message.calls
            ]
        if message.call_id:
            fields["tool_call_id"] = message.call_id
        messages.append(fields)
    return messages


def opens_thinking(tokenized: Any) -> bool:
    """Whether a prompt ends where the model begins to reason, by vLLM's answer to `/tokenize`."""
    texts = items_of(fields_of(tokenized).get("token_strs"))
    tail = "".join(text for text in texts[-4:] if isinstance(text, str))
    return tail.replace("Ċ", "\n").rstrip().endswith(THINK_OPEN)


class PlainReader:
    """Reads a completion: what the model writes is the text."""

    def read(self, step: Step) -> list[Piece]:
        return [Piece(step.text, 1)] if step.text else []

    def end(self) -> list[Piece]:
        return []


class ChatReader:
    """Reads an answer in a chat, step by step; `end` it once."""

    def __init__(self, tools: Sequence[Mapping[str, Any]], *, in_thinking: bool) -> None:
        """`in_thinking` says that the prompt opens the thinking, which the server may pass on."""
        self._schemas = {
            tool["function"]["name"]: tool["function"].get("parameters") or {} for tool in tools
        }
        self._text = ToolCallParser(self._schemas, in_thinking=in_thinking)
        self._thinking: ToolCallParser | None = None  # of what comes apart from the text
        self._tells_apart = False
        self._calls: list[_Call] = []

    def read(self, step: Step) -> list[Piece]:
        events: list[Event] = []
        if step.thinking:
            if not self._tells_apart:
                self._tells_apart = True
                self._text = ToolCallParser(self._schemas)
            if self._thinking is None:
                self._thinking = ToolCallParser(self._schemas, in_thinking=True)
            events += self._thinking.feed(step.thinking)
        if step.text:
            events += self._end_thinking()
            events += self._text.feed(step.text)
        for part in step.calls:
            self._call_of(part).add(part)
        return _counted(events, 1 if step.text or step.thinking or step.calls else 0)

    def end(self) -> list[Piece]:
        pieces = _counted([*self._end_thinking(), *self._text.finish()], 0)
        calls = tuple(call.read() for call in sorted(self._calls, key=lambda it: it.index))
        return [*pieces, Piece("", 0, calls=calls)] if calls else pieces

    def _call_of(self, part: CallPart) -> _Call:
        """The call that a part goes on with: the latest of its index, unless it begins another."""
        latest = next((it for it in reversed(self._calls) if it.index == part.index), None)
        if latest is None or latest.ends_before(part):
            latest = _Call(part.index)
            self._calls.append(latest)
        return latest

    def _end_thinking(self) -> list[Event]:
        thinking, self._thinking = self._thinking, None
        return thinking.finish() if thinking is not None else []


@dataclass(slots=True)
class _Call:
    """A call that the server found, as its parts arrive."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""

    def ends_before(self, part: CallPart) -> bool:
        """Whether a part of the same index is of another call: some servers number them all 0.

        Others make up an id for each part; what begins a call has a name as well.
        """
        return bool(self.name and part.name and self.id and part.id) and self.id != part.id

    def add(self, part: CallPart) -> None:
        self.id = self.id or part.id
        self.name = self.name or part.name
        self.arguments += part.arguments

    def read(self) -> CallText | UnreadableCall:
        raw = whole_characters(f"{self.name} {self.arguments}".strip())
        if not self.name:
            return UnreadableCall(f"{_NOT_RUN}: it names no tool.", raw)
        try:
            arguments = json.loads(self.arguments or "{}", strict=False)
        except (ValueError, RecursionError) as error:
            return UnreadableCall(f"{_NOT_RUN}: its arguments are not JSON ({error}).", raw)
        if not isinstance(arguments, dict):
            return UnreadableCall(f"{_NOT_RUN}: its arguments are not an object.", raw)
        name, text = whole_characters(self.name), arguments_text(arguments)
        return CallText(whole_characters(self.id) or new_call_id(), name, text)


def _counted(events: Sequence[Event], tokens: int) -> list[Piece]:
    """The events as pieces, of which the first has the tokens."""
    pieces = [piece_of(event) for event in events]
    if not tokens:
        return pieces
    first, *rest = pieces or [Piece("", 0)]
    return [dataclasses.replace(first, token_count=tokens), *rest]
