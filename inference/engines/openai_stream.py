"""What an OpenAI-compatible server answers: a stream of events, steps of a completion, and refusals.

This module is pure: bytes in, values and typed errors out. It never raises on what a server sends
but with a `RequestRefused`.

The stream is that of server-sent events (the HTML standard, section 9.2), read with more patience:
an event needs no empty line at the end of the stream, and a line that is a JSON object is an event
by itself, as in the JSON lines of Ollama. `error:` is taken for `data:`, as llama.cpp's server used
to write it.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from inference.errors import Overloaded, PromptTooLong, RequestRefused, UnsupportedRequest
from inference.protocol import FinishReason

DONE = "[DONE]"
MAX_EVENT_BYTES = 4 * 1024 * 1024
MAX_DETAIL_CHARACTERS = 200
MAX_COUNT = 2**31
"""Of tokens. What is more means something else, and sums of it would leave the wire's numbers."""

_LINE_END = re.compile(rb"\r\n|\n|\r")
_TOO_LONG = re.compile(
    r"context (?:length|size|window)|maximum model length|max_model_len|exceed_context_size"
    r"|max_seq_len|max_num_tokens|max_input_len|prompt is too long|input is too long",
    re.IGNORECASE,
)
_THINKING = ("reasoning", "reasoning_content")  # vLLM and Ollama; llama.cpp and vLLM before 0.12
_GAVE_UP = frozenset({"abort", "error"})
_BAD_REQUEST, _TOO_LARGE, _TOO_MANY, _UNAVAILABLE = 400, 413, 429, 503
_NOT_OFFERED = frozenset({404, 405, 415, 422, 501, _BAD_REQUEST})


class EventReader:
    """Takes a stream apart into the data of its events, however it was cut into pieces."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._data: list[str] = []
        self._is_first = True

    def feed(self, received: bytes) -> Iterator[str]:
        """The data of the events that are complete now. Raises `RequestRefused` for endless ones."""
        self._rest += received
        start = 0
        for end in _LINE_END.finditer(self._rest):
            if end.group() == b"\r" and end.end() == len(self._rest):
                break  # its line feed may be on its way
            yield from self._line(bytes(self._rest[start : end.start()]))
            start = end.end()
        del self._rest[:start]
        if len(self._rest) + sum(map(len, self._data)) > MAX_EVENT_BYTES:
            raise RequestRefused("the server sent an event without an end")

    def end(self) -> Iterator[str]:
        """The data of what the end of the stream completes."""
        if self._rest:
            line, self._rest = bytes(self._rest), bytearray()
            yield from self._line(line.rstrip(b"\r"))
        yield from self._event()

    def _line(self, line: bytes) -> Iterator[str]:
        text = line.decode(errors="replace")  # a line's end never stands inside a character
        if self._is_first:
            text = text.removeprefix("\ufeff")
            self._is_first = False
        if not text:
            yield from self._event()
        elif text.startswith("{"):
            yield from self._event()
            yield text
        else:
            field, _, value = text.partition(":")
            if field in ("data", "error"):
                self._data.append(value.removeprefix(" "))

    def _event(self) -> Iterator[str]:
        if self._data:
            data, self._data = "\n".join(self._data), []
            yield data


@dataclass(frozen=True, slots=True)
class TokenUsage:
    prompt_tokens: int
    generated_tokens: int
    cached_tokens: int


@dataclass(frozen=True, slots=True)
class CallPart:
    """What one event tells of a tool call; `arguments` are put together over the events."""

    index: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Step:
    """What one event adds to a completion, or to an answer in a chat."""

    text: str = ""
    finish: FinishReason | None = None
    usage: TokenUsage | None = None
    thinking: str = ""  # where the server tells it apart
    calls: tuple[CallPart, ...] = ()


def read_step(data: str) -> Step:
    """The step that an event's data tells. Raises the `RequestRefused` that it may tell instead."""
    if data == DONE:
        return Step(finish=FinishReason.STOP)
    try:
        event = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RequestRefused("the server's answer is not JSON") from error
    if not isinstance(event, dict):
        raise RequestRefused("the server's answer is not a JSON object")
    fields = fields_of(event)
    if fields.get("error") or fields.get("object") == "error":
        raise refusal(_status_in(fields), _detail(fields))
    if "done" in fields:
        return _ollama_step(fields)
    choice = fields_of(next(iter(items_of(fields.get("choices"))), None))
    message = fields_of(choice.get("delta") or choice.get("message"))
    content = message.get("content")
    return Step(
        _first_text(choice.get("text"), content, _texts_of(content)),
        _finish(choice.get("finish_reason")),
        _usage(fields),
        _first_text(*map(message.get, _THINKING), _thinking_in(content)),
        tuple(itertools.starmap(_call_part, enumerate(items_of(message.get("tool_calls"))))),
    )


