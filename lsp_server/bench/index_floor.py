"""The floor of indexing: tree-sitter's parse and the same query, and nothing made of what they find.

Each process reads its files first and is timed from there on; the slowest counts.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import tree_sitter

from lsp_server.workspace.languages import load_grammar
from lsp_server.workspace.outline import TEXT
from lsp_server.workspace.pool import Pool
from lsp_server.workspace.read import language_of


class Share(NamedTuple):
    """What one process did."""

    seconds: float
    size: int  # in bytes
    lines: int


def measure_floor(folder: Path, paths: Sequence[str], processes: int) -> Share:
    """All of them: the time of the slowest, and the sizes together."""
    shares = [[folder / path for path in paths[start::processes]] for start in range(processes)]
    with Pool(_parse, processes) as pool:
        done = [share for _, share in pool.run(shares) if share is not None]
    return Share(
        max(share.seconds for share in done),
        sum(share.size for share in done),
        sum(share.lines for share in done),
    )


def _parse(files: Sequence[Path]) -> Share:
    sources = [
        (language_of(file.name, data), data) for file in files for data in [file.read_bytes()]
    ]
    for language in {language for language, _ in sources} - {TEXT}:
        load_grammar(language)
    started = time.perf_counter()
    for language, data in sources:
        if language != TEXT:
            grammar = load_grammar(language)
            tree = tree_sitter.Parser(grammar.language).parse(data)
            tree_sitter.QueryCursor(grammar.query).matches(tree.root_node)
    return Share(
        time.perf_counter() - started,
        sum(len(data) for _, data in sources),
        sum(data.count(b"\n") for _, data in sources),
    )
