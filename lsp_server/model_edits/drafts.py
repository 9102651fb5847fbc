"""What a file looks like while a model still writes its edit: for the eyes alone. Pure.

Nothing of a draft is verified, and nothing of it is ever applied.
"""

from __future__ import annotations

from dataclasses import dataclass

from lsp_server.edits.blocks import Answer, Block, apply_blocks, open_block, parse_blocks
from lsp_server.workspace.documents import split_lines


@dataclass(frozen=True, slots=True)
class Draft:
    """Some lines of a file, from 0 and without the last, and the text in place of them."""

    start_line: int
    end_line: int
    text: str


def draft(answer: str, path: str, text: str) -> Draft | None:
    """What the answer so far makes of a file's text; None while that is nothing.

    A block that is not whole has replaced as many lines as it has written. One that cannot be used
    counts for nothing.
    """
    parsed: Answer = parse_blocks(answer, {path}, path)
    blocks = [block for block in parsed.blocks if block.path == path]
    if unfinished := open_block(answer, path):
        written = len(unfinished.replace)
        rest = unfinished.search[written:]
        blocks.append(
            Block(unfinished.number, path, unfinished.search, (*unfinished.replace, *rest))
        )
    usable = [block for block in blocks if not apply_blocks([block], {path: text}).problems]
    after = apply_blocks(usable, {path: text})
    if not usable or after.problems:
        return None
    return _difference(text, after.texts[path])


def _difference(before: str, after: str) -> Draft | None:
    if before == after:
        return None
    old, new = split_lines(before), split_lines(after)
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    room = shorter - head
    tail = next((at for at in range(room) if old[-1 - at] != new[-1 - at]), room)
    return Draft(head, len(old) - tail, "".join(new[head : len(new) - tail]))
