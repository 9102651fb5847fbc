"""A definition's signature: its head in one line, read from the source's bytes.

Comments in it are found by their text, not in the tree.
"""

from __future__ import annotations

import re

from lsp_server.workspace.outline import MAX_SIGNATURE_CHARACTERS

# Twice what is kept, and room for the indentation of lines: more of a head is not looked at.
_MAX_HEAD_BYTES = 4 * MAX_SIGNATURE_CHARACTERS
_WITH_HASH_COMMENTS = frozenset({"python", "ruby", "shellscript"})
_HASH_COMMENT = re.compile(rb"[ \t]#[^\n\"']*$", re.MULTILINE)
_SLASHES_COMMENT = re.compile(rb"(?:(?<=\s)//[^\n\"'`]*$)|/\*[^*]*\*/", re.MULTILINE)
_RUBY_END = re.compile(rb"\s*(?:=|;\s*end)$")


def write_signature(source: bytes, start: int, end: int, language: str, *, is_value: bool) -> str:
    """The head between two offsets in one line; of a value only the first line."""
    head = source[start : min(end, start + _MAX_HEAD_BYTES)]
    if b"\n" in head:
        if is_value:
            head = head[: head.index(b"\n")]
        elif b"#" in head or b"/" in head:
            comment = _HASH_COMMENT if language in _WITH_HASH_COMMENTS else _SLASHES_COMMENT
            head = comment.sub(b"", head)
    line = b" ".join(head.split())
    if language == "ruby":
        line = _RUBY_END.sub(b"", line)
    return shorten(line.rstrip(b" :{;,"))


def shorten(line: bytes) -> str:
    """A line as text, cut at `MAX_SIGNATURE_CHARACTERS` with an ellipsis."""
    text = line.decode("utf-8", "replace")
    if len(text) > MAX_SIGNATURE_CHARACTERS:
        return text[: MAX_SIGNATURE_CHARACTERS - 1] + "…"
    return text
