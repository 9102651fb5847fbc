"""The chunks and layouts that a host holds for its clients, bounded and shared by all of them.

Both are content-addressed, so windows that open the same files share them. Eviction is by least
recent use: it never takes a chunk from a layout that is still held, and a client that names what was
evicted is told so and sends it again.
"""

from __future__ import annotations

import asyncio
import sys
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from inference.engines.base import Engine
from inference.errors import UnknownChunk, UnknownLayout
from inference.prompt import Chunk, PromptLayout, PromptMessage, PromptSection
from inference.protocol import ChatMessage, PutLayout, Role, chunk_id, layout_id

MAX_CHUNK_BYTES = 16 * 1024 * 1024  # and more for a long context, see `make_room_for`
MAX_LAYOUTS = 256  # four for each of 64 windows; they share their chunks
# What a chunk costs beside its text: the objects around it, and its places in the tables.
_CHUNK_OVERHEAD_BYTES = 500
_PLACE_BYTES = 8  # of a token in a list
_TOKEN_BYTES = _PLACE_BYTES + 28  # where it is an int
_CHARACTERS_A_TOKEN = 4
_PROMPTS_OF_A_CONTEXT = 4  # that are there for a whole context


class PromptStore:
    def __init__(
        self, max_chunk_bytes: int = MAX_CHUNK_BYTES, max_layouts: int = MAX_LAYOUTS
    ) -> None:
        self._max_chunk_bytes = max_chunk_bytes
        self._max_layouts = max_layouts
        self._texts: OrderedDict[bytes, str] = OrderedDict()
        self._encoded: dict[bytes, Chunk[Any]] = {}
        self._references: dict[bytes, Chunk[Any]] = {}  # not encoded: no model reads them
        self._layouts: OrderedDict[bytes, PromptLayout[Any]] = OrderedDict()
        self.chunk_bytes = 0

    @property
    def chunk_count(self) -> int:
        return len(self._texts)

    @property
    def layout_count(self) -> int:
        return len(self._layouts)

    def make_room_for(self, context_tokens: int | None) -> None:
        """Raises the bound so that prompts which fill an engine's context fit."""
        prompt_bytes = (context_tokens or 0) * (_TOKEN_BYTES + _CHARACTERS_A_TOKEN)
        self._max_chunk_bytes = max(self._max_chunk_bytes, _PROMPTS_OF_A_CONTEXT * prompt_bytes)

    def put_chunk(self, text: str) -> None:
        """Keeps a chunk. It is encoded when a layout first names it: the engine may still load."""
        name = chunk_id(text)
        if name in self._texts:
            self._texts.move_to_end(name)
            return
        self._texts[name] = text
        self.chunk_bytes += _size(text)
        self._evict()

    def _evict(self) -> None:
        while self.chunk_bytes > self._max_chunk_bytes and len(self._texts) > 1:
            evicted, text = self._texts.popitem(last=False)
            chunk = self._encoded.pop(evicted, None)
            self._references.pop(evicted, None)
            self.chunk_bytes -= _size(text, chunk.tokens if chunk is not None else ())

    async def put_layout(self, message: PutLayout, engine: Engine[Any]) -> PromptLayout[Any]:
        """Resolves and keeps a layout.

        Encodes the chunks that are new, one at a time with the loop let through in between. Raises
        `UnknownChunk`, and keeps nothing, when a chunk is missing.
        """
        name = layout_id(message.sections)
        if name in self._layouts:
            self._layouts.move_to_end(name)
            return self._layouts[name]
        missing = sum(
            chunk not in self._texts for section in message.sections for chunk in section.chunks
        )
        if missing:
            raise UnknownChunk(f"{missing} chunks of a layout are not held here; send them again")
        sections = []
        for section in message.sections:
            if section.role is Role.REFERENCE:
                chunks = [self._reference(chunk) for chunk in section.chunks]
            else:
                chunks = [await self._chunk(chunk, engine) for chunk in section.chunks]
            sections.append(PromptSection(section.role, section.path, tuple(chunks)))
        # Another window may have put the same in between: engines know a layout by identity.
        layout = self._layouts.setdefault(name, PromptLayout(tuple(sections)))
        while len(self._layouts) > self._max_layouts:
            self._layouts.popitem(last=False)
        return layout

    async def messages(
        self, messages: Sequence[ChatMessage], engine: Engine[Any]
    ) -> tuple[PromptMessage[Any], ...]:
        """The messages with their contents, encoded as `put_layout` does. Raises `UnknownChunk`."""
        resolved = []
        for message in messages:
            chunks = [await self._chunk(chunk, engine) for chunk in message.chunks]
            resolved.append(
                PromptMessage(message.role, tuple(chunks), message.calls, message.call_id)
            )
        return tuple(resolved)

    def layout(self, name: bytes) -> PromptLayout[Any]:
        """The layout of that name. Raises `UnknownLayout`."""
        layout = self._layouts.get(name)
        if layout is None:
            raise UnknownLayout("the layout is not held here; send it again")
        self._layouts.move_to_end(name)
        return layout

    def _text(self, name: bytes) -> str:
        text = self._texts.get(name)
        if text is None:
            raise UnknownChunk("a chunk is not held here; send it again")
        self._texts.move_to_end(name)
        return text

    def _reference(self, name: bytes) -> Chunk[Any]:
        text = self._text(name)
        return self._references.setdefault(name, Chunk(text, ()))

    async def _chunk(self, name: bytes, engine: Engine[Any]) -> Chunk[Any]:
        text = self._text(name)
        chunk = self._encoded.get(name)
        if chunk is None:
            chunk = Chunk(text, engine.encode(text))
            self._encoded[name] = chunk
            self.chunk_bytes += _size(text, chunk.tokens) - _size(text)
            await asyncio.sleep(0)
        return chunk


def _size(text: str, tokens: Sequence[Any] = ()) -> int:
    """Bytes of a chunk in memory, near enough for a bound: code is nearly all ASCII."""
    # Tokens of an engine are alike: ints, or words.
    token_bytes = _PLACE_BYTES + sys.getsizeof(tokens[0]) if tokens else 0
    return len(text) + _CHUNK_OVERHEAD_BYTES + token_bytes * len(tokens)
