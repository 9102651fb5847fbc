"""Refactors: methods moved out of their classes, and how long listing, refactors and gates take.

The workspace is CPython's own library, copied without what was installed into it; the server is driven
over stdio as by an editor. What rope takes for the same extractions, with the whole library as its
project, is measured beside.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from inference.endpoint import RUNTIME_DIR_VARIABLE
from lsp_server.bench.measure import CouldNotRun, percentile
from lsp_server.bench.refactor_live import Extraction, Live, find_extractions, use_editor
from lsp_server.bench.refactor_moves import move_methods
from lsp_server.bench.refactor_peer import time_rope
from lsp_server.bench.refactor_verify import time_verification
from lsp_server.workspace.store_file import CACHE_DIR_VARIABLE

__all__ = ["CouldNotRun", "run"]


async def run(console: Console, *, quick: bool, data: Path | None) -> dict[str, Any]:
    """Measures and prints; returns the JSON object. Raises `CouldNotRun`."""
    if data is None:
        raise CouldNotRun("it needs --data with the folder refactor-benchmark")
    moves = await move_methods(data / "refactor-benchmark" / "tasks.jsonl.gz")
    with tempfile.TemporaryDirectory(prefix="sparrow-bench-") as scratch:
        library = _copy_library(Path(scratch, "Lib"))
        os.environ[RUNTIME_DIR_VARIABLE] = str(Path(scratch, "run"))
        os.environ[CACHE_DIR_VARIABLE] = str(Path(scratch, "cache"))
        files = sum(1 for _ in library.rglob("*.py"))
        extractions = find_extractions(library, 10 if quick else 40)
        live = await use_editor(library, extractions, listings=100 if quick else 400)
        rope_ms = time_rope(library, extractions[: 5 if quick else 20])
    verify_ms = time_verification(30 if quick else 120)
    result = {
        "name": "refactor",
        "samples": len(live.extract_ms),
        "listing_p95_ms": round(percentile(live.listing_ms, 0.95), 2),
        "extract_p50_ms": round(statistics.median(live.extract_ms), 1),
        "extract_refused": live.refused,
        "rope_extract_p50_ms": round(statistics.median(rope_ms), 1),
        "rope_extract_first_ms": round(rope_ms[0], 1),
        "rename_s": round(statistics.median(live.rename_s.values()), 3),
        "renames": {name: round(seconds, 3) for name, seconds in live.rename_s.items()},
        "verify_p95_ms": round(percentile(verify_ms, 0.95), 1),
        "moved_methods_passed": sum(not it.problem for it in moves),
        "moved_methods_total": len(moves),
        "moved_methods_with_a_method_left": sum(it.is_kept for it in moves),
        "moved_methods_failed": {it.name: it.problem for it in moves if it.problem},
        "files": files,
    }
    _print(console, result, live, extractions)
    return result


def _copy_library(target: Path) -> Path:
    source = Path(os.__file__).parent
    if not (source / "argparse.py").exists():
        raise CouldNotRun(f"the standard library's sources are not in {source}")

    def ignored(folder: str, names: list[str]) -> list[str]:
        return [
            name
            for name in names
            if name in ("site-packages", "__pycache__")
            or (not name.endswith(".py") and Path(folder, name).is_file())
        ]

    shutil.copytree(source, target, ignore=ignored)
    return target


def _print(
    console: Console, result: dict[str, Any], live: Live, extractions: Sequence[Extraction]
) -> None:
    table = Table(
        title=f"Refactors, with CPython's library ({result['files']:,} files) as the workspace"
    )
    table.add_column("what")
    table.add_column("figure", justify="right")
    table.add_column("of")
    table.add_row(
        "methods moved out of their classes",
        f"{result['moved_methods_passed']} of {result['moved_methods_total']}",
        f"{result['moved_methods_with_a_method_left']} leave a method that calls the function",
    )
    table.add_row("listing p95", f"{result['listing_p95_ms']} ms", f"{len(live.listing_ms)} places")
    table.add_row(
        "extract a function p50",
        f"{result['extract_p50_ms']} ms",
        f"{len(extractions)} places, {live.refused} refused",
    )
    table.add_row("  rope alone p50", f"{result['rope_extract_p50_ms']} ms", "the same places")
    table.add_row("  rope alone, the first", f"{result['rope_extract_first_ms']} ms", "")
    for name, seconds in result["renames"].items():
        table.add_row(f"rename {name}", f"{seconds} s", f"{live.renamed_files[name]} files")
    table.add_row("verify 200 changed lines p95", f"{result['verify_p95_ms']} ms", "")
    console.print(table)
    for name, problem in result["moved_methods_failed"].items():
        console.print(f"{name}: {problem}", soft_wrap=True, highlight=False)
