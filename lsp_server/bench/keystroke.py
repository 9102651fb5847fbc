"""What a keystroke costs beside the engine: Sparrow against a server that does nothing.

Both servers are driven over stdio by the same client, key by key in turn, with an engine that
answers at once: the change of the document, then the request, then the time to its answer. The
files are of the standard library of the Python that runs: one of about 229 kB, and one cut to
5,000 lines. The floor copies the whole file at each change, as pygls does; an empty file, which is
left out of the totals, shows both without that.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from inference.client import InferenceClient
from inference.endpoint import RUNTIME_DIR_VARIABLE
from lsp_server.bench import trivial_server
from lsp_server.bench.host_client import host_client
from lsp_server.bench.measure import CouldNotRun, percentile, resident_mb
from lsp_server.session import EditorSession, open_session, sparrow_command
from lsp_server.workspace.documents import Document, Edit, Position
from lsp_server.workspace.store_file import CACHE_DIR_VARIABLE

__all__ = ["CouldNotRun", "run"]

IDLE_S = 0.05  # between keys: an editor's server is idle when a key comes
# A comment, as is what the model says: that may stand behind each key.
TYPED = "    # the sum of all values, written in the middle of the file\n"


@dataclass
class _Case:
    """One file under the cursor of both servers, and what was measured."""

    name: str
    text: str
    sparrow_ms: list[float] = field(default_factory=list)
    floor_ms: list[float] = field(default_factory=list)
    wire_bytes_per_key: float = 0.0


async def run(console: Console, *, quick: bool, data: Path | None) -> dict[str, Any]:
    """Measures and prints; returns the JSON object. Raises `CouldNotRun`."""
    del data
    keys, starts = (60, 3) if quick else (300, 9)
    cases = [_Case(name, text) for name, text in _files().items()]
    with tempfile.TemporaryDirectory(prefix="sparrow-bench-") as scratch:
        folder, model = _prepare(Path(scratch))
        async with host_client(model) as client:
            start_ms, floor_start_ms = await _starts(folder, model, starts)
            rss_mb = 0.0
            for case in cases:
                rss_mb = max(rss_mb, await _type(case, folder, model, client, keys))
    large = [case for case in cases if case.text]
    sparrow_ms = [sample for case in large for sample in case.sparrow_ms]
    floor_ms = [sample for case in large for sample in case.floor_ms]
    result = {
        "name": "keystroke",
        "samples": len(sparrow_ms),
        "p50_ms": round(statistics.median(sparrow_ms), 3),
        "p95_ms": round(percentile(sparrow_ms, 0.95), 3),
        "floor_p50_ms": round(statistics.median(floor_ms), 3),
        "floor_p95_ms": round(percentile(floor_ms, 0.95), 3),
        "ratio_p50": round(statistics.median(sparrow_ms) / statistics.median(floor_ms), 2),
        "start_ms": round(statistics.median(start_ms), 1),
        "floor_start_ms": round(statistics.median(floor_start_ms), 1),
        "start_samples": starts,
        "rss_mb": round(rss_mb, 1),
        "wire_bytes_per_key": round(max(case.wire_bytes_per_key for case in cases)),
        "files": [
            {
                "name": case.name,
                "kb": round(len(case.text) / 1000, 1),
                "p50_ms": round(statistics.median(case.sparrow_ms), 3),
                "p95_ms": round(percentile(case.sparrow_ms, 0.95), 3),
                "floor_p50_ms": round(statistics.median(case.floor_ms), 3),
                "wire_bytes_per_key": round(case.wire_bytes_per_key),
            }
            for case in cases
        ],
    }
    _print(console, cases, result)
    return result


def _prepare(scratch: Path) -> tuple[Path, str]:
    """A workspace folder, and a model that answers at once, with a runtime folder of this run."""
    folder = scratch / "workspace"
    folder.mkdir()
    script = scratch / "instant.json"
    script.write_text(json.dumps({"rules": [{"reply": ["# said"]}]}))
    os.environ[RUNTIME_DIR_VARIABLE] = str(scratch / "run")
    os.environ[CACHE_DIR_VARIABLE] = str(scratch / "cache")
    return folder, f"scripted:{script}"


async def _starts(folder: Path, model: str, count: int) -> tuple[list[float], list[float]]:
    """Start to initialized in ms, of Sparrow and of the floor, in turn; a first pair is dropped."""
    sparrow_ms: list[float] = []
    floor_ms: list[float] = []
    for _ in range(count + 1):
        async with _sparrow(folder, model) as session:
            sparrow_ms.append(session.initialized_ms)
        async with _floor(folder) as session:
            floor_ms.append(session.initialized_ms)
    return sparrow_ms[1:], floor_ms[1:]


async def _type(case: _Case, folder: Path, model: str, client: InferenceClient, keys: int) -> float:
    """Types in the middle of the file, in both servers in turn; returns Sparrow's memory in MB."""
    path = folder / "typed.py"
    async with _sparrow(folder, model) as sparrow, _floor(folder) as floor:
        await sparrow.wait_ready()
        ours, theirs = (each.open(path, "python", case.text) for each in (sparrow, floor))
        line = len(ours.lines) // 2
        cursor = Position(line, 0)
        for session, document in ((sparrow, ours), (floor, theirs)):
            session.edit(document, Edit(cursor, cursor, "\n"))
            # The first request uploads the file.
            if await session.complete(document, cursor) is None:
                raise CouldNotRun(f"no completion came: {sparrow.logged}")
        before = await client.stats()
        for number in range(keys):
            character = TYPED[number % len(TYPED)]
            case.floor_ms.append(await _press(floor, theirs, cursor, character))
            case.sparrow_ms.append(await _press(sparrow, ours, cursor, character))
            cursor = (
                Position(cursor.line + 1, 0)
                if character == "\n"
                else Position(cursor.line, cursor.column + 1)
            )
        after = await client.stats()
        case.wire_bytes_per_key = (
            (after.bytes_received - before.bytes_received) + (after.bytes_sent - before.bytes_sent)
        ) / keys
        return resident_mb(sparrow.pid)


