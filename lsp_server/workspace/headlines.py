"""A definition's signature and the first line of what documents it, read from the source's bytes.

Comments are found by their text in the lines above, not in the tree: that costs nothing for the
nodes that are no comments, and is right wherever a comment stands on lines of its own.
"""

from __future__ import annotations

import re

from lsp_server.workspace.outline import MAX_SIGNATURE_CHARACTERS

# Twice what is kept, and room for the indentation of lines: more of a head is not looked at.
_MAX_HEAD_BYTES = 4 * MAX_SIGNATURE_CHARACTERS
MAX_COMMENT_BYTES = 4 * 1024
_HASH = (b"#",)
_SLASHES = (b"//",)
_COMMENTS = {"python": _HASH, "ruby": _HASH, "shellscript": _HASH, "php": (b"//", b"#")}
_HASH_COMMENT = re.compile(rb"[ \t]#[^\n\"']*$", re.MULTILINE)
_SLASHES_COMMENT = re.compile(rb"(?:(?<=\s)//[^\n\"'`]*$)|/\*[^*]*\*/", re.MULTILINE)
_DOCSTRING = re.compile(rb"[rRuU]?(\"\"\"|'''|\"|')")
_RUBY_END = re.compile(rb"\s*(?:=|;\s*end)$")
_MARKS = re.compile(rb"^[\s/*#!]+|[\s*/]+$")
_TAG = re.compile(rb"</?[A-Za-z][^<>]*>")


def write_signature(source: bytes, start: int, end: int, language: str, *, is_value: bool) -> str:
    """The head between two offsets in one line; of a value only the first line."""
    head = source[start : min(end, start + _MAX_HEAD_BYTES)]
    if b"\n" in head:
        if is_value:
            head = head[: head.index(b"\n")]
        elif b"#" in head or b"/" in head:
            comment = _HASH_COMMENT if _COMMENTS.get(language) == _HASH else _SLASHES_COMMENT
            head = comment.sub(b"", head)
    line = b" ".join(head.split())
    if language == "ruby":
        line = _RUBY_END.sub(b"", line)
    return shorten(line.rstrip(b" :{;,"))


def read_docstring(source: bytes, body_start: int) -> str:
    """The first line of the string that a body of Python begins with, or nothing."""
    match = _DOCSTRING.match(source, body_start)
    if match is None:
        return ""
    quote = match[1]
    end = source.find(quote, match.end(), match.end() + MAX_COMMENT_BYTES)
    text = source[match.end() : end if end >= 0 else match.end() + MAX_COMMENT_BYTES]
    if len(quote) == 1:
        text = text.partition(b"\n")[0]
    return shorten(b" ".join(text.lstrip().partition(b"\n")[0].split()))


def read_comment_above(source: bytes, start: int, language: str) -> str:
    """The first line of the comment that ends on the line above an offset, or nothing.

    It depends on nothing that is more than `MAX_COMMENT_BYTES` before the offset.
    """
    floor = max(0, start - MAX_COMMENT_BYTES)
    line_start = source.rfind(b"\n", floor, start) + 1
    if line_start == 0 or source[line_start:start].strip():
        return ""  # a comment above documents what stands first on a line
    end = line_start - 1
    above = source[max(source.rfind(b"\n", floor, end) + 1, floor) : end].strip()
    marks = _COMMENTS.get(language, _SLASHES)
    if above.startswith(marks):
        return _first_line(_read_line_comment(source, floor, end, marks))
    if above.endswith(b"*/") and marks != _HASH:
        opening = source.rfind(b"/*", floor, end)
        line_start = source.rfind(b"\n", floor, opening) + 1 if opening >= 0 else 0
        if opening >= 0 and (line_start or not floor) and not source[line_start:opening].strip():
            return _first_line(source[opening:end].split(b"\n"))
    return ""


def _read_line_comment(
    source: bytes, floor: int, end: int, marks: tuple[bytes, ...]
) -> list[bytes]:
    lines: list[bytes] = []
    while end > floor:
        start = source.rfind(b"\n", floor, end) + 1
        line = source[max(start, floor) : end].strip()
        if (start == 0 < floor) or not line.startswith(marks) or line.startswith((b"#!", b"#[")):
            break
        lines.append(line)
        end = start - 1
    return lines[::-1]


def _first_line(lines: list[bytes]) -> str:
    for line in lines:
        text = _MARKS.sub(b"", _TAG.sub(b"", line))
        if text:
            return shorten(b" ".join(text.split()))
    return ""


def shorten(line: bytes) -> str:
    """A line as text, cut at `MAX_SIGNATURE_CHARACTERS` with an ellipsis."""
    text = line.decode("utf-8", "replace")
    if len(text) > MAX_SIGNATURE_CHARACTERS:
        return text[: MAX_SIGNATURE_CHARACTERS - 1] + "…"
    return text
