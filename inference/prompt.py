"""A prompt as the engines see it: a layout of encoded chunks, and the tail behind it.

The host encodes a chunk once, when it is put, and resolves a layout once; a keystroke then adds a
tail of a few lines. Engines may keep what they derive from a layout in a `WeakKeyDictionary`, since
a `PromptLayout` lives as long as clients use it and is compared by identity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from inference.protocol import CallText, ChatRole, Role, Tail

TokenT = TypeVar("TokenT")


class _Referable:
    """What weak references may point to. `weakref_slot` fails here in Python 3.12.0 to 3.12.3."""

    __slots__ = ("__weakref__",)


@dataclass(frozen=True, slots=True, eq=False)
class Chunk(_Referable, Generic[TokenT]):
    """A stretch of text that the engine has encoded; it starts at the start of a line."""

    text: str
    tokens: Sequence[TokenT]


@dataclass(frozen=True, slots=True, eq=False)
class PromptSection(Generic[TokenT]):
    role: Role
    path: str
    chunks: tuple[Chunk[TokenT], ...]

    @property
    def token_count(self) -> int:
        return sum(len(chunk.tokens) for chunk in self.chunks)


@dataclass(frozen=True, slots=True, eq=False)
class PromptLayout(_Referable, Generic[TokenT]):
    sections: tuple[PromptSection[TokenT], ...]

    @property
    def token_count(self) -> int:
        return sum(section.token_count for section in self.sections)

    def text(self, role: Role) -> str:
        """What all chunks of a role say together."""
        return "".join(chunk.text for section in self.by_role(role) for chunk in section.chunks)

    def by_role(self, role: Role) -> tuple[PromptSection[TokenT], ...]:
        return tuple(section for section in self.sections if section.role is role)


@dataclass(frozen=True, slots=True)
class PromptMessage(Generic[TokenT]):
    """A message of a conversation; its content is the chunks together."""

    role: ChatRole
    chunks: tuple[Chunk[TokenT], ...]
    calls: tuple[CallText, ...]
    call_id: str

    @property
    def text(self) -> str:
        return "".join(chunk.text for chunk in self.chunks)


@dataclass(frozen=True, slots=True)
class Conversation(Generic[TokenT]):
    """`tools` are as chat templates take them; `thinking` is None where that is the template's."""

    messages: tuple[PromptMessage[TokenT], ...]
    tools: tuple[Mapping[str, Any], ...]
    thinking: bool | None

    @property
    def token_count(self) -> int:
        """Of the contents alone: what the template adds is not counted."""
        return sum(len(chunk.tokens) for message in self.messages for chunk in message.chunks)


@dataclass(frozen=True, slots=True)
class Prompt(Generic[TokenT]):
    layout: PromptLayout[TokenT]
    tail: Tail
