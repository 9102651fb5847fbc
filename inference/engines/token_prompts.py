"""Prompts as token ids, for a model whose tokenizer is at hand.

Text is encoded without special tokens, so that a file which spells `<|fim_middle|>` stays text; what
a format adds is encoded with them. What depends on a layout alone is made once for each layout.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from inference.errors import EngineFailed
from inference.formats import chat, fim, infill_chat, probe, tokens
from inference.formats.fim import FimLayout, FimOrder, FimTokens
from inference.prompt import Prompt, PromptLayout, PromptSection
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
        section = PromptSection[int](Role.PREFIX, task.path, ())
        layout = fim.fim_layout(self.fim, PromptLayout((section,)), self.encode)
        return layout.with_tail(order, self.encode(task.prefix), self.encode(task.suffix))

    def ask(self, prompt: Prompt[int]) -> ChatInfill:
        """The same question to a model that can only chat. Call it where there is a template."""
        before = prompt.layout.text(Role.PREFIX)[-CHAT_PREFIX_CHARACTERS:] + prompt.tail.prefix
        after = prompt.tail.suffix + prompt.layout.text(Role.SUFFIX)[:CHAT_SUFFIX_CHARACTERS]
        path = next((it.path for it in prompt.layout.sections if it.role is not Role.CONTEXT), "")
        request = infill_chat.infill(path, before, after)
        rendering = chat.render(
            self._apply_template,
            request.messages,
            self._tokenizer.all_special_tokens,
            enable_thinking=False,
            add_generation_prompt=True,
        )
        ids = chat.prompt_ids(rendering, self._encode_literal, lambda it: self.encode(it.text))
        return ChatInfill([*ids, *self.encode(request.prefill)], request.stop, before, after)

    def _apply_template(self, messages: Sequence[chat.Message], /, **kwargs: Any) -> str:
        text: str = self._tokenizer.apply_chat_template(list(messages), tokenize=False, **kwargs)
        return text

    def _encode_literal(self, text: str) -> Sequence[int]:
        ids: list[int] = self._literal.encode(text, add_special_tokens=False).ids
        return ids
