"""What a parser of answers has read, as pieces: for the engines whose models write their own calls."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

from inference.engines.base import Piece, UnreadableCall
from inference.formats.tool_calls import (
    Event,
    MalformedToolCall,
    Text,
    Thinking,
    ToolCall,
)
from inference.protocol import CallText
from inference.surrogates import whole_characters

_call_numbers = itertools.count(1)


def piece_of(event: Event, sample: int = 0) -> Piece:
    """The event as a piece, but for what belongs to the step that brought it."""
    match event:
        case Text(text):
            return Piece(text, 0, sample=sample)
        case Thinking(text):
            return Piece(text, 0, sample=sample, thinking=True)
        case MalformedToolCall(reason, raw):
            return Piece("", 0, sample=sample, calls=(UnreadableCall(reason, raw),))
        case ToolCall(name, arguments):
            call = CallText(new_call_id(), name, arguments_text(arguments))
            return Piece("", 0, sample=sample, calls=(call,))


def arguments_text(arguments: Mapping[str, Any]) -> str:
    """The arguments of a call as JSON that the wire can hold."""
    return whole_characters(json.dumps(arguments, ensure_ascii=False))


def new_call_id() -> str:
    """A name for a call, which its answer will bear; no two of a host's are the same."""
    return f"call-{next(_call_numbers)}"
