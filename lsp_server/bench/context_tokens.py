"""The one tokenizer that contexts are measured with: what a large code vocabulary would count.

No vocabulary is at hand everywhere, so this is an estimate that is the same for all and forever:
text is split as the Qwen family's pre-tokenizer does, and a word of more letters than
`WORD_LETTERS` counts as several tokens. Lines are counted one by one, so that counts add up.
"""

from __future__ import annotations

import re
from functools import lru_cache

WORD_LETTERS = 8
_SIGNS = 3  # of punctuation, so many are one token
_PIECE = re.compile(
    r"(?:[^\r\n\w]|_)?(?P<word>[^\W\d_]+)|\d"
    r"| ?(?P<signs>(?:[^\s\w]|_)+)[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def count_tokens(text: str) -> int:
    return sum(map(_count_line, text.splitlines(keepends=True)))


@lru_cache(maxsize=1 << 18)
def _count_line(line: str) -> int:
    tokens = 0
    for piece in _PIECE.finditer(line):
        if word := piece["word"]:
            tokens += -(-len(word) // WORD_LETTERS)
        elif signs := piece["signs"]:
            tokens += -(-len(signs) // _SIGNS)
        else:
            tokens += 1
    return tokens