def fields_of(value: Any) -> Mapping[str, Any]:
    """A JSON object's fields; none of what is not an object."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def items_of(value: Any) -> Sequence[Any]:
    """A JSON array's items; none of what is not an array."""
    return cast("Sequence[Any]", value) if isinstance(value, list) else ()


def detail_of(body: bytes) -> str:
    """What a server says about an error, in one short line.

    What it quotes of the request is left out: that may be the user's code, and this is logged.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return ""  # a page for people
    return _detail(answer)


def refusal(status: int, detail: str) -> RequestRefused:
    """The error that a server's status and its own words stand for."""
    said = f": {detail}" if detail else ""
    if status != _TOO_MANY and (status == _TOO_LARGE or _TOO_LONG.search(detail)):
        return PromptTooLong(
            f"the server finds the prompt too long{said}",
            hint="Close some files, or give the model a longer context on the server.",
        )
    if status in (_TOO_MANY, _UNAVAILABLE):
        return Overloaded(
            f"the server takes no more requests now ({status}){said}",
            hint="It is asked again with the next request.",
        )
    if status in _NOT_OFFERED:
        return UnsupportedRequest(f"the server refused the request ({status}){said}")
    return RequestRefused(f"the server failed at the request ({status}){said}")


def _ollama_step(event: Mapping[str, Any]) -> Step:
    text = event.get("response")
    usage = finish = None
    if event["done"] is True:
        finish = _finish(event.get("done_reason") or "stop")
        usage = TokenUsage(_count(event, "prompt_eval_count"), _count(event, "eval_count"), 0)
    return Step(text if isinstance(text, str) else "", finish, usage)


def _first_text(*candidates: Any) -> str:
    """`text` of a completion or `content` of a chat, by whichever name a server calls it."""
    return next((text for text in candidates if isinstance(text, str) and text), "")


def _texts_of(parts: Any) -> str:
    """The text of a content in parts, as Mistral's reasoning models have it: a list of objects."""
    texts = (fields_of(part).get("text") for part in items_of(parts))
    return "".join(text for text in texts if isinstance(text, str))


def _thinking_in(parts: Any) -> str:
    """What such a content has of thinking, which is in parts itself."""
    return "".join(_texts_of(fields_of(part).get("thinking")) for part in items_of(parts))


def _call_part(position: int, value: Any) -> CallPart:
    """A part of a call, streamed or whole; without an index it is known by its place."""
    fields = fields_of(value)
    function = fields_of(fields.get("function"))
    index, arguments = fields.get("index"), function.get("arguments")
    return CallPart(
        index if type(index) is int else position,
        _first_text(fields.get("id")),
        _first_text(function.get("name")),
        json.dumps(arguments) if isinstance(arguments, dict) else _first_text(arguments),
    )


def _finish(reason: Any) -> FinishReason | None:
    if not isinstance(reason, str) or not reason:  # some write "" for none
        return None
    if reason in _GAVE_UP:
        raise RequestRefused(f"the server gave the request up: {reason}")
    return FinishReason.LENGTH if reason == "length" else FinishReason.STOP


def _usage(event: Mapping[str, Any]) -> TokenUsage | None:
    usage = fields_of(event.get("usage"))
    if not usage:
        return None
    cached = _count(fields_of(usage.get("prompt_tokens_details")), "cached_tokens")
    return TokenUsage(_count(usage, "prompt_tokens"), _count(usage, "completion_tokens"), cached)


def _count(fields: Mapping[str, Any], key: str) -> int:
    value = fields.get(key)
    return value if type(value) is int and 0 < value <= MAX_COUNT else 0


def _status_in(event: Mapping[str, Any]) -> int:
    for fields in (fields_of(event.get("error")), event):
        code = fields.get("code")
        if type(code) is int:
            return code
    return 500


def _detail(answer: Any) -> str:
    for key in ("error", "message", "detail"):
        inner = fields_of(answer).get(key)
        if isinstance(inner, dict):
            return _detail(inner)
        if isinstance(inner, str) and inner:
            if inner.startswith("{"):  # one server hands on the answer of another
                return detail_of(inner.encode(errors="replace"))
            said = " ".join(inner.partition("'input':")[0].split())
            return said[:MAX_DETAIL_CHARACTERS].rstrip(" ,{")
    return ""
