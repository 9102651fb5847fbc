"""What comes of a model's answer: the texts of files, or what is wrong with it. Pure.

Nothing is applied by halves: one problem, and there are no texts.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence

from lsp_server.edits.blocks import BlockFault, BlockProblem, apply_blocks, parse_blocks
from lsp_server.model_edits.prompt import Task

_FENCED = re.compile(r"^(`{3,}|~{3,})[^\n`]*\n(.*?)^\1[ \t]*$", re.DOTALL | re.MULTILINE)


def read_answer(
    answer: str, task: Task, *, is_cut: bool
) -> Mapping[str, str] | Sequence[BlockProblem]:
    """The texts after the edit, by path; or the problems with the answer's blocks.

    One that `is_cut` ended where it may not have been at its end.
    """
    default = next(iter(task.editable), task.path)
    parsed = parse_blocks(answer, task.editable, default)
    if parsed.problems:
        return parsed.problems
    if is_cut:
        message = "the answer was cut at its limit of tokens: write less, in smaller blocks."
        return [BlockProblem(BlockFault.TRUNCATED, len(parsed.blocks), message)]
    applied = apply_blocks(parsed.blocks, task.editable)
    return applied.problems or applied.texts


def read_whole(answer: str, lines: Sequence[str], first: int, end: int) -> str | BlockProblem:
    """The text of a file with some of its lines, from 0, written anew as an answer has them.

    The answer is to hold one fenced block. It is indented as those lines were, and has their line
    endings.
    """
    blocks = _FENCED.findall(answer.replace("\r\n", "\n"))
    if len(blocks) != 1:
        told = "no fenced block" if not blocks else f"{len(blocks)} fenced blocks"
        message = f"the answer has {told} of code; it is to have one."
        return BlockProblem(BlockFault.MALFORMED, 0, message)
    code = textwrap.dedent(blocks[0][1])
    old = lines[first:end]
    bare = old[0].rstrip("\r\n")
    indentation = bare[: len(bare) - len(bare.lstrip())]
    ending = old[0][len(bare) :] or "\n"
    new = [
        f"{indentation}{line}".rstrip("\n") if line.strip() else ""
        for line in code.strip("\n").split("\n")
    ]
    last_ending = "" if old[-1] == old[-1].rstrip("\r\n") else ending
    return "".join([*lines[:first], ending.join(new), last_ending, *lines[end:]])
