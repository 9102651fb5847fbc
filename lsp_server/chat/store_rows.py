"""Entries and prompts as rows of the chats' store, and back. Pure.

What cannot be read back raises `ValueError`, `TypeError` or `KeyError`: the store is damaged then.
"""

from __future__ import annotations

import json
import typing
from dataclasses import asdict, fields
from typing import Any, TypeVar

from inference.content import Message, TextChunk
from inference.protocol import CallText, ChatRole
from lsp_server.chat.transcript import Chip, Entry, Found, Mention, Origin, Step, Usage

_ValueT = TypeVar("_ValueT")
_LISTS: dict[str, type[Any]] = {"mentions": Mention, "context": Chip, "steps": Step, "found": Found}


def pack_entry(entry: Entry) -> str:
    return json.dumps(asdict(entry), ensure_ascii=False, separators=(",", ":"))


def unpack_entry(packed: str) -> Entry:
    value = json.loads(packed)
    read: dict[str, Any] = {"origin": None, **value}
    for name, cls in _LISTS.items():
        read[name] = tuple(_structure(cls, it) for it in value[name])
    read["usage"] = _structure(Usage, value["usage"]) if value["usage"] is not None else None
    if read["origin"] is not None:
        read["origin"] = _origin(read["origin"])
    return _structure(Entry, read)


def _origin(value: Any) -> Origin:
    origin = _structure(Origin, value)
    first, end = origin.selection or (0, 0)
    selection = (int(first), int(end)) if origin.selection is not None else None
    uri = None if origin.uri is None else str(origin.uri)
    return Origin(tuple(map(str, origin.without)), uri, selection)


def pack_calls(message: Message) -> str:
    return json.dumps([[it.id, it.name, it.arguments] for it in message.calls])


def unpack_message(role: str, texts: list[TextChunk], calls: str, call_id: str) -> Message:
    made = tuple(CallText(*map(str, it)) for it in json.loads(calls))
    return Message(ChatRole(role), tuple(texts), made, call_id)


def _structure(cls: type[_ValueT], value: Any) -> _ValueT:
    """A dataclass of an object with its very fields, whose words are those that its type allows."""
    names = {it.name for it in fields(typing.cast("Any", cls))}
    if not isinstance(value, dict) or value.keys() != names:
        raise ValueError(f"this is no {cls.__name__}")
    for name, kind in typing.get_type_hints(cls).items():
        if typing.get_origin(kind) is typing.Literal and value[name] not in typing.get_args(kind):
            raise ValueError(f"{value[name]!r} is no {name} of {cls.__name__}")
        if kind is str and not isinstance(value[name], str):
            raise ValueError(f"{name} of {cls.__name__} is no text")
    return cls(**value)
