"""What a context is worth for a task: which of the needed names it shows in code. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from lsp_server.bench.context_code import Code, names_of_signature, split_lines
from lsp_server.bench.context_tasks import Task, true_lines

_BEHIND_SIGNATURE = re.compile(r"\s*:?\s*(?:\.\.\.)?$")


class Excerpt(Protocol):
    """Whole lines of a file, or signatures of it."""

    @property
    def path(self) -> str: ...
    @property
    def text(self) -> str: ...


class Shown:
    """Which names each line of a repository shows, by the line's text without its indent."""

    def __init__(self, codes: Mapping[str, Code]) -> None:
        self._codes = codes
        self._by_path: dict[str, dict[str, frozenset[str]]] = {}

    def names(self, path: str, line: str) -> frozenset[str]:
        """Nothing for what is no whole line of the file and no whole signature of it."""
        lines = self._by_path.get(path)
        if lines is None:
            code = self._codes.get(path)
            lines = self._by_path[path] = {} if code is None else _shown_lines(code)
        text = line.strip()
        found = lines.get(text)
        if found is None:
            found = lines.get(_BEHIND_SIGNATURE.sub("", text), frozenset())
        return found


def _shown_lines(code: Code) -> dict[str, frozenset[str]]:
    shown = {
        symbol.signature: names_of_signature(symbol.signature)
        for symbol in code.outline.symbols
        if symbol.signature
    }
    for number, names in enumerate(code.names):
        if names and number not in code.bare:
            text = code.lines[number].strip()
            shown[text] = shown.get(text, frozenset()) | {name.text for name in names}
    return shown


def cut(
    excerpts: Iterable[Excerpt], budget_tokens: int, count: Callable[[str], int]
) -> list[tuple[str, str]]:
    """The lines that fit, with their paths, in order and from the first on.

    A comment with the path goes before each run of excerpts of one file, and costs tokens too.
    """
    kept: list[tuple[str, str]] = []
    spent, before = 0, ""
    for excerpt in excerpts:
        heading = path_line(excerpt.path) if excerpt.path != before else ""
        before = excerpt.path
        spent += count(heading)
        for line in split_lines(excerpt.text):
            spent += count(line)
            if spent > budget_tokens:
                return kept
            kept.append((excerpt.path, line))
    return kept


def path_line(path: str) -> str:
    return f"# {path}\n"


def found_names(
    lines: Sequence[tuple[str, str]], task: Task, codes: Mapping[str, Code], shown: Shown
) -> frozenset[str]:
    """The needed names that lines of other files show; what says the truth itself is no answer."""
    truth = true_lines(codes[task.path], task.span)
    needed = {name.text for name in task.needed}
    found: set[str] = set()
    for path, line in lines:
        if path != task.path and line.strip() not in truth:
            found |= needed & shown.names(path, line)
    return frozenset(found)