async def _press(
    session: EditorSession, document: Document, cursor: Position, character: str
) -> float:
    """One key and its completion; the time from the request to the answer in ms."""
    await asyncio.sleep(IDLE_S)
    session.edit(document, Edit(cursor, cursor, character))
    behind = (
        Position(cursor.line + 1, 0)
        if character == "\n"
        else Position(cursor.line, cursor.column + 1)
    )
    started = time.perf_counter()
    if await session.complete(document, behind) is None:
        raise CouldNotRun(f"no completion came at line {behind.line + 1} of {document.uri}")
    return (time.perf_counter() - started) * 1000


def _sparrow(folder: Path, model: str) -> contextlib.AbstractAsyncContextManager[EditorSession]:
    return open_session(sparrow_command(), folder, {"completion": {"model": model}})


def _floor(folder: Path) -> contextlib.AbstractAsyncContextManager[EditorSession]:
    return open_session([sys.executable, str(trivial_server.__file__)], folder, {})


def _files() -> dict[str, str]:
    """An empty file, one of 5,000 lines, and the standard library's largest of about 229 kB."""
    library = Path(os.__file__).parent
    names = ("_pydecimal.py", "argparse.py", "typing.py", "inspect.py", "tarfile.py")
    texts = [(library / name).read_text() for name in names if (library / name).exists()]
    if len(texts) < len(names):
        raise CouldNotRun(f"the standard library's sources are not in {library}")
    lines = "".join(texts[1:]).splitlines(keepends=True)[:5000]
    return {"empty": "", "5,000 lines": "".join(lines), "_pydecimal.py": texts[0]}


def _print(console: Console, cases: list[_Case], result: dict[str, Any]) -> None:
    table = Table(title="Keystroke: request to response, over stdio, engine answers at once")
    table.add_column("file")
    for heading in ("kB", "p50 ms", "p95 ms", "floor p50", "ratio", "wire bytes/key"):
        table.add_column(heading, justify="right")
    for case, row in zip(cases, result["files"], strict=True):
        table.add_row(
            case.name,
            str(row["kb"]),
            f"{row['p50_ms']:.2f}",
            f"{row['p95_ms']:.2f}",
            f"{row['floor_p50_ms']:.2f}",
            f"{row['p50_ms'] / row['floor_p50_ms']:.2f}",
            str(row["wire_bytes_per_key"]),
        )
    console.print(table)
    ratio = result["start_ms"] / result["floor_start_ms"]
    console.print(
        f"start to initialized {result['start_ms']:.0f} ms, floor "
        f"{result['floor_start_ms']:.0f} ms (ratio {ratio:.2f}); "
        f"resident {result['rss_mb']:.0f} MB; {result['samples']} keys"
    )
