"""Search/replace blocks, as a model writes them in plain text; and what comes of them in files.

    path/to/file.py
    <<<<<<< SEARCH
    lines as they stand in the file
    =======
    lines in their place
    >>>>>>> REPLACE

What a block searches must stand in its file exactly once, as whole lines; there is no other way to
be applied. Line endings alone are not the model's: they become those of the file. What stands around
blocks (words, fences) counts for nothing. A block that cannot be used is a `BlockProblem`, which says
to the model what is wrong and what stands in the file instead.
"""

from __future__ import annotations

import difflib
import enum
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lsp_server.workspace.documents import split_lines

_SEARCH = re.compile(r"<{5,9} ?SEARCH\s*")
_DIVIDER = re.compile(r"={5,9}\s*")
_REPLACE = re.compile(r">{5,9} ?REPLACE\s*")
_FENCE = re.compile(r"\s*(```|~~~)")
# What a path is written in: `a.py`, **a.py**, # a.py, "File: a.py:".
_AROUND_PATH = re.compile(r"^[\s#*>`'\"-]*(?:[Ff]ile(?:name)?:\s*)?[*`'\"]*|[\s*`'\":]*$")
_LIKE_PATH = re.compile(r"[^\s<>|]*[/\\.][^\s<>|]*[^\s<>|.]")
_CONTEXT_LINES = 2  # that are shown around the closest ones
_MAX_TOLD_LINES = 40
_ALIKE = 0.5


class BlockFault(enum.StrEnum):
    MALFORMED = "malformed"  # not written as a block is
    TRUNCATED = "truncated"  # it has no end
    FOREIGN = "foreign"  # of a file that may not be edited
    MISSING = "missing"  # what it searches is not there
    AMBIGUOUS = "ambiguous"  # or is there several times
    OVERLAPPING = "overlapping"  # another block edits the same lines


@dataclass(frozen=True, slots=True)
class Block:
    """Lines without their endings. With nothing to search it writes a new file."""

    number: int  # in the answer, from 1
    path: str
    search: tuple[str, ...]
    replace: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BlockProblem:
    """Why a block cannot be used, in a sentence that the model can make use of."""

    fault: BlockFault
    number: int
    message: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What is in a model's answer; it can be applied where there is no problem."""

    blocks: tuple[Block, ...]
    problems: tuple[BlockProblem, ...]


def parse_blocks(answer: str, paths: Collection[str], default: str) -> Answer:
    """The blocks of an answer. `paths` may be edited; a block that names none is of `default`.

    No block at all is a problem too.
    """
    lines = list(map(_bare, split_lines(answer)))
    blocks: list[Block] = []
    problems: list[BlockProblem] = []
    at = number = 0
    named = ""  # on the line before
    while at < len(lines):
        line = lines[at]
        at += 1
        if _SEARCH.fullmatch(line):
            number += 1
            found, at = _read_block(lines, at, number, _path(named, paths) or default)
            if isinstance(found, Block):
                blocks.append(found)
            else:
                problems.append(found)
            named = ""
        elif _REPLACE.fullmatch(line):
            number += 1
            message = f"block {number} ends without having begun with <<<<<<< SEARCH."
            problems.append(BlockProblem(BlockFault.MALFORMED, number, message))
        elif line.strip() and not _FENCE.match(line):
            named = line
    if not number:
        message = "there is no block in the answer: it has to begin with <<<<<<< SEARCH."
        problems.append(BlockProblem(BlockFault.MALFORMED, 0, message))
    return Answer(tuple(blocks), tuple(problems))


