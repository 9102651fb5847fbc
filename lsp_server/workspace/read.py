"""Reads one file for the index: its outline and its words. Runs in worker processes."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

from lsp_server.workspace.disk import read_bytes
from lsp_server.workspace.languages import detect_language
from lsp_server.workspace.outline import TEXT, Outline
from lsp_server.workspace.outline_codec import pack_outline
from lsp_server.workspace.parse import MAX_PARSE_S, normalize, outline
from lsp_server.workspace.store import IndexedFile, Window
from lsp_server.workspace.store_reader import WINDOW_LINES, FileState
from lsp_server.workspace.words import Words

BINARY_PROBE_BYTES = 8192
MAX_LINE_CHARACTERS = 20_000  # what has longer lines was not written by hand

_words = Words()


def read_file(
    folder: Path,
    path: str,
    state: FileState,
    known: Collection[bytes] = (),
    *,
    max_parse_s: float | None = MAX_PARSE_S,
) -> IndexedFile:
    """What the index holds of a file; its outline says if that is nothing, and why.

    Of `known` contents only the name is found. Raises OSError where the file cannot be read; all
    else that it may be is no error.
    """
    data = read_bytes(folder / path)
    if known and (name := digest(data, language_of(path, data))) in known:
        return IndexedFile(path, state, name, None, ())
    return index_text(path, state, data, max_parse_s=max_parse_s)


def index_text(
    path: str, state: FileState, data: bytes, *, max_parse_s: float | None = MAX_PARSE_S
) -> IndexedFile:
    """The same for a file whose bytes are at hand."""
    if b"\0" in data[:BINARY_PROBE_BYTES]:
        return without_text(path, state, data, "binary")
    lines = normalize(data).decode().splitlines(keepends=True)
    if max(map(len, lines), default=0) > MAX_LINE_CHARACTERS:
        return without_text(path, state, data, "a line of more than 20,000 characters")
    language = language_of(path, data)
    if language == TEXT:
        found = Outline(TEXT, (), (), (), has_errors=False)
    else:
        found = outline(data, language, max_parse_s)
    return IndexedFile(
        path, state, digest(data, language), pack_outline(found), _windows(lines, found)
    )


def without_text(path: str, state: FileState, data: bytes, problem: str) -> IndexedFile:
    """A file of which the index holds but why: so that it is not read again until it changes."""
    nothing = Outline(TEXT, (), (), (), has_errors=True, problem=problem)
    return IndexedFile(path, state, digest(data, problem), pack_outline(nothing), ())


def language_of(path: str, data: bytes) -> str:
    """The language that a file is read in, or `TEXT`."""
    return detect_language(path, data[:BINARY_PROBE_BYTES]) or TEXT


def digest(data: bytes, read_as: str) -> bytes:
    """The name of a content: the same bytes are read differently under other names."""
    return hashlib.blake2b(data, digest_size=16, key=read_as.encode()[:64]).digest()


def _windows(lines: list[str], found: Outline) -> tuple[Window, ...]:
    defined: dict[int, list[str]] = {}
    for symbol in found.symbols:
        defined.setdefault(symbol.name_line // WINDOW_LINES, []).append(symbol.name)
    return tuple(
        Window(
            number,
            _words.joined(" ".join(defined.get(number, ()))),
            _words.joined("".join(lines[start : start + WINDOW_LINES])),
        )
        for number, start in enumerate(range(0, len(lines), WINDOW_LINES))
    )
