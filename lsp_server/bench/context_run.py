"""Measures the contexts of one repository's tasks, in a process of its own."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lsp_server.bench.context_baselines import (
    BM25,
    Jaccard,
    Window,
    cut_windows,
    query_text,
    without_repeats,
)
from lsp_server.bench.context_code import Code, read_code
from lsp_server.bench.context_score import Excerpt, Shown, cut, found_names
from lsp_server.bench.context_snapshot import MemorySnapshot, Repository
from lsp_server.bench.context_tasks import Definitions, Task, make_tasks, visible_lines
from lsp_server.bench.context_tokens import count_tokens
from lsp_server.context.retrieval import assemble

BUDGETS = (1000, 2000, 4000)
OURS, JACCARD, BM25_CHUNKS = METHODS = ("sparrow", "jaccard", "bm25")
_MAX_FILE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one task: which of the needed names each method shows at each budget."""

    place: str
    kind: str
    needed: tuple[str, ...]
    categories: tuple[str, ...]  # of the needed names, the role, or what it is a name of
    defined_in: tuple[tuple[str, ...], ...]  # and where other files define them
    truth: str
    found: Mapping[tuple[str, int], frozenset[str]]


@dataclass(frozen=True, slots=True)
class Measured:
    repository: str
    files: int
    lines: int
    outcomes: tuple[Outcome, ...]
    assemble_ms: tuple[float, ...]  # at the middle budget


def measure(name: str, folder: Path, per_kind: int) -> Measured:
    """Raises OSError where the folder cannot be read."""
    codes = read_repository(folder)
    tasks = make_tasks(codes, per_kind)
    shown = Shown(codes)
    windows = cut_windows({path: code.lines for path, code in codes.items()})
    rankings: dict[str, Jaccard | BM25] = {JACCARD: Jaccard(windows), BM25_CHUNKS: BM25(windows)}
    repository = Repository(codes)
    definitions = Definitions(codes.values())
    outcomes, assemble_ms = [], []
    for task in tasks:
        lines = visible_lines(codes[task.path], task.span)
        query = query_text(lines, task.cursor.line, task.cursor.column)
        found: dict[tuple[str, int], frozenset[str]] = {}

        def score(
            method: str,
            budget: int,
            excerpts: Sequence[Excerpt] | Sequence[Window],
            task: Task = task,
            found: dict[tuple[str, int], frozenset[str]] = found,
        ) -> None:
            kept = cut(excerpts, budget, count_tokens)
            found[method, budget] = found_names(kept, task, codes, shown)

        for method, ranking in rankings.items():
            ranked = list(without_repeats(ranking.rank(query, task.path)))
            for budget in BUDGETS:
                score(method, budget, ranked)
        snapshot = MemorySnapshot(repository, task.path, lines)
        for budget in BUDGETS:
            started = time.perf_counter()
            assembly = assemble(snapshot, task.path, lines, task.cursor, budget, count_tokens)
            if budget == BUDGETS[1]:
                assemble_ms.append((time.perf_counter() - started) * 1000)
            score(OURS, budget, assembly.excerpts)
        outcomes.append(_outcome(task, codes, definitions, found))
    return Measured(
        name,
        len(codes),
        sum(len(code.lines) for code in codes.values()),
        tuple(outcomes),
        tuple(assemble_ms),
    )


def read_repository(folder: Path) -> dict[str, Code]:
    """Its Python files by path, in order."""
    codes = {}
    for file in sorted(folder.rglob("*.py")):
        if file.is_file() and file.stat().st_size <= _MAX_FILE_BYTES:
            path = file.relative_to(folder).as_posix()
            codes[path] = read_code(path, file.read_bytes())
    return codes


def _outcome(
    task: Task,
    codes: Mapping[str, Code],
    definitions: Definitions,
    found: Mapping[tuple[str, int], frozenset[str]],
) -> Outcome:
    elsewhere = [sorted(definitions.elsewhere(it.text, task.path)) for it in task.needed]
    categories = []
    for name, paths in zip(task.needed, elsewhere, strict=True):
        kinds = Counter(
            symbol.kind
            for path in paths
            for symbol in codes[path].outline.symbols
            if symbol.name == name.text
        )
        kind = str(min(kinds, key=lambda it: (-kinds[it], it)))
        categories.append(kind if name.role == "name" else name.role)
    span = task.span
    truth = "".join(codes[task.path].lines[span.start_line : span.end_line + 1]).strip()
    return Outcome(
        str(task),
        task.kind,
        tuple(name.text for name in task.needed),
        tuple(categories),
        tuple(map(tuple, elsewhere)),
        truth,
        found,
    )
