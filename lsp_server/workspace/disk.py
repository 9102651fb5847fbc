"""Reads what lies in a workspace: regular files, and nothing that took their place."""

from __future__ import annotations

import os
import stat
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from lsp_server.workspace.documents import split_lines

MAX_CHARACTERS = 16 * 1024 * 1024


def read_bytes(file: Path) -> bytes:
    """A regular file's content. Whatever took its place meanwhile (a pipe, a link) is an OSError."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with open(os.open(file, flags | getattr(os, "O_BINARY", 0)), "rb") as opened:  # noqa: PTH123 - a descriptor
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise OSError(f"{file} is not a regular file")
        return opened.read()


class TextCache:
    """The lines of files that were asked for lately, as long as the files stay as they were.

    Bounded by how much text it holds.
    """

    def __init__(self, max_characters: int = MAX_CHARACTERS) -> None:
        self._max_characters = max_characters
        self._characters = 0
        self._held: OrderedDict[Path, tuple[int, int, int, Sequence[str]]] = OrderedDict()

    def lines(self, file: Path) -> Sequence[str]:
        """The file's lines with their endings; none of one that cannot be read."""
        try:
            status = os.stat(file, follow_symlinks=False)  # noqa: PTH116 - in half the time
            held = self._held.get(file)
            if held is not None and held[:2] == (status.st_mtime_ns, status.st_size):
                self._held.move_to_end(file)
                return held[3]
            text = read_bytes(file).decode("utf-8", "replace").removeprefix("\ufeff")
        except OSError:
            self._drop(file)
            return ()
        lines = tuple(split_lines(text))
        self._drop(file)
        self._held[file] = (status.st_mtime_ns, status.st_size, len(text), lines)
        self._characters += len(text)
        while self._characters > self._max_characters:
            self._drop(next(iter(self._held)))
        return lines

    def _drop(self, file: Path) -> None:
        held = self._held.pop(file, None)
        if held is not None:
            self._characters -= held[2]
