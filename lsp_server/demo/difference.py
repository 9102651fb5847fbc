"""A change of a file, as the demo shows it in the terminal."""

from __future__ import annotations

import difflib

from rich.syntax import Syntax


def difference(before: str, after: str, file: str) -> Syntax:
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    lines = difflib.unified_diff(old, new, file, file, n=1)
    return Syntax("".join(lines).rstrip("\n"), "diff", theme="ansi_dark")
