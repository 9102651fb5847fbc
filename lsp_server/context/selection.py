"""Which other files a model is shown, where its context does not hold all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inference.content import TextChunk
from lsp_server.context.budget import TokenMeasure
from lsp_server.context.layout import ContextFile
from lsp_server.workspace.documents import split_lines

# A shorter beginning of a file says too little.
_LEAST_CHARACTERS = 400
# How far the likely count of a text may be off; so much is filled in past a block's border.
_SLACK_SHARE = 0.02
_SLACK_TOKENS = 4


@dataclass(frozen=True, slots=True)
class Selection:
    files: tuple[ContextFile, ...]
    left_out: tuple[str, ...] = ()  # in words


def select(files: Sequence[ContextFile], room: int, block: int, measure: TokenMeasure) -> Selection:
    """The last of the files that come to at most `room` tokens, in their order.

    Of the first file that does not fit the beginning is shown: as much as ends at the border of one
    of the engine's cache blocks, or just past it, since an engine that reads the next prompt takes
    whole blocks from its cache.
    """
    chosen: list[ContextFile] = []
    left_out: list[str] = []
    used = 0
    for number in range(len(files) - 1, -1, -1):
        file = files[number]
        tokens = measure.of_section(file.section)
        if used + tokens <= room:
            chosen.append(file)
            used += tokens
            continue
        likely = sum(measure.likely_of_section(it.section) for it in chosen)
        part = _beginning(file, room - used, likely, block, measure)
        if part is not None:
            chosen.append(part)
            left_out.append(f"the rest of {file.path}")
        rest = files[: number if part is not None else number + 1]
        left_out += [it.path for it in reversed(rest)]
        break
    return Selection(tuple(chosen[::-1]), tuple(left_out))


def _beginning(
    file: ContextFile, room: int, before: int, block: int, measure: TokenMeasure
) -> ContextFile | None:
    """As much of a file's beginning as fits in `room`; `before` tokens stand in the prompt already."""
    rate = measure.likely_rate(file.path)
    named = measure.of_path(file.path)
    most = int((room - named) * rate / measure.rate(file.path))
    end = (before + named + most) // block * block
    to_border = end - before - named
    if to_border > 0:
        slack = int(to_border * _SLACK_SHARE) + _SLACK_TOKENS
        most = min(most, to_border + slack)
    characters = int(most / rate)
    if characters < _LEAST_CHARACTERS:
        return None
    chunks: list[TextChunk] = []
    for chunk in file.chunks:
        if len(chunk.text) > characters:
            if lines := _first_lines(chunk.text, characters):
                chunks.append(TextChunk.of(lines))
            break
        chunks.append(chunk)
        characters -= len(chunk.text)
    return ContextFile(file.path, tuple(chunks)) if chunks else None


def _first_lines(text: str, characters: int) -> str:
    end = 0
    for line in split_lines(text):
        if end + len(line) > characters:
            break
        end += len(line)
    return text[:end]
