"""A live index in a process of its own, as a server holds it, and what it costs there.

`python -m lsp_server.bench.index_live cold|warm|asked FOLDER SAMPLES` prints one JSON object: `cold`
makes the index with a loop running beside it, `warm` looks one name up as soon as that is answered,
`asked` edits and asks it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tree_sitter

from lsp_server.bench.measure import percentile, resident_mb
from lsp_server.context.retrieval import assemble
from lsp_server.garbage import spare_what_is_loaded
from lsp_server.workspace.documents import Document, Documents, Edit, Position, split_lines
from lsp_server.workspace.languages import load_grammar
from lsp_server.workspace.live import Workspace
from lsp_server.workspace.outline import SymbolKind
from lsp_server.workspace.snapshot import Snapshot
from lsp_server.workspace.words import words

_TICK_S = 0.005
_OPEN_LINES = 5000
_WORDS = 8
_BETWEEN = (SymbolKind.FUNCTION, SymbolKind.METHOD, SymbolKind.CLASS)

_BUDGET_TOKENS = 2000
_FURTHER = 10  # lines, in a file of which something was read already
_TOKENS_PER_CHARACTER = 0.3


class _Live:
    """A workspace of one folder, and the loop's lag beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.documents = Documents()
        self.index = Workspace(self.documents, lambda _: "", log=logging.warning)
        self.index.set_roots([folder.as_uri()])
        self.lags_ms: list[float] = []

    async def tick(self) -> None:
        while True:
            started = time.perf_counter()
            await asyncio.sleep(_TICK_S)
            self.lags_ms.append((time.perf_counter() - started - _TICK_S) * 1000)

    async def until_current(self) -> None:
        """Until the first round is over."""
        while not self.index.is_current(self.folder):  # noqa: ASYNC110 - nobody else waits for it
            await asyncio.sleep(0.005)

    def index_path(self, document: Document) -> str:
        return document.uri.removeprefix(f"{self.folder.as_uri()}/")

    def snapshot(self) -> Snapshot:
        found = self.index.snapshot((self.folder / "any").as_uri())
        assert found is not None
        return found


async def _cold(live: _Live, _samples: int) -> dict[str, Any]:
    started = time.perf_counter()
    ticking = asyncio.create_task(live.tick())
    live.index.start()
    await live.until_current()
    seconds = time.perf_counter() - started
    ticking.cancel()
    return {
        "cold_s": seconds,
        "loop_lag_p99_ms": percentile(live.lags_ms, 0.99),
        "loop_lag_max_ms": max(live.lags_ms),
        "rss_mb": resident_mb(os.getpid()),
        "indexer_rss_mb": resident_mb(live.index.indexer_pid or 0),
    }


async def _warm(live: _Live, _samples: int) -> dict[str, Any]:
    """Ends, by what it prints, when a name has been looked up."""
    live.index.start()
    name = sys.argv[4]
    while not _is_defined(live, name):  # noqa: ASYNC110 - as above
        await asyncio.sleep(_TICK_S)
    return {"found": name}


def _is_defined(live: _Live, name: str) -> bool:
    found = live.index.snapshot((live.folder / "any").as_uri())
    return found is not None and bool(found.definitions(name))


async def _asked(live: _Live, samples: int) -> dict[str, Any]:
    live.index.start()
    await live.until_current()
    chosen = random.Random(1)  # noqa: S311 - no secret
    paths = [it for it in live.snapshot().paths() if it.endswith((".py", ".ts", ".go"))]
    positions = [_position(live, chosen.choice(paths), chosen) for _ in range(samples)]
    times: dict[str, list[float]] = {}
    context_ms: list[float] = []
    next_ms: list[float] = []
    for path, names, text in positions:
        _ask(live.snapshot(), path, names, text, times)
        lines = split_lines((live.folder / path).read_text(encoding="utf-8", errors="replace"))
        line = chosen.randrange(len(lines))
        for at, taken in ((line, context_ms), (min(line + _FURTHER, len(lines) - 1), next_ms)):
            started = time.perf_counter()
            assemble(live.snapshot(), path, lines, Position(at, 0), _BUDGET_TOKENS, _count)
            taken.append((time.perf_counter() - started) * 1000)
    edits_ms, parses_ms = await _edit(live, chosen, samples)
    return {
        "context_p50_ms": percentile(context_ms, 0.5),
        "context_p95_ms": percentile(context_ms, 0.95),
        "context_next_p50_ms": percentile(next_ms, 0.5),
        "context_next_p95_ms": percentile(next_ms, 0.95),
        "edit_visible_p50_ms": percentile(edits_ms, 0.5),
        "edit_visible_p95_ms": percentile(edits_ms, 0.95),
        "edit_floor_p50_ms": percentile(parses_ms, 0.5),
        "edit_floor_p95_ms": percentile(parses_ms, 0.95),
        "asked_p95_ms": {name: percentile(each, 0.95) for name, each in times.items()},
        "asked_p50_ms": {name: percentile(each, 0.5) for name, each in times.items()},
        "rss_mb": resident_mb(os.getpid()),
        "indexer_rss_mb": resident_mb(live.index.indexer_pid or 0),
    }


