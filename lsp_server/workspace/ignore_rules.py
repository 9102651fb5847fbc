"""Git's ignore patterns (https://git-scm.com/docs/gitignore), one path at a time.

A pattern is asked about a path and about each folder above it in turn, so it need not match what
lies below: that is what sets this apart from libraries that match whole trees, and what makes it
agree with git on patterns that take files back in. Patterns come from repositories, so none of them
may take long: a match costs at most the product of both lengths.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# The classes of POSIX within brackets, in ASCII, as git has them.
_NAMED_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r" \t-\r",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
_NAMED = re.compile(r"\[:([a-z]{1,9}):\]")


@dataclass(frozen=True, slots=True)
class Rule:
    segments: tuple[re.Pattern[str] | None, ...]  # None stands for `**`
    anchored: bool  # to the ignore file's folder; otherwise it is the name alone that counts
    excludes: bool
    folders_only: bool

    def matches(self, path: Sequence[str]) -> bool:
        if self.anchored:
            return _match(self.segments, path)
        (name,) = self.segments
        return name is None or name.fullmatch(path[-1]) is not None


def parse(text: str) -> list[Rule]:
    """The rules of an ignore file; a line that is none is passed over, as git does."""
    lines = text.removeprefix("\ufeff").split("\n")
    return [rule for line in lines if (rule := _rule(line.removesuffix("\r"))) is not None]


def verdict(rules: Iterable[Rule], path: Sequence[str], *, is_folder: bool) -> bool | None:
    """Whether the last rule that matches leaves the path out; None where none does.

    `path` is given by its parts, relative to the ignore file's folder.
    """
    decided = None
    for rule in rules:
        if (is_folder or not rule.folders_only) and rule.matches(path):
            decided = rule.excludes
    return decided


def _match(segments: Sequence[re.Pattern[str] | None], path: Sequence[str]) -> bool:
    """Whether the segments match the whole path, by the set of how much of it they may match."""
    reached = {0}
    for number, segment in enumerate(segments):
        if segment is None:
            # At the end `**` stands for what lies inside, elsewhere for any folders or none.
            at_least = 1 if number == len(segments) - 1 else 0
            reached = set(range(min(reached) + at_least, len(path) + 1))
        else:
            reached = {
                end + 1 for end in reached if end < len(path) and segment.fullmatch(path[end])
            }
        if not reached:
            return False
    return len(path) in reached


def _rule(line: str) -> Rule | None:
    line = _without_spaces_at_the_end(line)
    if not line or line.startswith("#"):
        return None
    excludes = not line.startswith("!")
    pattern = line if excludes else line[1:]
    folders_only = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    if not pattern:
        return None
    anchored = "/" in pattern
    try:
        segments = tuple(_segment(glob) for glob in pattern.removeprefix("/").split("/"))
    except (re.error, ValueError):
        return None
    return Rule(segments, anchored, excludes, folders_only)


def _without_spaces_at_the_end(line: str) -> str:
    """But for one behind a backslash, which stands for itself."""
    bare = line.rstrip(" ")
    backslashes = len(bare) - len(bare.rstrip("\\"))
    return bare + line[len(bare) :][: backslashes % 2]


def _segment(glob: str) -> re.Pattern[str] | None:
    """A part between slashes; raises `ValueError` or `re.error` where it is no pattern."""
    if re.fullmatch(r"\*\*+", glob):
        return None
    parts = [""]
    at = 0
    while at < len(glob):
        character = glob[at]
        at += 1
        if character == "*":
            parts.append("")
        elif character == "?":
            parts[-1] += "."
        elif character == "[":
            part, at = _class(glob, at)
            parts[-1] += part
        elif character == "\\":
            if at == len(glob):
                raise ValueError("a backslash at the end")
            parts[-1] += re.escape(glob[at])
            at += 1
        else:
            parts[-1] += re.escape(character)
    first, *further = parts
    if not further:
        return re.compile(first, re.DOTALL)
    *middle, last = further
    # The first place where a part fits is as good as any other, so it is never tried again.
    fitted = "".join(f"(?>.*?{part})" for part in middle)
    return re.compile(f"{first}{fitted}.*{last}", re.DOTALL)


def _class(glob: str, at: int) -> tuple[str, int]:
    """A bracket expression from behind its `[`; raises `ValueError` where it does not end."""
    negated = glob[at : at + 1] in ("!", "^")
    at += negated
    members: list[str] = []
    while glob[at : at + 1] != "]" or not members:
        if named := _NAMED.match(glob, at):
            if named[1] not in _NAMED_CLASSES:
                raise ValueError("a class of characters that POSIX does not name")
            members.append(_NAMED_CLASSES[named[1]])
            at = named.end()
            continue
        low, at = _member(glob, at)
        members.append(re.escape(low))
        if glob[at : at + 1] == "-" and glob[at + 1 : at + 2] not in ("]", ""):
            high, at = _member(glob, at + 1)
            if low < high:
                members.append(f"{re.escape(low)}-{re.escape(high)}")
    return f"[{'^' if negated else ''}{''.join(members)}]", at + 1


def _member(glob: str, at: int) -> tuple[str, int]:
    """A character of a bracket expression, and where the next one is."""
    at += glob[at : at + 1] == "\\"
    if at >= len(glob):
        raise ValueError("a bracket that does not close")
    return glob[at], at + 1
