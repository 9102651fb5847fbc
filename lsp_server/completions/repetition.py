"""Where a text begins to say again what it said: tokens, lines, blocks. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

# A line that says less stands twice in much good code.
_TELLING_CHARACTERS = 8
_TOKEN = re.compile(r"\w+|[^\w\s]")
_MAX_PERIOD = 8  # tokens
_TIMES = 4
_LOOKED_AT = 400  # characters
_MIN_RUN = 8  # tokens


def is_telling(line: str) -> bool:
    """Whether a line says so much that it hardly stands twice by chance."""
    stripped = line.strip()
    return len(stripped) >= _TELLING_CHARACTERS and sum(map(str.isalpha, stripped)) >= len("xyz")


def find_token_run(text: str) -> int | None:
    """Where the second of several equal runs of tokens begins, at the text's end; None for none.

    Runs of numbers and signs are tables, and are left alone.
    """
    window = max(0, len(text) - _LOOKED_AT)
    tokens = list(_TOKEN.finditer(text, window))
    said = [token[0] for token in tokens]
    for period in range(1, _MAX_PERIOD + 1):
        length = max(period * _TIMES, _MIN_RUN)
        if len(said) < length:
            return None
        run = said[-length:]
        if any(it[:1].isalpha() for it in run[:period]) and run[period:] == run[:-period]:
            first = len(said) - length
            while first > 0 and said[first - 1] == said[first - 1 + period]:
                first -= 1
            return tokens[first + period].start()
    return None


def count_repeated(lines: Sequence[str], line: str) -> int | None:
    """How many of the lines are left where `line` begins or ends a repetition; None where none.

    That is the line before once more, or a block of at least two that has just been said a second
    time, as a whole.
    """
    said = [*(it.rstrip() for it in lines), line.rstrip()]
    if len(said) > 1 and said[-1] == said[-2] and is_telling(line):
        return len(lines)
    for length in range(2, len(said) // 2 + 1):
        block = said[-length:]
        if block == said[-2 * length : -length] and sum(map(is_telling, block)) > 1:
            return len(said) - length
    return None


def repeats_above(above: Sequence[str], lines: Sequence[str], line: str) -> bool:
    """Whether the first lines of a text are those that stand right above it, once more.

    The first line by itself where it is the last one above, or the first two in a row anywhere there.
    """
    stripped = line.strip()
    said = [it.strip() for it in lines if it.strip()]
    standing = [it.strip() for it in above if it.strip()]
    if not said:
        return bool(standing) and standing[-1] == stripped and is_telling(line)
    if len(said) > 1 or not (is_telling(said[0]) and is_telling(line)):
        return False
    return (said[0], stripped) in pairwise(standing)
