"""Positions between the editor's units and code points: the one place that knows of UTF-16.

The unit is what `initialize` agreed on. A position inside a character moves to its start; one
behind the end of its line stays behind it, so that the caller can tell.
"""

from __future__ import annotations

from collections.abc import Sequence

from lsprotocol import types

from lsp_server.workspace.documents import Edit, Position

_UNITS_BY_ENCODING = {
    types.PositionEncodingKind.Utf8: "utf-8",
    types.PositionEncodingKind.Utf16: "utf-16-le",
    types.PositionEncodingKind.Utf32: "utf-32-le",
}
_BYTES_BY_UNIT = {"utf-8": 1, "utf-16-le": 2, "utf-32-le": 4}


class PositionConverter:
    def __init__(self, encoding: types.PositionEncodingKind | str) -> None:
        kind = types.PositionEncodingKind(encoding)
        self._codec = _UNITS_BY_ENCODING[kind]
        self._unit_bytes = _BYTES_BY_UNIT[self._codec]

    def from_client(self, position: types.Position, lines: Sequence[str]) -> Position:
        """A position in code points; lines that do not exist are taken as empty."""
        line = lines[position.line] if 0 <= position.line < len(lines) else ""
        if line.isascii():
            return Position(position.line, position.character)
        data = line.encode(self._codec, errors="surrogatepass")
        end = min(position.character * self._unit_bytes, len(data))
        beyond = max(0, position.character - len(data) // self._unit_bytes)
        while self._is_inside_character(data, end):
            end -= self._unit_bytes
        before = data[:end].decode(self._codec, errors="surrogatepass")
        return Position(position.line, len(before) + beyond)

    def to_client(self, position: Position, lines: Sequence[str]) -> types.Position:
        line = lines[position.line] if 0 <= position.line < len(lines) else ""
        before = line[: position.column]
        if before.isascii():
            return types.Position(position.line, position.column)
        beyond = max(0, position.column - len(line))
        units = len(before.encode(self._codec, errors="surrogatepass")) // self._unit_bytes
        return types.Position(position.line, units + beyond)

    def _is_inside_character(self, data: bytes, end: int) -> bool:
        """Whether the unit at `end` goes on with the character before it."""
        if not 0 < end < len(data):
            return False
        if self._codec == "utf-8":
            return data[end] & 0xC0 == 0x80  # noqa: PLR2004 - a continuation byte
        if self._codec == "utf-16-le":
            # The second half of a pair behind the first one.
            return data[end + 1] & 0xFC == 0xDC and data[end - 1] & 0xFC == 0xD8  # noqa: PLR2004
        return False

    def edit(self, change: types.TextDocumentContentChangePartial, lines: Sequence[str]) -> Edit:
        return Edit(
            self.from_client(change.range.start, lines),
            self.from_client(change.range.end, lines),
            change.text,
        )