def _read_block(
    lines: Sequence[str], at: int, number: int, path: str
) -> tuple[Block | BlockProblem, int]:
    """A block from behind its first line, and the line behind its end."""

    def wrong(fault: BlockFault, what: str) -> BlockProblem:
        return BlockProblem(fault, number, f"block {number} ({path}) {what}")

    first = at
    dividers: list[int] = []
    while at < len(lines):
        line = lines[at]
        if _SEARCH.fullmatch(line):
            return wrong(BlockFault.MALFORMED, "has no end: another one begins in it."), at
        if _DIVIDER.fullmatch(line):
            dividers.append(at)
        elif _REPLACE.fullmatch(line):
            break
        at += 1
    else:
        return wrong(BlockFault.TRUNCATED, "has no end (>>>>>>> REPLACE)."), at
    if len(dividers) != 1:
        count = f"{len(dividers)} lines" if dividers else "no line"
        what = f"has {count} of ======= between its two halves; it has to have one."
        return wrong(BlockFault.MALFORMED, what), at + 1
    search, replace = lines[first : dividers[0]], lines[dividers[0] + 1 : at]
    return Block(number, path, tuple(search), tuple(replace)), at + 1


def open_block(answer: str, path: str) -> Block | None:
    """The block that an answer under way is in the second half of, as far as it is written.

    A line counts once it is at its end.
    """
    lines = list(map(_bare, split_lines(answer)))[:-1]
    start = next((at for at in reversed(range(len(lines))) if _SEARCH.fullmatch(lines[at])), None)
    if start is None:
        return None
    rest = lines[start + 1 :]
    dividers = [at for at, line in enumerate(rest) if _DIVIDER.fullmatch(line)]
    if len(dividers) != 1 or any(map(_REPLACE.fullmatch, rest)):
        return None
    number = sum(1 for line in lines if _SEARCH.fullmatch(line))
    return Block(number, path, tuple(rest[: dividers[0]]), tuple(rest[dividers[0] + 1 :]))


def _path(named: str, paths: Collection[str]) -> str:
    """The path that a line before a block names, or nothing where it is mere words."""
    name = _AROUND_PATH.sub("", named)
    if name in paths:
        return name
    name = name.removeprefix("./")
    return name if name in paths or _LIKE_PATH.fullmatch(name) else ""


@dataclass(frozen=True, slots=True)
class Applied:
    """The texts of the files that blocks change. It is whole only without problems."""

    texts: Mapping[str, str]
    problems: tuple[BlockProblem, ...]


def apply_blocks(blocks: Sequence[Block], texts: Mapping[str, str | None]) -> Applied:
    """What blocks make of texts, by path; None is the text of a file that may be created.

    Each block is about the text as it was before all of them.
    """
    problems: list[BlockProblem] = []
    after: dict[str, str] = {}
    for path in dict.fromkeys(block.path for block in blocks):
        own = [block for block in blocks if block.path == path]
        if path not in texts:
            may = ", ".join(sorted(texts)) or "none"
            problems += (
                BlockProblem(
                    BlockFault.FOREIGN,
                    it.number,
                    f"block {it.number} edits {path}, which it may not. It may edit: {may}.",
                )
                for it in own
            )
            continue
        text, found = _apply_to(texts[path], own)
        problems += found
        after[path] = text
    problems.sort(key=lambda it: it.number)
    return Applied(after, tuple(problems))


def _apply_to(text: str | None, blocks: Sequence[Block]) -> tuple[str, list[BlockProblem]]:
    lines = split_lines(text or "")
    bare = list(map(_bare, lines))
    if bare[-1] == "":
        bare.pop()  # behind the last ending there is no line
    ending = _ending_of(lines)
    problems = []
    places: list[tuple[int, Block]] = []
    for block in blocks:
        at = _find(block, bare)
        if isinstance(at, BlockProblem):
            problems.append(at)
        else:
            places.append((at, block))
    places.sort(key=lambda it: it[0])
    done = 0
    previous: Block | None = None
    pieces: list[str] = []
    for at, block in places:
        if previous is not None and at < max(done, 1):
            message = f"block {block.number} edits lines that block {previous.number} edits too."
            problems.append(BlockProblem(BlockFault.OVERLAPPING, block.number, message))
            continue
        behind = at + len(block.search)
        pieces += *lines[done:at], *_rewrite(lines[at:behind], block, ending)
        done, previous = behind, block
    return "".join([*pieces, *lines[done:]]), problems


