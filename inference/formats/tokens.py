"""The rules under which chunks may be encoded apart, and how to check them for a tokenizer.

A prompt is put together from the ids of its chunks, so that a keystroke encodes a few lines. That is
sound where a chunk's border is a border between tokens in any case: where encoding the whole text
gives the same ids. Sparrow cuts behind a line's end, before a line that is not blank.

For tokenizers that split text by the pattern of Qwen2 and of Qwen3.5 (whose vocabularies differ) the
rule is exact: a newline ends the run of spaces or punctuation that it stands in, and no run starts
with a newline and goes on to a letter. It needs the line behind to be not blank, since a run of
spaces reaches to the last newline in it; a blank line is one of white space alone, as `str.isspace`
says it, which holds all that such a pattern takes for white space, and four control characters more.
It is not exact

- before a blank line, between the two characters of a CRLF, inside a line;
- for GPT-2's pattern (StarCoder2), where a newline may belong to the indentation behind it;
- for patterns that let punctuation reach over newlines to a slash (`;`, newline, `//`), as those of
  some larger vocabularies do;
- where a tokenizer adds something to the front of each text.

So it is checked for each model when that is loaded. Where it does not hold, encode whole texts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

Encode = Callable[[str], Sequence[int]]

_PYTHON = '''\
"""Counts words; naïve about “quotes”."""
import re


class Counter:

    def __init__(self, words=()):
        self.words = {}

        for word in words:
\t\t\tself.add(word)  # tabs, by accident

    def add(self, word):
        if not word: return


        self.words[word] = self.words.get(word, 0) + 1
    \n\
    @property
    def most(self): return max(self.words, key=self.words.get) \\
        or None
# größe = 3.14e-10; 日本語のコメント 🐦‍⬛
'''
_TYPESCRIPT = """\
// A list;
/* of things */
export const things: ReadonlyArray<{ id: number; name?: string }> = [

  { id: 1, name: 'it\\'s' },
  { id: 20_000 },
];

/// and what is done with them:
export function pick(id: number): string | undefined {
\treturn things

\t\t.find((thing) => thing.id === id)
\t\t?.name ?? `#${id}`;
}
"""
SAMPLES = (
    _PYTHON,
    _TYPESCRIPT,
    _PYTHON.replace("\n", "\r\n"),
    _TYPESCRIPT.replace("\n", "\r\n"),
    "\n\n\nint main(void)\n{\n\n    return 0 ;\n}\n\n",
    "a:\n  - b\n  -\n    c: 'd'\n- |\n   e\n\n  \t\n#\n---\n...\n/etc:\n\\\n'll\n's\n",
)
"""Texts in which most kinds of line meet: indented and not, behind blank lines, after punctuation."""

_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def is_border(before: str, after: str) -> bool:
    """Whether a text may be cut between those two parts of it."""
    if not before.endswith(("\n", "\r")) or (before[-1] == "\r" and after[:1] == "\n"):
        return False
    first = _LINES.match(after)
    return first is not None and not first.group().isspace()


def finest_chunks(text: str) -> tuple[str, ...]:
    """The text, cut wherever it may be."""
    chunks: list[str] = []
    for line in _LINES.findall(text):
        if not chunks or not line.isspace():
            chunks.append(line)
        else:
            chunks[-1] += line
    return tuple(chunks)


def joins_exactly(encode: Encode, texts: Iterable[str]) -> bool:
    """Whether the texts' ids, joined, are the ids of the joined texts."""
    chunks = tuple(texts)
    joined = [number for chunk in chunks for number in encode(chunk)]
    return joined == list(encode("".join(chunks)))


def first_inexact_join(encode: Encode, samples: Iterable[str] = SAMPLES) -> tuple[str, str] | None:
    """The text before and behind a border that is none for this encoder, or None where all hold.

    To be called when a model is loaded; it encodes some hundred short texts.
    """
    for sample in samples:
        chunks = finest_chunks(sample)
        if joins_exactly(encode, chunks):
            continue
        for number in range(1, len(chunks)):
            before, after = "".join(chunks[:number]), "".join(chunks[number:])
            if not joins_exactly(encode, (before, after)):
                return before, after
        return "", sample  # each cut alone holds, all together do not
    return None


def leaking_names(encode: Encode, token_ids: Mapping[str, int]) -> tuple[str, ...]:
    """Those special tokens that a text can become by spelling their names.

    There must be none: with one, a file that is shown to a model can act as a part of the prompt.
    """
    return tuple(name for name, number in token_ids.items() if number in encode(f"a {name} b"))


def without_added_tokens(tokenizer: str) -> str:
    """The same tokenizer, as its `tokenizer.json` says it, for text that is text throughout.

    No part of a text becomes a special token, and none is put around it. A loaded tokenizer cannot
    be asked for that: `add_special_tokens=False` concerns what is put around, and
    `encode_special_tokens` (`split_special_tokens` elsewhere) those added tokens alone that are
    flagged as special, which `<|fim_prefix|>`, `<think>` and `<tool_call>` are not.

    Raises ValueError for what is not such a file.
    """
    try:
        described = json.loads(tokenizer)
    except ValueError as error:
        raise ValueError(f"this is not a tokenizer.json: {error}") from error
    if not isinstance(described, dict) or "model" not in described:
        raise ValueError("this is not a tokenizer.json: it describes no model")
    plain = cast("dict[str, Any]", described)
    plain |= {"added_tokens": [], "post_processor": None, "truncation": None, "padding": None}
    return json.dumps(plain, ensure_ascii=False)
