"""Filling in the middle by chat, for a model that knows no such tokens: the request, and its answer.

The model is shown the code with a marker at the cursor, and asked for a fenced block that starts
with the cursor's whole line: models continue whole lines better than they start inside one. The
answer's block can be opened for the model (`Infill.prefill`, put behind the chat prompt), so that it
goes on exactly at the cursor, and streams; where a server does not allow that, `insertion` takes
the code out of whatever came.

Ask with thinking off and `TEMPERATURE`. Other files go into the system message,
which does not change while typing, so that its ids and the engine's cache hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

TEMPERATURE = 0.1

_MARKERS = ("<CURSOR>", "<|CURSOR|>", "<<CURSOR>>")
_FENCE = "```"
_FENCE_LINE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})[^\n`]*$", re.MULTILINE)
_THINKING = re.compile(r"\A\s*(?:<think>)?.*?</think>\s*", re.DOTALL)
_INTRODUCTION = re.compile(r"\A\s*[A-Z][^\n{}()=; ]*(?: [^\n{}()=; ]+){2,}:[ \t]*\n+")
_EXPLANATION = re.compile(r"\n\s*\n(?:This|That|The|It|I|You|Note|Here)\b[^\n;{}=]*[.!:]\s*\Z")
_OPENS_BLOCK = re.compile(r"[:{(\[][ \t]*\Z")
_BLANK_LINES = re.compile(r"\A(?:[ \t]*\n)+")
_CLOSERS = tuple(")]}")

_INSTRUCTIONS = """\
You complete code at a cursor. The user shows a file in which {marker} stands for the cursor. \
Write what belongs at the cursor, and nothing that already stands behind it.

Answer with one fenced code block and no other text. The block starts with the whole line that the \
cursor is in, from the line's start, and ends where the code behind the cursor goes on. Keep the \
file's indentation and style. Write no more than the next few lines."""


@dataclass(frozen=True, slots=True)
class Infill:
    messages: tuple[dict[str, str], ...]  # system and user
    marker: str
    prefill: str  # the start of the answer, up to the cursor
    stop: tuple[str, ...]  # what ends an answer that was prefilled


def infill(path: str, prefix: str, suffix: str, context: Iterable[tuple[str, str]] = ()) -> Infill:
    """The request for what belongs between `prefix` and `suffix`, which are parts of that file.

    `context` are other files, as path and text. Cut all to what the model's context holds; a window
    of some hundred lines around the cursor is enough.
    """
    files = [(name, text) for name, text in context]
    marker = _absent_marker(prefix + suffix + "".join(text for _, text in files))
    system = _INSTRUCTIONS.format(marker=marker)
    if files:
        shown = "\n".join(_block(name, text) for name, text in files)
        system += f"\n\nOther files of the same project:\n\n{shown}"
    return Infill(
        messages=(
            {"role": "system", "content": system},
            {"role": "user", "content": _block(path, f"{prefix}{marker}{suffix}")},
        ),
        marker=marker,
        prefill=f"{_FENCE}{_language(path)}\n{_line_before(prefix)}",
        stop=(f"\n{_FENCE}",),
    )


def insertion(
    answer: str, prefix: str, suffix: str, marker: str = "", *, prefilled: bool = False
) -> str:
    """What the answer puts between `prefix` and `suffix`; empty where it puts nothing.

    A prefilled answer starts at the cursor. Of any other, the fence and what stands around it goes,
    then what repeats the code before the cursor, from the start of any of its lines on. From either
    goes, at the end, what repeats whole lines of the code behind the cursor.
    """
    answer = answer.replace("\r\n", "\n")
    newline = "\r\n" if "\r\n" in prefix + suffix else "\n"
    prefix, suffix = prefix.replace("\r\n", "\n"), suffix.replace("\r\n", "\n")
    if prefilled:
        text = _FENCE_LINE.split(answer, maxsplit=1)[0] if _FENCE_LINE.search(answer) else answer
        text = text.removesuffix("\n") if text != answer else text
    else:
        text = _without_prose(_THINKING.sub("", answer))
        if marker:
            text = text.replace(marker, "")
        text = _without_echo_of_prefix(text, prefix)
    text = _without_echo_of_suffix(text, suffix)
    return text.replace("\n", newline) if text.strip() else ""


def _absent_marker(text: str) -> str:
    number = 0
    candidates: list[str] = [*_MARKERS]
    while candidates[number] in text:
        number += 1
        if number == len(candidates):
            candidates.append(f"<CURSOR-{number}>")
    return candidates[number]


def _block(path: str, text: str) -> str:
    """A file in a fence that is longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    end = "" if text.endswith("\n") else "\n"
    return f"{path}\n{fence}{_language(path)}\n{text}{end}{fence}\n"


