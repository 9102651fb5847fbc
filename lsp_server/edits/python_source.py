"""Python sources as syntax trees, each parsed once for all gates that ask; what of them a change touches.

Pure.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence
from functools import lru_cache

_HELD = 4  # trees: those of a text before and behind a change, and then some


@lru_cache(_HELD)
def parse_python(source: str) -> ast.Module | SyntaxError:
    """The tree of a source, which must not be changed; or why Python refuses it."""
    return parse_anew(source)


def parse_anew(source: str) -> ast.Module | SyntaxError:
    """As `parse_python`, but a tree that nobody else has: for who changes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except SyntaxError as error:
            return error
        except (ValueError, RecursionError, MemoryError) as error:
            return SyntaxError(f"it cannot be parsed: {error}")


def is_python(source: str) -> bool:
    return not isinstance(parse_python(source), SyntaxError)


def changed_lines(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """From and to which of the new lines, from 0, less the ones that both texts begin and end with."""
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    rest = shorter - head
    tail = next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)
    return head, len(new) - tail


def statements_at(tree: ast.Module, first: int, last: int) -> list[ast.stmt]:
    """Those at the module's level that have lines, from 0, of a stretch, or border on it."""
    return [
        it
        for it in tree.body
        if first_line(it) - 1 <= last and (it.end_lineno or it.lineno) >= first
    ]


def first_line(statement: ast.stmt) -> int:
    """Where a statement begins, from 1: with its decorators, where it has some."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(it.lineno for it in decorators)])
