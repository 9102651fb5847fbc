"""The tasks of the context benchmark, in the way of CrossCodeEval and RepoEval. Pure.

A task is a place in a file, and the text that stands there in truth: a line from its first column
that is not blank, or a call from the called name to its closing parenthesis. It is one if the text
needs a name that the rest of the file does not show and that another file of the repository defines.
All that is behind the cursor on the lines of the true text is hidden.
"""

from __future__ import annotations

import builtins
import hashlib
import keyword
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from lsp_server.bench.context_code import IDENTIFIER, Code, Name, Span
from lsp_server.workspace.documents import Position

KINDS = ("line", "call")
MAX_CALL_LINES = 12
_PER_FILE = 4  # tasks of one kind, while other files have some
# No work on these is what the package is; they stay in the repository as context.
_ASIDE = frozenset(
    (
        *("bench", "benchmark", "benchmarks", "demo", "demos", "doc", "docs", "docs_src"),
        *("example", "examples", "script", "scripts", "t", "test", "testdata", "tests"),
        *("tools", "vendor", "_vendor"),
    )
)
_COMMON = frozenset(
    {
        *dir(builtins),
        *(name for kind in (str, bytes, int, float, list, tuple, dict, set) for name in dir(kind)),
        *keyword.kwlist,
        *keyword.softkwlist,
        *("self", "cls", "args", "kwargs"),
    }
)


@dataclass(frozen=True, slots=True)
class Task:
    kind: str
    path: str
    span: Span
    needed: tuple[Name, ...]  # each name once

    @property
    def cursor(self) -> Position:
        return Position(self.span.start_line, self.span.start_column)

    def __str__(self) -> str:
        return f"{self.path}:{self.span.start_line + 1}:{self.span.start_column + 1}"


class Definitions:
    """Which files of the package itself define a name: no code of it needs what its tests define."""

    def __init__(self, codes: Iterable[Code]) -> None:
        self._paths: dict[str, set[str]] = {}
        for code in codes:
            if not is_task_file(code.path):
                continue
            for symbol in code.outline.symbols:
                self._paths.setdefault(symbol.name, set()).add(code.path)

    def elsewhere(self, name: str, path: str) -> set[str]:
        return self._paths.get(name, set()) - {path}


def make_tasks(codes: Mapping[str, Code], per_kind: int) -> list[Task]:
    """As many of each kind, or all there are; the same for the same files."""
    definitions = Definitions(codes.values())
    made: list[Task] = []
    for kind in KINDS:
        found = [
            task
            for path, code in codes.items()
            if is_task_file(path)
            for task in find_tasks(code, kind, definitions)
        ]
        made += _choose(found, per_kind)
    return made


def is_task_file(path: str) -> bool:
    pure = PurePosixPath(path)
    return (
        _ASIDE.isdisjoint(pure.parts[:-1])
        and not pure.name.startswith("test_")
        and not pure.name.endswith("_test.py")
        and pure.name not in {"conftest.py", "setup.py"}
        and pure.suffix == ".py"
    )


def find_tasks(code: Code, kind: str, definitions: Definitions) -> Iterator[Task]:
    """All of a file, in order."""
    shown = Counter(word for line in code.lines for word in IDENTIFIER.findall(line))
    for span in _line_spans(code) if kind == "line" else _call_spans(code):
        hidden = Counter(
            word for line in hidden_lines(code, span) for word in IDENTIFIER.findall(line)
        )
        needed: dict[str, Name] = {}
        for name in code.names_in(span):
            if (
                name.role != "bound"  # what the true text may call as it likes
                and shown[name.text] == hidden[name.text]
                and not is_common(name.text)
                and definitions.elsewhere(name.text, code.path)
            ):
                needed.setdefault(name.text, name)
        if needed:
            yield Task(kind, code.path, span, tuple(needed.values()))


def is_common(name: str) -> bool:
    """Whether a name needs no context: Python's own, its types' members, and what is everywhere."""
    return name in _COMMON or (name.startswith("__") and name.endswith("__"))


def hidden_lines(code: Code, span: Span) -> list[str]:
    """From the cursor to the end of the true text's last line."""
    lines = list(code.lines[span.start_line : span.end_line + 1])
    lines[0] = lines[0][span.start_column :]
    return lines


def visible_lines(code: Code, span: Span) -> list[str]:
    """The file as the editor holds it."""
    before = code.lines[span.start_line][: span.start_column]
    return [*code.lines[: span.start_line], f"{before}\n", *code.lines[span.end_line + 1 :]]


def true_lines(code: Code, span: Span) -> frozenset[str]:
    """What no context may show: the lines of the true text, as they are and cut, without indent."""
    whole = code.lines[span.start_line : span.end_line + 1]
    cut = hidden_lines(code, span)
    cut[-1] = cut[-1][: span.end_column - (span.start_column if len(cut) == 1 else 0)]
    return frozenset(line.strip() for line in (*whole, *hidden_lines(code, span), *cut))


def _line_spans(code: Code) -> Iterator[Span]:
    for number in sorted(code.starts - code.bare):
        line = code.lines[number].rstrip()
        yield Span(number, len(line) - len(line.lstrip()), number, len(line))


def _call_spans(code: Code) -> Iterator[Span]:
    for span in code.calls:
        if span.start_line in code.starts and span.end_line - span.start_line < MAX_CALL_LINES:
            yield span


def _choose(found: list[Task], count: int) -> list[Task]:
    """By digest, and not too many of one file or several of one line."""
    found.sort(key=lambda task: hashlib.sha256(f"{task.kind} {task}".encode()).digest())
    chosen: list[Task] = []
    lines: set[tuple[str, int]] = set()
    of_file: Counter[str] = Counter()
    for limit in (_PER_FILE, len(found)):
        for task in found:
            place = (task.path, task.span.start_line)
            if len(chosen) < count and place not in lines and of_file[task.path] < limit:
                chosen.append(task)
                lines.add(place)
                of_file[task.path] += 1
    return chosen
