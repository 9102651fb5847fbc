"""From keystroke to suggestion at a typist's pace: what is shown when, and what it costs.

Real files of the standard library of the Python that runs, of which some 60 characters are typed
again: at a steady 80 ms, in bursts with pauses (`--data` holds `typing_bursty_ms.json`, gaps in ms;
else the gaps are 80 ms too), along what is suggested, with characters deleted and typed again, and
where the engine is always wrong. The engine is scripted, and answers at once, after 50 or after 200
ms; and wren. Beside that, key by key in turn with a server that does nothing: what a completion
costs that is remembered, and one that is generated.

What a real editor adds is measured by `python -m tests.e2e.measure_ghost_text`; `--ghost-text` takes
what that printed into the result.
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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from inference.endpoint import RUNTIME_DIR_VARIABLE
from lsp_server.bench import trivial_server
from lsp_server.bench.host_client import host_client
from lsp_server.bench.measure import CouldNotRun
from lsp_server.bench.typing_play import Played, play, tokens_after_cancel
from lsp_server.bench.typing_report import PEERS, print_tables, row_of
from lsp_server.bench.typing_traces import (
    ALONG,
    UNFORESEEN,
    UNIFORM_MS,
    Place,
    place_in,
    script,
    traces_of,
)
from lsp_server.session import EditorSession, ServerEnded, open_session, sparrow_command
from lsp_server.workspace.documents import Document, Edit, Position
from lsp_server.workspace.store_file import CACHE_DIR_VARIABLE

__all__ = ["CouldNotRun", "run"]

DELAYS_MS = (0.0, 50.0, 200.0)
_FILES = (("argparse.py", 900), ("tarfile.py", 1200), ("inspect.py", 1500))
_CANCELS = 5  # for each engine
_IDLE_S = 0.05
_OVER_CONSTANT = "editor_over_constant_ms"
_BURSTY = "typing_bursty_ms.json"


async def run(
    console: Console, *, quick: bool, data: Path | None, ghost_text: Path | None = None
) -> dict[str, Any]:
    """Measures and prints; returns the JSON object. Raises `CouldNotRun`."""
    in_editor = measured_in_editor(ghost_text) if ghost_text is not None else {}
    places = _places(1 if quick else len(_FILES))
    bursty = _bursty(data)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="sparrow-bench-") as scratch:
        os.environ[RUNTIME_DIR_VARIABLE] = str(Path(scratch) / "run")
        os.environ[CACHE_DIR_VARIABLE] = str(Path(scratch) / "cache")
        bench = _Bench(Path(scratch), places, bursty)
        try:
            single = await bench.single_keys(1 if quick else 2)
        except ServerEnded as error:
            raise CouldNotRun(str(error)) from error
        for delay_ms in DELAYS_MS:
            for name in _trace_names(places):
                model = bench.scripted(name, delay_ms)
                rows.append(row_of(name, "scripted", delay_ms, await bench.typed(model, name)))
                _tell(console, rows[-1])
        for name in _trace_names(places):
            if name == UNFORESEEN:
                continue  # a script's own
            rows.append(row_of(name, "wren", None, await bench.typed("wren", name)))
            _tell(console, rows[-1])
    result = {
        "name": "typing",
        "places": len(places),
        "characters": sum(len(it.target) for it in places),
        "traces": rows,
        **single,
        **in_editor,
        "tokens_20ms_after_cancel": sum(it["tokens_20ms_after_cancel"] for it in rows),
        "cancels": bench.cancels,
        "peers": [
            dict(zip(("name", "shown", "cache_hit", "requests", "kb"), it, strict=True))
            for it in PEERS
        ],
    }
    print_tables(console, result)
    return result


class _Bench:
    def __init__(self, scratch: Path, places: list[Place], bursty: list[float]) -> None:
        self._scratch = scratch
        self._folder = scratch / "workspace"
        self._folder.mkdir()
        self._places = places
        self._bursty = bursty
        self.cancels = 0

    def scripted(self, trace: str, delay_ms: float) -> str:
        file = self._scratch / f"{trace}-{delay_ms:.0f}.json"
        file.write_text(json.dumps(script(self._places, trace, delay_ms)))
        return f"scripted:{file}"

    async def typed(self, model: str, name: str) -> Played:
        """The trace of that name at all places."""
        total = Played()
        async with host_client(model) as client, self._sparrow(model) as session:
            await session.wait_ready()
            for place in self._places:
                document = session.open(self._folder / place.name, "python", place.text)
                (trace,) = (it for it in traces_of(place.target, self._bursty) if it.name == name)
                total.add(await play(session, document, place, trace, client))
                session.close(document)
            document = session.open(self._folder / "cancelled.py", "python", "")
            wait_s = 0.06 if model != "wren" else 0.005
            for _ in range(_CANCELS):
                total.tokens_20ms_after_cancel += await tokens_after_cancel(
                    session, document, client, wait_s=wait_s
                )
                self.cancels += 1
        return total

    async def single_keys(self, rounds: int) -> dict[str, Any]:
        """Request to response of a key: remembered, generated, and by a server that does nothing."""
        remembered: list[float] = []
        generated: list[float] = []
        floor: list[float] = []
        for name, times in ((ALONG, remembered), (UNFORESEEN, generated)):
            model = self.scripted(name, 0)
            async with (
                host_client(model) as client,
                self._sparrow(model) as sparrow,
                self._floor() as trivial,
            ):
                await sparrow.wait_ready()
                for place in self._places * rounds:
                    ours, theirs = (
                        it.open(self._folder / place.name, "python", place.text)
                        for it in (sparrow, trivial)
                    )
                    await sparrow.complete(ours, place.cursor)
                    before = await client.stats()
                    cursor, keys = place.cursor, place.target.partition("\n")[0][:-1]
                    for character in keys:
                        floor.append(await _press(trivial, theirs, cursor, character) or 0.0)
                        took = await _press(sparrow, ours, cursor, character)
                        if took is not None:
                            times.append(took)
                        cursor = Position(cursor.line, cursor.column + 1)
                    asked = (await client.stats()).requests - before.requests
                    if name == ALONG and asked:
                        raise CouldNotRun(f"{asked} of {len(keys)} keys along went to the engine")
                    for session, document in ((sparrow, ours), (trivial, theirs)):
                        session.close(document)
        if not remembered or not generated:
            raise CouldNotRun("nothing was suggested where keys are measured one by one")
        return {
            "cache_hit_p50_ms": round(statistics.median(remembered), 2),
            "uncached_p50_ms": round(statistics.median(generated), 2),
            "floor_p50_ms": round(statistics.median(floor), 2),
            "samples": min(len(remembered), len(generated)),
        }

    def _sparrow(self, model: str) -> contextlib.AbstractAsyncContextManager[EditorSession]:
        settings: Mapping[str, Any] = {"completion": {"model": model}}
        return open_session(sparrow_command(), self._folder, settings)

    def _floor(self) -> contextlib.AbstractAsyncContextManager[EditorSession]:
        return open_session([sys.executable, str(trivial_server.__file__)], self._folder, {})


async def _press(
    session: EditorSession, document: Document, cursor: Position, character: str
) -> float | None:
    """Milliseconds from a key to its suggestion; None where there is none."""
    await asyncio.sleep(_IDLE_S)
    session.edit(document, Edit(cursor, cursor, character))
    started = time.perf_counter()
    behind = Position(cursor.line, cursor.column + 1)
    if await session.complete(document, behind) is None:
        return None
    return (time.perf_counter() - started) * 1000


def measured_in_editor(file: Path) -> dict[str, float]:
    """How much later ghost text is in the real editor than that of an extension that says one thing."""
    try:
        return {_OVER_CONSTANT: float(json.loads(file.read_text())[_OVER_CONSTANT])}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CouldNotRun(
            f"{file} is not what `python -m tests.e2e.measure_ghost_text` prints: {error!r}"
        ) from error


def _places(count: int) -> list[Place]:
    library = Path(os.__file__).parent
    try:
        return [place_in(name, (library / name).read_text(), line) for name, line in _FILES[:count]]
    except OSError as error:
        raise CouldNotRun(f"the standard library's sources are not in {library}") from error


def _bursty(data: Path | None) -> list[float]:
    if data is None:
        return [UNIFORM_MS]
    try:
        gaps = json.loads((data / _BURSTY).read_text())
        return [float(it) for it in gaps] or [UNIFORM_MS]
    except (OSError, ValueError, TypeError) as error:
        raise CouldNotRun(f"{data / _BURSTY} is not a list of milliseconds: {error}") from error


def _trace_names(places: list[Place]) -> list[str]:
    return [it.name for it in traces_of(places[0].target, [UNIFORM_MS])]


def _tell(console: Console, row: dict[str, Any]) -> None:
    delay = row["engine_delay_ms"]
    engine = row["engine"] if delay is None else f"{row['engine']} {delay:.0f} ms"
    console.print(f"{row['name']}, {engine}: {row['requests']} requests", style="dim")