def _language(path: str) -> str:
    """What a fence may say of the file: the ending of its name, if that is a plain word."""
    _, dot, ending = path.rpartition("/")[2].rpartition(".")
    return ending.lower() if dot and ending.isalnum() else ""


def _line_before(prefix: str) -> str:
    return prefix[prefix.rfind("\n") + 1 :]


def _without_prose(answer: str) -> str:
    """The longest fenced block; without one, the answer without what introduces or explains it."""
    fences = list(_FENCE_LINE.finditer(answer))
    if fences:
        ends = [fence.start() for fence in fences[1::2]] + [len(answer) + 1] * (len(fences) % 2)
        blocks = [
            answer[fence.end() + 1 : max(end - 1, fence.end() + 1)]
            for fence, end in zip(fences[::2], ends, strict=True)
        ]
        return max(blocks, key=len)
    answer = _EXPLANATION.sub("", _INTRODUCTION.sub("", answer))
    one_line = answer.strip()
    if one_line.startswith("`") and one_line.endswith("`") and "\n" not in one_line:
        return one_line.strip("`")
    return answer


def _without_echo_of_prefix(text: str, prefix: str) -> str:
    """The text behind the longest end of the prefix, from a line's start on, that it starts with."""
    line = _line_before(prefix)
    start = max(len(prefix) - len(text) - len(line), 0)  # a longer end cannot stand in the text
    ends = [
        prefix[match.end() :] for match in re.compile("^", re.MULTILINE).finditer(prefix, start)
    ]
    ends = [end for end in ends if any(map(str.isalnum, end))]
    for repeated in ends:
        if text.startswith(repeated):
            return text[len(repeated) :]
    unindented = text.lstrip()
    for repeated in (end.lstrip(" \t") for end in ends):
        if unindented.startswith(repeated):
            rest = unindented[len(repeated) :]
            return rest if text != unindented else _indented(rest, repeated, line)
    if line and not line.strip():
        return text[len(line) :] if text.startswith(line) else _indented(text, "", line)
    return text


def _indented(text: str, before: str, line: str) -> str:
    """The text with the line's indentation on all lines but the first, where it lacks that.

    It does where its first line, which `before` precedes, opens a block, and the next is no deeper
    than the line.
    """
    indentation = line[: len(line) - len(line.lstrip())]
    first, newline, rest = text.partition("\n")
    second = next((each for each in rest.split("\n") if each.strip()), "")
    depth = len(second) - len(second.lstrip())
    lacks = (
        indentation
        and _OPENS_BLOCK.search(before + first)
        and depth <= len(indentation)
        and not (depth == len(indentation) and second.lstrip().startswith(_CLOSERS))
    )
    if not lacks:
        return text
    return first + newline + re.sub(r"^(?=[^\n])", indentation, rest, flags=re.MULTILINE)


def _without_echo_of_suffix(text: str, suffix: str) -> str:
    """The text without the longest start of the suffix, up to a line's end, that it ends with.

    The start is that of the suffix, or of its next line. Brackets alone may be the text's own: they
    stay.
    """
    trimmed = text.rstrip()
    rest_of_line, _, following = suffix.partition("\n")
    if rest_of_line.strip():
        kept = _without_end(trimmed, suffix)
        if kept is not None:
            return kept
    kept = _without_end(trimmed, _BLANK_LINES.sub("", following))
    return kept.rstrip() if kept is not None and kept.endswith("\n") else text


def _without_end(text: str, behind: str) -> str | None:
    """The text without the most lines of `behind`, from its first on, that it ends with."""
    lines = behind[: len(text) + 1].splitlines(keepends=True)
    for count in range(len(lines), 0, -1):
        repeated = "".join(lines[:count]).rstrip()
        if any(map(str.isalnum, repeated)) and text.endswith(repeated):
            return text[: -len(repeated)]
    return None
