"""What an OpenAI-compatible server is asked: the requests of one model, as each kind of server reads them.

This module is pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from inference.engines.openai_chat import messages_of
from inference.engines.openai_prompt import TextFormat, all_special_texts
from inference.engines.openai_server import Address, ServedModel, ServerKind
from inference.errors import PromptTooLong
from inference.formats.infill_chat import TEMPERATURE, Infill
from inference.prompt import Conversation
from inference.protocol import Priority
from inference.sampling import Sampling

CHARACTERS_PER_TOKEN = 3.3
"""An estimate, for the server has the tokenizer. Measured with Qwen's vocabulary, in characters a
token: 4.2 of Python and TypeScript, 3.4 of C headers; of one file in twenty less than 3.2. So it
counts rather too many tokens than too few."""

MOST_CHARACTERS_PER_TOKEN = 6
"""A prompt with more than that for each token of the context is refused without asking the server."""

LEAST_ROOM_TOKENS = 16
"""For an answer, where the estimate leaves less."""

_SHORTEN = "Close some files, or give the model a longer context on the server."
_CHAT_ROOM_TOKENS = 48  # for the fence, and the line before the cursor that an answer repeats


_SPECIAL_TEXTS = all_special_texts()


@dataclass(frozen=True, slots=True)
class Call:
    url: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Requests:
    address: Address
    served: ServedModel
    cache_salt: str
    stop_ids: frozenset[int] = frozenset()  # of the family's special tokens, where they are known

    @property
    def opens_answers(self) -> bool:
        """Whether the start of an answer can be given in a chat."""
        return self.served.kind is ServerKind.VLLM

    @property
    def switches_thinking(self) -> bool:
        """Whether a request may say whether the model is to think first."""
        return self.served.kind in (ServerKind.VLLM, ServerKind.LLAMA_CPP)

    def completion(
        self, fmt: TextFormat, prompt: str | list[int], sampling: Sampling, priority: Priority
    ) -> Call:
        """The request to go on with a text, or with its tokens. Raises `PromptTooLong`, as the others do."""
        room = self._room if isinstance(prompt, str) else self._room_behind
        max_tokens = room(len(prompt), sampling.max_tokens)
        stop = list(dict.fromkeys((*sampling.stop, *fmt.stops)))
        body: dict[str, Any] = {"model": self.served.name, "prompt": prompt, "stream": True}
        if self.served.kind is ServerKind.OLLAMA:
            options = {
                "num_predict": max_tokens,
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "stop": stop,
                "repeat_penalty": 1.0,  # code repeats itself; Ollama's default is 1.1
            }
            if sampling.seed is not None:
                options["seed"] = sampling.seed
            body |= {"raw": True, "truncate": False, "options": options}
            return Call(f"{self.address.root_url}/api/generate", body)
        if self.served.kind is ServerKind.VLLM and self.stop_ids:
            stop = list(sampling.stop)
            body["stop_token_ids"] = sorted(self.stop_ids)
        body |= self._sampling_fields(sampling, max_tokens, priority)
        if stop:
            body["stop"] = stop
        return Call(f"{self.address.base_url}/completions", body)

    def infill(self, asked: Infill, sampling: Sampling, priority: Priority) -> Call:
        """The request for an answer from which `infill_chat.insertion` takes the code."""
        messages = list(asked.messages)
        characters = sum(len(message["content"]) for message in messages)
        body: dict[str, Any] = {"model": self.served.name, "messages": messages, "stream": True}
        wanted = sampling.max_tokens
        if self.opens_answers:
            messages.append({"role": "assistant", "content": asked.prefill})
            body |= {"continue_final_message": True, "add_generation_prompt": False}
            body["stop"] = list(asked.stop)
        else:
            wanted += estimated_tokens(len(asked.prefill)) + _CHAT_ROOM_TOKENS
        if self.switches_thinking:
            body["chat_template_kwargs"] = {"enable_thinking": False}
        body |= self._sampling_fields(sampling, self._room(characters, wanted), priority)
        body["temperature"] = sampling.temperature or TEMPERATURE
        return Call(f"{self.address.base_url}/chat/completions", body)

    def chat(self, conversation: Conversation[int], sampling: Sampling, priority: Priority) -> Call:
        """The request for the next message of a conversation; `ChatReader` reads the answer."""
        messages = messages_of(conversation, _SPECIAL_TEXTS.broken_up)
        body: dict[str, Any] = {"model": self.served.name, "messages": messages, "stream": True}
        if conversation.tools:
            body["tools"] = list(conversation.tools)
            if self.served.kind is ServerKind.VLLM:
                body["tool_choice"] = "none"  # so that it leaves the calls in the text
        if conversation.thinking is not None and self.switches_thinking:
            body["chat_template_kwargs"] = {"enable_thinking": conversation.thinking}
        characters = sum(map(len, map(str, (*messages, *conversation.tools))))
        room = self._room(characters, sampling.max_tokens)
        body |= self._sampling_fields(sampling, room, priority)
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        return Call(f"{self.address.base_url}/chat/completions", body)

    def prompt_end(self, *, thinking: bool | None) -> dict[str, Any]:
        """What vLLM's `/tokenize` is asked, to see where the prompt of a conversation ends."""
        body: dict[str, Any] = {
            "model": self.served.name,
            "messages": [{"role": "user", "content": "?"}],
            "add_generation_prompt": True,
            "return_token_strs": True,
        }
        if thinking is not None:
            body["chat_template_kwargs"] = {"enable_thinking": thinking}
        return body

    def _sampling_fields(
        self, sampling: Sampling, max_tokens: int, priority: Priority
    ) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "max_tokens": max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "stream_options": {"include_usage": True},
        }
        if sampling.seed is not None:
            fields["seed"] = sampling.seed
        if self.served.kind is ServerKind.VLLM:
            fields |= {"priority": int(priority), "cache_salt": self.cache_salt}
        return fields

    def _room_behind(self, tokens: int, max_tokens: int) -> int:
        """How many tokens may be asked for behind so many. Raises `PromptTooLong` for none."""
        limit = self.served.context_tokens
        if limit is None:
            return max_tokens
        if tokens >= limit:
            raise PromptTooLong(
                f"the prompt has {tokens} tokens, {tokens - limit + 1} more than the model's context"
                f" of {limit} holds with one token to spare",
                hint=_SHORTEN,
            )
        return min(max_tokens, limit - tokens)

    def _room(self, characters: int, max_tokens: int) -> int:
        """How many tokens may be asked for behind so many characters, by the estimate."""
        limit = self.served.context_tokens
        if limit is None:
            return max_tokens
        tokens = estimated_tokens(characters)
        if characters > limit * MOST_CHARACTERS_PER_TOKEN:
            raise PromptTooLong(
                f"the prompt has about {tokens} tokens, {tokens - limit} more than the model's "
                f"context of {limit} holds",
                hint=_SHORTEN,
            )
        return min(max_tokens, max(limit - tokens, LEAST_ROOM_TOKENS))


def estimated_tokens(characters: int) -> int:
    return math.ceil(characters / CHARACTERS_PER_TOKEN)
