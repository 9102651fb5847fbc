"""Reads the streamed text of the Qwen family: thinking, tool calls, and what is left as text.

Two spellings of a call are known, whichever the model uses:

    <tool_call>{"name": "read", "arguments": {"path": "a.py"}}</tool_call>             Qwen2.5, Qwen3
    <tool_call><function=read><parameter=path>a.py</parameter></function></tool_call>  Qwen3-Coder on

A call may come inside `<think>`, without its `<tool_call>` (the second spelling, for a tool that
there is), without its last closing tags once its content is whole, and several in a row. What only
mentions a tag is text. What is a call but cannot be read is a `MalformedToolCall` with a reason that
can be shown to the model. Nothing is read as a call where there are no tools.

Invariant: the events do not depend on how the text is split into deltas, but for the lengths of
`Text` and `Thinking`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from inference.formats.tool_arguments import (
    MalformedArguments,
    Schemas,
    function_call,
    json_call,
)

THINK_OPEN, THINK_CLOSE = "<think>", "</think>"
CALL_OPEN, CALL_CLOSE = "<tool_call>", "</tool_call>"
FUNCTION_OPEN = "<function="

_FUNCTION = re.compile(r"<function=\s*([^<>\s]+)\s*>")
_FUNCTION_END = re.compile(
    r"(?:</parameter>|<function=\s*[^<>\s]+\s*>)\s*</function>"
    r"|</(?:function|parameter)>\s*</tool_call>"
)
_LONGEST_HEADER = 200  # characters from `<function=` to `>`
_JSON_MARKS = re.compile(r'["\\{}\[\]]')


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class MalformedToolCall:
    reason: str
    raw: str


Event = Text | Thinking | ToolCall | MalformedToolCall


class ToolCallParser:
    """`feed` it each delta, then `finish` it; both answer with the events that are certain by then.

    `in_thinking` says that the prompt ended inside `<think>`, as templates with thinking on do.
    """

    def __init__(self, schemas: Schemas, *, in_thinking: bool = False) -> None:
        self._schemas = schemas
        self._thinking = in_thinking
        self._at_start = True  # of the output, or of what follows thinking or a call
        self._skips_newlines = True
        self._behind_call = False
        self._buffer = ""
        self._json_end = _JsonEnd()
        self._events: list[Event] = []

    def feed(self, delta: str) -> list[Event]:
        self._buffer += delta
        while self._step():
            pass
        return self._taken()

    def finish(self) -> list[Event]:
        """The rest, with an unclosed call read as far as it goes. The parser is used up then."""
        while self._buffer:
            if self._behind_call:
                break  # white space, or the start of a closing tag
            if self._in_call():
                self._end_unclosed_call()
            else:
                self._say(self._buffer)
                self._buffer = ""
            while self._step():
                pass
        return self._taken()

    def _taken(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _step(self) -> bool:
        """Reads on in the buffer; False where it cannot without more text."""
        if not self._buffer:
            return False
        if self._behind_call:
            return self._skip_call_end()
        if self._buffer.startswith(CALL_OPEN) and self._schemas:
            return self._read_call()
        if self._buffer.startswith(FUNCTION_OPEN) and self._schemas:
            return self._read_bare_function()
        return self._read_text()

    def _in_call(self) -> bool:
        return bool(self._schemas) and self._buffer.startswith((CALL_OPEN, FUNCTION_OPEN))

    def _read_text(self) -> bool:
        tags = self._tags()
        at = self._buffer.find("<")
        while at >= 0:
            tag = next((tag for tag in tags if self._buffer.startswith(tag, at)), None)
            if tag is not None:
                self._say(self._buffer[:at])
                self._buffer = self._buffer[at:]
                if tag in (THINK_OPEN, THINK_CLOSE):
                    self._turn(tag)
                return True
            if any(tag.startswith(self._buffer[at : at + len(tag)]) for tag in tags):
                break  # which takes the buffer's end: a whole tag was ruled out
            at = self._buffer.find("<", at + 1)
        sure = len(self._buffer) if at < 0 else at
        self._say(self._buffer[:sure])
        self._buffer = self._buffer[sure:]
        return False

    def _tags(self) -> tuple[str, ...]:
        """The tags that mean something here; thinking opens at a start, and is closed once."""
        calls = (CALL_OPEN, FUNCTION_OPEN) if self._schemas else ()
        if self._thinking:
            return (THINK_CLOSE, *calls)
        return (THINK_OPEN, THINK_CLOSE, *calls)

    def _turn(self, tag: str) -> None:
        """Enters or leaves thinking at a tag that the buffer starts with, or takes it for text."""
        self._buffer = self._buffer[len(tag) :]
        if self._thinking or self._at_start:
            self._thinking = tag == THINK_OPEN
            self._at_start = self._skips_newlines = True
        else:
            self._say(tag)

    def _say(self, text: str) -> None:
        if self._skips_newlines:
            text = text.lstrip("\n")
        if not text:
            return
        self._skips_newlines = False
        self._at_start = self._at_start and text.isspace()
        kind = Thinking if self._thinking else Text
        last = self._events[-1] if self._events else None
        if isinstance(last, kind):
            self._events[-1] = kind(last.text + text)
        else:
            self._events.append(kind(text))

    def _skip_call_end(self) -> bool:
        """Past the white space and the closing tags behind a call."""
        rest = self._buffer.lstrip()
        for tag in ("</function>", CALL_CLOSE):
            if rest.startswith(tag):
                self._buffer = rest[len(tag) :]
                return True
            if tag.startswith(rest):
                return False
        self._buffer = rest
        self._behind_call = False
        self._at_start = True
        return True

    def _read_call(self) -> bool:
        inner = self._buffer[len(CALL_OPEN) :].lstrip()
        if inner.startswith("{"):
            return self._read_json(inner)
        if inner.startswith(FUNCTION_OPEN):
            return self._read_function(inner)
        if FUNCTION_OPEN.startswith(inner):
            return False
        return self._take_for_text(CALL_OPEN)

    def _read_json(self, inner: str) -> bool:
        end = self._json_end.find(inner)
        if end is None:
            return False
        try:
            self._events.append(ToolCall(*json_call(inner[:end], self._schemas)))
        except MalformedArguments as error:
            end = inner.find(CALL_CLOSE, end)
            if end < 0:
                return False
            self._malformed(str(error), inner[:end])
        self._close_call(inner[end:])
        return True

    def _read_bare_function(self) -> bool:
        start = self._buffer[:_LONGEST_HEADER]
        if ">" not in start and len(start) < _LONGEST_HEADER:
            return False
        header = _FUNCTION.match(start)
        if header is None or header[1] not in self._schemas:
            return self._take_for_text(FUNCTION_OPEN)
        return self._read_function(self._buffer, bare=True)

    def _read_function(self, inner: str, *, bare: bool = False) -> bool:
        """Reads a function that `inner`, the end of the buffer, starts with."""
        end = _FUNCTION_END.search(inner)
        if end is None:
            return False
        raw = inner[: end.end()]
        body = raw.removesuffix(CALL_CLOSE).rstrip().removesuffix("</function>")
        try:
            self._events.append(ToolCall(*function_call(body, self._schemas)))
        except MalformedArguments as error:
            if bare:
                return self._take_for_text(FUNCTION_OPEN)
            self._malformed(str(error), raw)
        self._close_call(inner[end.end() :])
        return True

    def _end_unclosed_call(self) -> None:
        """Makes something of a call that the buffer starts with, and that the text ends in."""
        if self._buffer.startswith(FUNCTION_OPEN):
            self._take_for_text(FUNCTION_OPEN)
            return
        inner = self._buffer[len(CALL_OPEN) :].lstrip()
        close = inner.find(CALL_CLOSE)
        if not inner.startswith(("{", FUNCTION_OPEN)):
            self._take_for_text(CALL_OPEN)
        elif close < 0:
            self._malformed("it is not closed", inner)
            self._close_call("")
        else:
            self._malformed("its content cannot be read", inner[:close])
            self._close_call(inner[close:])

    def _take_for_text(self, tag: str) -> bool:
        self._say(tag)
        self._buffer = self._buffer[len(tag) :]
        return True

    def _malformed(self, reason: str, raw: str) -> None:
        self._events.append(MalformedToolCall(f"The tool call was not run: {reason}.", raw))

    def _close_call(self, rest: str) -> None:
        self._buffer = rest
        self._behind_call = True
        self._json_end = _JsonEnd()


class _JsonEnd:
    """Finds where the value ends that a growing text starts with, by its brackets."""

    def __init__(self) -> None:
        self._at = 0
        self._depth = 0
        self._in_string = False

    def find(self, text: str) -> int | None:
        """Behind the bracket that closes the first one; `text` may only have grown since."""
        while not self._at or self._depth:
            mark = _JSON_MARKS.search(text, self._at)
            if mark is None:
                self._at = len(text)
                return None
            if mark[0] == "\\":
                if self._in_string and mark.end() == len(text):
                    self._at = mark.start()
                    return None
                self._at = mark.end() + self._in_string
                continue
            self._at = mark.end()
            if mark[0] == '"':
                self._in_string = not self._in_string
            elif not self._in_string:
                self._depth += 1 if mark[0] in "{[" else -1
        return self._at
