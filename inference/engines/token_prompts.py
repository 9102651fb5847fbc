"""Prompts as token ids, for a model whose tokenizer is at hand.

Text is encoded without special tokens, so that a file which spells `<|fim_middle|>` stays text; what
a format adds is encoded with them. What depends on a layout alone is made once for each layout.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from inference.errors import EngineFailed, UnsupportedRequest
from inference.formats import chat, fim, infill_chat, probe, tokens
from inference.formats.fim import FimLayout, FimOrder, FimTokens
from inference.formats.tool_calls import THINK_OPEN
from inference.prompt import (
    Chunk,
    Conversation,
    Prompt,
    PromptLayout,
    PromptMessage,
    PromptSection,
)
from inference.protocol import Role

logger = logging.getLogger(__name__)

# What an infill by chat shows of the current file: a window around the cursor.
CHAT_PREFIX_CHARACTERS = 8_000
CHAT_SUFFIX_CHARACTERS = 4_000


@dataclasses.dataclass(frozen=True, slots=True)
class ChatInfill:
    """A chat prompt that asks for what stands at the cursor, and how to read the answer."""

    ids: list[int]
    stop: tuple[str, ...]
    prefix: str
    suffix: str

    def insertion(self, answer: str) -> str:
        return infill_chat.insertion(answer, self.prefix, self.suffix, prefilled=True)


@dataclasses.dataclass(frozen=True, slots=True)
class ChatPrompt:
    ids: list[int]
    in_thinking: bool  # the prompt ends where the model begins to reason


class TokenPrompts:
    def __init__(self, tokenizer: Any) -> None:
        """`tokenizer` is a fast one of transformers. Raises `EngineFailed` for one that leaks."""
        from tokenizers import Tokenizer

        backend = tokenizer.backend_tokenizer.to_str()
        self._tokenizer = tokenizer
        self._plain = Tokenizer.from_str(tokens.without_added_tokens(backend))
        self._literal = Tokenizer.from_str(backend)
        self._layouts: WeakKeyDictionary[PromptLayout[int], FimLayout] = WeakKeyDictionary()
        self.fim = FimTokens.find(tokenizer.get_vocab().get)
        self.has_template = bool(getattr(tokenizer, "chat_template", None))
        if self.fim is not None and (leaks := tokens.leaking_names(self.encode, self.fim.ids)):
            raise EngineFailed(f"text can pass for special tokens of this model: {leaks}")
        self._joins_exactly = tokens.first_inexact_join(self.encode) is None
        if not self._joins_exactly:
            logger.warning("chunks are no token borders for this model: files are encoded whole")

    @property
    def tokenizer(self) -> Any:
        """The `tokenizers.Tokenizer` with the model's special tokens."""
        return self._literal

    def encode(self, text: str) -> Sequence[int]:
        ids: list[int] = self._plain.encode(text, add_special_tokens=False).ids
        return ids

    def fill_in(self, prompt: Prompt[int], order: FimOrder) -> list[int]:
        """The prompt for a model that fills in the middle. Call it where `fim` is not None."""
        before, after = self._tail(prompt)
        return self._layout(prompt).with_tail(order, before, after)

    def warm_up(self, prompt: Prompt[int], order: FimOrder) -> list[int]:
        """What `fill_in` will start with, whatever is typed in the meantime.

        No more than that: a model with recurrent layers keeps its state near the end of a prompt
        alone, where the next prompt may differ already.
        """
        _, after = self._tail(prompt)
        return self._layout(prompt).stable_ids(order, after)

    def _layout(self, prompt: Prompt[int]) -> FimLayout:
        layout = self._layouts.get(prompt.layout)
        if layout is None:
            assert self.fim is not None
            layout = fim.fim_layout(self.fim, prompt.layout, self.encode)
            if not self._joins_exactly:
                layout = dataclasses.replace(layout, prefix_ids=(), suffix_ids=())
            self._layouts[prompt.layout] = layout
        return layout

    def _tail(self, prompt: Prompt[int]) -> tuple[Sequence[int], Sequence[int]]:
        before, after = prompt.tail.prefix, prompt.tail.suffix
        if not self._joins_exactly:
            before = prompt.layout.text(Role.PREFIX) + before
            after += prompt.layout.text(Role.SUFFIX)
        return self.encode(before), self.encode(after)

    def probe(self, task: probe.ProbeTask, order: FimOrder) -> list[int]:
        """The prompt of a task that tells whether the model knows this order."""
        assert self.fim is not None
        section: PromptSection[int] = PromptSection(Role.PREFIX, task.path, ())
        layout = fim.fim_layout(self.fim, PromptLayout((section,)), self.encode)
        return layout.with_tail(order, self.encode(task.prefix), self.encode(task.suffix))

    def ask(self, prompt: Prompt[int]) -> ChatInfill:
        """The same question to a model that can only chat. Call it where there is a template."""
        before = prompt.layout.text(Role.PREFIX)[-CHAT_PREFIX_CHARACTERS:] + prompt.tail.prefix
        after = prompt.tail.suffix + prompt.layout.text(Role.SUFFIX)[:CHAT_SUFFIX_CHARACTERS]
        path = next((it.path for it in prompt.layout.sections if it.role is not Role.CONTEXT), "")
        request = infill_chat.infill(path, before, after)
        rendering = self._render(request.messages, thinking=False)
        ids = chat.prompt_ids(rendering, self._encode_literal, lambda it: self.encode(it.text))
        return ChatInfill([*ids, *self.encode(request.prefill)], request.stop, before, after)

    def chat_prompt(self, conversation: Conversation[int]) -> ChatPrompt:
        """The prompt for the next message. Call it where there is a template.

        Raises `UnsupportedRequest` where the template refuses the conversation.
        """
        messages = [_template_message(message) for message in conversation.messages]
        rendering = self._render(messages, conversation.thinking, conversation.tools)
        if rendering.whole_because:
            logger.info("a conversation is encoded whole: %s", rendering.whole_because)

        def content_ids(content: chat.Content) -> Sequence[int]:
            return self._content_ids(conversation.messages[content.index], content.text)

        ids = chat.prompt_ids(rendering, self._encode_literal, content_ids)
        return ChatPrompt(ids, rendering.text.rstrip().endswith(THINK_OPEN))

    def _render(
        self,
        messages: Sequence[chat.Message],
        thinking: bool | None,  # noqa: FBT001 - a setting with three values
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> chat.Rendering:
        try:
            return chat.render(
                self._apply_template,
                messages,
                self._tokenizer.all_special_tokens,
                enable_thinking=thinking,
                add_generation_prompt=True,
                **({"tools": list(tools)} if tools else {}),
            )
        except Exception as error:
            raise UnsupportedRequest(
                f"the model's chat template refuses the conversation: {error}"
            ) from error

    def _content_ids(self, message: PromptMessage[int], text: str) -> Sequence[int]:
        """The ids of a content, from its chunks where that is exact.

        `text` is the content as the template has it: what it strips concerns the ends alone.
        """
        chunks = message.chunks
        whole = message.text
        if not self._joins_exactly or text not in (whole, whole.strip()) or not _are_cut(chunks):
            return self.encode(text)
        if text == whole:
            return [number for chunk in chunks for number in chunk.tokens]
        if len(chunks) == 1:
            return self.encode(text)
        ids = [*self.encode(chunks[0].text.lstrip())]
        for chunk in chunks[1:-1]:
            ids += chunk.tokens
        return [*ids, *self.encode(chunks[-1].text.rstrip())]

    def _apply_template(self, messages: Sequence[chat.Message], /, **kwargs: Any) -> str:
        text: str = self._tokenizer.apply_chat_template(list(messages), tokenize=False, **kwargs)
        return text

    def _encode_literal(self, text: str) -> Sequence[int]:
        ids: list[int] = self._literal.encode(text, add_special_tokens=False).ids
        return ids


def _are_cut(chunks: Sequence[Chunk[int]]) -> bool:
    """Whether the chunks join where tokens do, and none is blank."""
    return all(chunk.text.strip() for chunk in chunks) and all(
        tokens.is_border(before.text, after.text) for before, after in itertools.pairwise(chunks)
    )


def _template_message(message: PromptMessage[int]) -> chat.Message:
    """The message as chat templates read it; arguments as objects, which the Qwen family's want."""
    fields: dict[str, Any] = {"role": str(message.role), "content": message.text}
    if message.calls:
        fields["tool_calls"] = [
            {
                "type": "function",
                "id": call.id,
                "function": {"name": call.name, "arguments": _arguments(call.arguments)},
            }
            for call in message.calls
        ]
    if message.call_id:
        fields["tool_call_id"] = message.call_id
    return fields


def _arguments(text: str) -> dict[str, Any]:
    try:
        arguments = json.loads(text)
    except ValueError as error:
        raise UnsupportedRequest(f"a tool call's arguments are not JSON: {error}") from error
    if not isinstance(arguments, dict):
        raise UnsupportedRequest("a tool call's arguments are not an object")
    return arguments
