"""The one tokenizer that contexts are measured with: what a large code vocabulary would count.

No vocabulary is at hand everywhere, so this is an estimate that is the same for all and forever:
text is split as the Qwen family's pre-tokenizer does, and long words and runs of signs count as
several tokens. The two lengths are fitted: of 77 large files of these packages the estimate has 0.99
of the tokens of the cl100k vocabulary (which Qwen's grew from), of nine in ten 0.96 to 1.05. That is
4.3 characters a token. Lines are counted one by one, so that counts add up.
"""

from __future__ import annotations

import re
from functools import lru_cache

_LETTERS = 8  # of a word, so many are one token
_SIGNS = 3
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
            tokens += -(-len(word) // _LETTERS)
        elif signs := piece["signs"]:
            tokens += -(-len(signs) // _SIGNS)
        else:
            tokens += 1
    return tokens