def _rewrite(found: Sequence[str], block: Block, ending: str) -> list[str]:
    """The lines in place of those that a block searched. Those that stay keep their own endings."""
    shorter = min(len(block.search), len(block.replace))
    pairs = list(zip(block.search, block.replace, strict=False))
    head = next((at for at, (old, new) in enumerate(pairs) if old != new), shorter)
    rest = shorter - head
    backwards = zip(reversed(block.search), reversed(block.replace), strict=False)
    tail = next((at for at, (old, new) in enumerate(backwards) if old != new), rest)
    tail = min(tail, rest)
    new = [f"{line}{ending}" for line in block.replace[head : len(block.replace) - tail]]
    lines = [*found[:head], *new, *found[len(found) - tail :]]
    if found and _bare(found[-1]) == found[-1]:  # the file ends without an ending, and so it will
        lines = [f"{_bare(line)}{ending}" if line == _bare(line) else line for line in lines]
        lines[-1:] = [_bare(lines[-1])] if lines else []
    return lines


def _find(block: Block, lines: Sequence[str]) -> int | BlockProblem:
    """Where in the file's lines a block's are, or why it cannot be said."""
    search = block.search
    if not any(map(str.strip, search)):
        if not lines and not search:
            return 0
        message = f"block {block.number} searches nothing, but {block.path} is not empty."
        return BlockProblem(BlockFault.MALFORMED, block.number, message)
    places = list(_places(search, lines))
    if len(places) == 1:
        return places[0]
    if places:
        told = ", ".join(str(at + 1) for at in places[:10])
        message = (
            f"block {block.number} searches lines that stand {len(places)} times in {block.path}"
            f" (from lines {told}). Take in lines before or behind that stand there once."
        )
        return BlockProblem(BlockFault.AMBIGUOUS, block.number, message)
    message = f"block {block.number} searches lines that do not stand in {block.path}."
    if closest := find_closest(search, lines):
        message += " The closest ones that do:\n" + "\n".join(closest)
    return BlockProblem(BlockFault.MISSING, block.number, message)


def _places(search: Sequence[str], lines: Sequence[str]) -> Iterator[int]:
    wanted = list(search)
    for at in range(len(lines) - len(wanted) + 1):
        if lines[at] == wanted[0] and lines[at : at + len(wanted)] == wanted:
            yield at


def _bare(line: str) -> str:
    return line.rstrip("\r\n")


def _ending_of(lines: Sequence[str]) -> str:
    """The line ending that a file has most."""
    endings = Counter(line[len(_bare(line)) :] for line in lines[:-1])
    return endings.most_common(1)[0][0] if endings else "\n"


def find_closest(search: Sequence[str], lines: Sequence[str]) -> list[str]:
    """The lines of a file that are most like some that are not there, with those around them."""
    wanted = [line.strip() for line in search]
    have = [line.strip() for line in lines]
    votes: Counter[int] = Counter()  # by the line that the first one would be
    for number, line in enumerate(wanted):
        if any(map(str.isalnum, line)):
            votes.update(at - number for at, other in enumerate(have) if other == line)
    if votes:
        best = max(votes.values())
        start = min(at for at, count in votes.items() if count == best)
    else:
        line = max(wanted, key=len)
        alike = difflib.get_close_matches(line, dict.fromkeys(have), n=1, cutoff=_ALIKE)
        if not alike:
            return []
        start = have.index(alike[0]) - wanted.index(line)
    first = max(start - _CONTEXT_LINES, 0)
    last = start + len(wanted) + _CONTEXT_LINES
    return list(lines[first : max(min(last, first + _MAX_TOLD_LINES), 1)])
