"""What a client shows a model, with its text: layouts and conversations.

On the wire both name their chunks by hash; see `protocol.py`. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from inference.protocol import (
    CallText,
    ChatMessage,
    ChatRole,
    PutLayout,
    Role,
    Section,
    chunk_id,
    layout_id,
)


@dataclass(frozen=True, slots=True)
class TextChunk:
    """A chunk with its text, as a client holds it. Make it with `of`."""

    id: bytes
    text: str

    @classmethod
    def of(cls, text: str) -> TextChunk:
        return cls(chunk_id(text), text)


@dataclass(frozen=True, slots=True)
class LayoutSection:
    role: Role
    path: str
    chunks: tuple[TextChunk, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """A layout with its texts, as a client holds it. Make it with `of`."""

    id: bytes
    sections: tuple[LayoutSection, ...]
    message: PutLayout

    @classmethod
    def of(cls, sections: Iterable[LayoutSection]) -> Layout:
        held = tuple(sections)
        named = tuple(
            Section(section.role, section.path, tuple(chunk.id for chunk in section.chunks))
            for section in held
        )
        return cls(layout_id(named), held, PutLayout(named))

    def chunks(self) -> Iterator[TextChunk]:
        for section in self.sections:
            yield from section.chunks


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a conversation.

    Its content is the chunks together. Each but the first starts a line that is not blank; what
    stands unchanged in the next turn, or in a layout, is to be the same chunk again, since a host
    holds it already.
    """

    role: ChatRole
    content: tuple[TextChunk, ...]
    calls: tuple[CallText, ...] = ()  # of the assistant
    call_id: str = ""  # of a tool's answer

    @classmethod
    def of(cls, role: ChatRole, text: str) -> Message:
        """A message of one chunk."""
        return cls(role, (TextChunk.of(text),))

    def on_wire(self) -> ChatMessage:
        names = tuple(chunk.id for chunk in self.content)
        return ChatMessage(self.role, names, self.calls, self.call_id)
