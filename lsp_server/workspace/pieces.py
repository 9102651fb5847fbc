"""A text as a parser reads it: in pieces, so that it can be told to stop between them.

tree-sitter's binding (0.26.1) keeps a reference to each piece that it is given, for ever: whoever
parses at each key leaks the text behind the cursor each time. Where it has, the piece is released here.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import tree_sitter

_HELD_HERE = 2  # references: the variable, and the argument of `sys.getrefcount`


@contextmanager
def reading(
    cut: Callable[[int], memoryview],
) -> Iterator[Callable[[int, tree_sitter.Point], bytes]]:
    """What to give `Parser.parse` within the block; `cut` says what it reads from a byte on."""
    lent: list[bytes] = []

    def read(offset: int, _: tree_sitter.Point) -> bytes:
        piece = bytes(cut(offset))  # an object that nobody else has
        lent.append(piece)
        return piece

    try:
        yield read
    finally:
        while lent:
            piece = lent.pop()
            if sys.getrefcount(piece) == _HELD_HERE + 1:
                ctypes.pythonapi.Py_DecRef(ctypes.py_object(piece))
