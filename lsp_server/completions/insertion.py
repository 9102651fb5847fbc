"""Pure: makes a generated text fit where it is inserted."""

from __future__ import annotations

import re

# An overlap of words that is shorter stands in many lines by chance.
_TELLING_CHARACTERS = 4
_NAME_AT_END = re.compile(r"(?:\w+(?:\.|::|->))*\w+$")
_CLOSERS = {")": "(", "]": "[", "}": "{"}


def fit(text: str, rest_of_line: str, *, max_lines: int) -> str:
    """The part of `text` that may be inserted before `rest_of_line`; maybe nothing.

    It is cut to `max_lines`, loses blank ends, and what the line behind the cursor already
    holds is not repeated: `a, b)` between `foo(` and `)` becomes `a, b`. A bracket that the text
    itself opened is never taken from it.
    """
    if rest_of_line.strip():
        # Text behind the cursor stays behind the first line, so no further line can follow.
        first = text.partition("\n")[0].removesuffix("\r")
        line = _without_overlap(first, rest_of_line.strip())
        if not line.strip():
            return ""
        return line.rstrip() if rest_of_line[0].isspace() else line
    lines = text.split("\n")[:max_lines]
    while lines and not lines[-1].strip():
        lines.pop()
    return "\n".join(lines).rstrip()


def reaches_rest(line: str, rest: str) -> bool:
    """Whether a line that is being said has come to `rest`, whatever it goes on to say."""
    closing, _ = _brackets(line)
    if closing is not None and rest.startswith(line[closing]):
        return True
    return len(rest) >= _TELLING_CHARACTERS and rest in line


def _without_overlap(line: str, rest: str) -> str:
    """`line` without what `rest`, the text behind the cursor, says already."""
    closing, own = _brackets(line)
    if closing is not None and rest.startswith(line[closing]):
        return line[:closing]
    if len(rest) >= _TELLING_CHARACTERS and (at := line.find(rest)) >= 0:
        return line[:at]
    for length in range(min(len(line.rstrip()), len(rest)), 0, -1):
        kept = line.rstrip()[:-length]
        overlap = rest[:length]
        takes_own = any(index >= len(kept) for index in own)
        if line.rstrip().endswith(overlap) and _tells(kept, overlap, rest) and not takes_own:
            return kept
    return line


def without_joined_word(text: str, rest_of_line: str) -> str:
    """`text` without its last name, where that would run into the word behind the cursor.

    `undefined` before `response.url` would make a name of the two.
    """
    if not _is_of_word(rest_of_line[:1]):
        return text
    return _NAME_AT_END.sub("", text)


def says_again(text: str, own: str, rest_of_line: str) -> bool:
    """Whether a text is what stands right behind the cursor, or a sign that stands right before it.

    `new ` before `new Agent()`, `$` between `$` and `name`. `own` is the line up to the cursor.
    """
    said, rest = text.strip().rstrip(",").rstrip(), rest_of_line.strip()
    if not said or not rest:
        return False
    parts_a_word = _is_of_word(said[-1]) and _is_of_word(rest[len(said) : len(said) + 1])
    is_sign = not any(map(_is_of_word, said))
    return (rest.startswith(said) and not parts_a_word) or (
        is_sign and own.rstrip().endswith(said) and _is_of_word(rest[0])
    )


def _is_of_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _tells(kept: str, overlap: str, rest: str) -> bool:
    """Whether an overlap is more than a few letters that agree by chance."""
    if not any(map(str.isalnum, overlap)):
        return True
    parts_a_word = (kept[-1:].isalnum() and overlap[0].isalnum()) or (
        overlap[-1].isalnum() and rest[len(overlap) : len(overlap) + 1].isalnum()
    )
    return not parts_a_word and len(overlap) >= min(_TELLING_CHARACTERS, len(rest))


def _brackets(line: str) -> tuple[int | None, set[int]]:
    """Where a bracket closes that `line` has not opened, if one does; and where its own close.

    Brackets in strings do not count.
    """
    opened: list[str] = []
    own: set[int] = set()
    quote, skip = "", False
    for index, character in enumerate(line):
        if skip:
            skip = False
        elif quote:
            skip = character == "\\"
            if character == quote:
                quote = ""
                own.add(index)
        elif character in "\"'`" and character in line[index + 1 :]:
            quote = character
        elif character in "([{":
            opened.append(character)
        elif character in _CLOSERS:
            if not opened:
                return index, own
            opened.pop()
            own.add(index)
    return None, own
