"""Cuts a text into chunks whose borders an edit elsewhere does not move.

A border stands before a line that is not blank, where that line's own content says so: so files that
share most lines share most chunks, and an edit changes the chunk it is in and, mostly, at most the
next.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

from inference.content import TextChunk

MIN_CHUNK_CHARACTERS = 2_000
MAX_CHUNK_CHARACTERS = 8_000  # passed by less than a line, or by blank lines
_BORDER_ONE_IN = 16  # lines, past the minimum: a chunk of code has about 2,500 characters


def cut(lines: Sequence[str]) -> list[TextChunk]:
    """The chunks of a text given as lines with their endings; together they are the text.

    Each border depends on what stands before it alone: a change at the end keeps all the others.
    """
    starts = [0, *borders(lines)]
    ends = [*starts[1:], len(lines)]
    texts = ("".join(lines[start:end]) for start, end in zip(starts, ends, strict=True))
    return [TextChunk.of(text) for text in texts if text]


def borders(lines: Sequence[str]) -> Iterator[int]:
    """The numbers of the lines before which `cut` cuts."""
    size = 0
    for number, line in enumerate(lines):
        if _is_border(line, size, size + len(line)):
            yield number
            size = 0
        size += len(line)


def cut_from_end(lines: Sequence[str]) -> list[TextChunk]:
    """As `cut`, but each border depends on what stands behind it alone.

    So a change at the start keeps all the others.
    """
    chunks = []
    end, size = len(lines), 0
    for number in range(len(lines) - 1, -1, -1):
        size += len(lines[number])
        if _is_border(lines[number], size, size):
            chunks.append(TextChunk.of("".join(lines[number:end])))
            end, size = number, 0
    if size:
        chunks.append(TextChunk.of("".join(lines[:end])))
    return chunks[::-1]


def _is_border(line: str, size: int, size_with_line: int) -> bool:
    """Whether a chunk may be cut before `line`, where it holds `size` characters so far."""
    if size < MIN_CHUNK_CHARACTERS or not line.strip():
        return False
    return size_with_line > MAX_CHUNK_CHARACTERS or zlib.crc32(line.encode()) % _BORDER_ONE_IN == 0
