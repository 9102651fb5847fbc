"""Python sources as syntax trees, each parsed once for all gates that ask. Pure."""

from __future__ import annotations

import ast
import warnings
from functools import lru_cache

_HELD = 4  # trees: those of a text before and behind a change, and then some


@lru_cache(_HELD)
def parse_python(source: str) -> ast.Module | SyntaxError:
    """The tree of a source, which must not be changed; or why Python refuses it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except SyntaxError as error:
            return error
        except (ValueError, RecursionError, MemoryError) as error:
            return SyntaxError(f"it cannot be parsed: {error}")