def _count(text: str) -> int:
    return math.ceil(len(text) * _TOKENS_PER_CHARACTER)


def _position(live: _Live, path: str, chosen: random.Random) -> tuple[str, list[str], list[str]]:
    """A place in a file: the names around it, and the words."""
    lines = (live.folder / path).read_text(encoding="utf-8", errors="replace").splitlines()
    start = chosen.randrange(max(len(lines) - 10, 1))
    around = "\n".join(lines[start : start + 10])
    names = [
        word
        for word in dict.fromkeys(around.replace(".", " ").replace("(", " ").split())
        if word.isidentifier()
    ]
    return path, names[:_WORDS], list(dict.fromkeys(words(around)))[:_WORDS]


def _ask(
    snapshot: Snapshot,
    path: str,
    names: Sequence[str],
    text: Sequence[str],
    times: dict[str, list[float]],
) -> None:
    """What a completion asks of the index, about: each kind of question is timed apart."""

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        times.setdefault(name, []).append((time.perf_counter() - started) * 1000)

    with timed("symbols"):
        symbols = snapshot.symbols(path)
    with timed("imports"):
        imports = snapshot.imports(path)
    with timed("importers"):
        snapshot.importers(path)
    for name in names:
        with timed("definitions"):
            snapshot.definitions(name)
    for symbol in symbols[:2]:
        with timed("references"):
            snapshot.references(symbol.name, 50)
    for target in [path, *(it.target for it in imports)][:3]:
        with timed("lines"):
            snapshot.lines(target)
    with timed("search_text"):
        snapshot.search_text(text, 20)


async def _edit(
    live: _Live, chosen: random.Random, samples: int
) -> tuple[list[float], list[float]]:
    """Defines a name somewhere in an open file of 5,000 lines, and looks it up.

    Beside it the same edits are parsed by bare tree-sitter, with the help of the tree before.
    """
    document = _open(live)
    await live.index.until_parsed()
    symbols = live.snapshot().symbols(live.index_path(document))
    places = [it.start_line for it in symbols if it.kind in _BETWEEN]
    bare = _BareTree(document.text)
    times, parses = [], []
    for number in range(samples):
        name = f"edited_here_{number}"
        line = chosen.choice(places)
        indent = " " * (len(document.lines[line]) - len(document.lines[line].lstrip()))
        edit = Edit(Position(line, 0), Position(line, 0), f"{indent}def {name}(): ...\n")
        started = time.perf_counter()
        document.apply(edit)
        document.version += 1
        live.index.edited(document, edit)
        assert live.snapshot().definitions(name), f"{name} in line {line} is not found"
        times.append((time.perf_counter() - started) * 1000)
        parses.append(bare.insert(line, edit.text))
        undo = Edit(Position(line, 0), Position(line + 1, 0), "")
        document.apply(undo)
        document.version += 1
        live.index.edited(document, undo)
        live.snapshot().definitions(name)
        await asyncio.sleep(0)
    return times, parses


class _BareTree:
    """A text's tree, as tree-sitter alone keeps it."""

    def __init__(self, text: str) -> None:
        self._source = text.encode()
        self._parser = tree_sitter.Parser(load_grammar("python").language)
        self._tree = self._parser.parse(self._source)

    def insert(self, line: int, text: str) -> float:
        """How many milliseconds a parse took behind a new line, which then goes again."""
        at = sum(map(len, self._source.splitlines(keepends=True)[:line]))
        new = text.encode()
        whole = self._source[:at] + new + self._source[at:]
        start, end = (line, 0), (line + 1, 0)
        self._tree.edit(at, at, at + len(new), start, start, end)
        started = time.perf_counter()
        tree = self._parser.parse(whole, self._tree)
        took = (time.perf_counter() - started) * 1000
        tree.edit(at, at + len(new), at, start, end, start)
        self._tree = self._parser.parse(self._source, tree)
        return took


def _open(live: _Live) -> Document:
    library = Path(os.__file__).parent
    names = ("argparse.py", "typing.py", "inspect.py", "tarfile.py")
    lines = "".join((library / name).read_text() for name in names).splitlines(keepends=True)
    uri = (live.folder / "opened_here.py").as_uri()
    document = live.documents.open(uri, "python", 1, "".join(lines[:_OPEN_LINES]))
    live.index.opened(document)
    return document


async def _main(what: str, folder: Path, samples: int) -> None:
    spare_what_is_loaded()  # as the server does
    live = _Live(folder)
    measure = {"cold": _cold, "warm": _warm, "asked": _asked}[what]
    result = await measure(live, samples)
    print(json.dumps(result), flush=True)  # noqa: T201 - to the benchmark
    await live.index.close()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
