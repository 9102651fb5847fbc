"""The code blocks of an answer, numbered as a view numbers them, and which file each is about. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lsp_server.workspace.documents import split_lines

_OPEN = re.compile(
    r"^(?P<indent>[ \t]*(?:[-*+>]\s+|\d+[.)]\s+)*)(?P<fence>`{3,}|~{3,})(?P<info>.*)$"
)
_NAMED = re.compile(r"(?:title|file|filename|path)\s*=\s*[\"']?([^\"'\s]+)[\"']?")
_AROUND_PATH = re.compile(r"^[\s#*>`'\"(-]*(?:[Ff]ile(?:name)?:\s*)?[*`'\"]*|[\s*`'\":)]*$")
_LINK = re.compile(r"^\[([^\]]+)\]\([^)]*\)$")
_LIKE_PATH = re.compile(r"[^\s<>|:]*\.[A-Za-z0-9_]{1,10}|[^\s<>|:]*/[^\s<>|:]+")
_SEARCH = re.compile(r"^<{5,9} ?SEARCH\s*$", re.MULTILINE)
# What models write in place of code that they leave out.
_ELISION = re.compile(
    r"^\s*(?:#|//|/\*|<!--|--)?\s*(?:\.\.\.|…)"
    r"|^\s*(?:#|//|/\*|<!--|--).*\b(?:existing|rest of|remaining|unchanged|other)\b.*"
    r"\b(?:code|file|methods?|functions?|class|imports?|as before|same)\b",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """`path` is what the block itself, or the line before it, names; empty where nothing does."""

    number: int
    language: str
    path: str
    code: str

    @property
    def has_edits(self) -> bool:
        """Whether it holds search/replace blocks."""
        return _SEARCH.search(self.code) is not None

    @property
    def leaves_out(self) -> bool:
        """Whether a remark stands where code was left out."""
        return any(it[0].strip() != "..." for it in _ELISION.finditer(self.code))


def code_blocks(answer: str) -> list[CodeBlock]:
    """The fenced blocks in order; one that is not closed goes on to the end."""
    blocks: list[CodeBlock] = []
    lines = answer.replace("\r\n", "\n").split("\n")
    at = 0
    before = ""
    while at < len(lines):
        opened = _OPEN.match(lines[at])
        if opened is None or ("`" in opened["info"] and opened["fence"][0] == "`"):
            before = lines[at] if lines[at].strip() else before
            at += 1
            continue
        indent, fence = len(opened["indent"]), opened["fence"]
        closing = re.compile(rf"^\s*{re.escape(fence[0])}{{{len(fence)},}}\s*$")
        code: list[str] = []
        at += 1
        while at < len(lines) and not closing.match(lines[at]):
            code.append(_unindented(lines[at], indent))
            at += 1
        at += 1
        language, path = _read_info(opened["info"].strip())
        text = "".join(f"{line}\n" for line in code)
        blocks.append(CodeBlock(len(blocks), language, path or _path_in(before), text))
        before = ""
    return blocks


def _read_info(info: str) -> tuple[str, str]:
    """The language and the path that stand behind a fence."""
    named = _NAMED.search(info)
    words = info.split()
    language = words[0] if words else ""
    language, colon, rest = language.partition(":")
    if named is not None:
        return language, named[1]
    if colon and rest:
        return language, rest
    if len(words) > 1 and _LIKE_PATH.fullmatch(words[1]):
        return language, words[1]
    if "/" in language or (_LIKE_PATH.fullmatch(language) and "." in language):
        return language.rpartition(".")[2], language
    return language, ""


def _path_in(line: str) -> str:
    """The path that a line consists of, as models write one before a block."""
    bare = _AROUND_PATH.sub("", line)
    link = _LINK.match(bare) or _LINK.match(line.strip().strip("*"))
    bare = link[1].strip("`") if link is not None else bare
    return bare.removeprefix("./") if _LIKE_PATH.fullmatch(bare) else ""


def _unindented(line: str, width: int) -> str:
    head = line[:width]
    return line[width:] if not head.strip() else line.lstrip()


def bare_lines(text: str) -> list[str]:
    """The lines of a text without the empty one behind its last ending."""
    lines = split_lines(text)
    return lines[:-1] if lines and not lines[-1] else lines
