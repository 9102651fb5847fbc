"""Lists, extracts and renames in the standard library, through the server as an editor would."""

from __future__ import annotations

import ast
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from lsp_server.bench.measure import CouldNotRun
from lsp_server.refactor.source import Source
from lsp_server.session import EditorSession, open_session, sparrow_command

INDEX_TIMEOUT_S = 300.0
LISTED_LINES = 5_000
RENAMED = {
    "textwrap.dedent": ("textwrap.py", "def dedent"),
    "contextlib.suppress": ("contextlib.py", "class suppress"),
    "importlib.import_module": ("importlib/__init__.py", "def import_module"),
    "collections.namedtuple": ("collections/__init__.py", "def namedtuple"),
    "shutil.rmtree": ("shutil.py", "def rmtree"),
}


@dataclass(frozen=True, slots=True)
class Extraction:
    """Statements to be made a function: lines from 0, the last one not included."""

    path: str
    start_line: int
    end_line: int
    start_offset: int
    end_offset: int


@dataclass(slots=True)
class Live:
    listing_ms: list[float] = field(default_factory=list)
    extract_ms: list[float] = field(default_factory=list)
    refused: int = 0
    rename_s: dict[str, float] = field(default_factory=dict)
    renamed_files: dict[str, int] = field(default_factory=dict)


def find_extractions(library: Path, count: int) -> list[Extraction]:
    """Places where statements can become a function: three or four that none leaves early."""
    chosen = random.Random(6)  # noqa: S311 - which places
    files = sorted(it for it in library.glob("*.py") if it.stat().st_size > 10_000)  # noqa: PLR2004
    chosen.shuffle(files)
    found = []
    for file in files:
        source = Source(file.read_text(encoding="utf-8"))
        places = [
            body[at : at + 3]
            for node in ast.walk(source.tree)
            if isinstance(node, ast.FunctionDef)
            for body in [node.body]
            for at in range(1, len(body) - 3)
            if not any(map(_leaves, body[at : at + 3]))
        ]
        if places:
            first, *_, last = chosen.choice(places)
            assert last.end_lineno is not None
            found.append(
                Extraction(
                    file.name,
                    first.lineno - 1,
                    last.end_lineno,
                    source.start(first),
                    source.end(last),
                )
            )
        if len(found) == count:
            return found
    raise CouldNotRun(f"the library has {len(found)} places to extract from")


def _leaves(statement: ast.stmt) -> bool:
    return any(
        isinstance(
            it,
            ast.Return
            | ast.Yield
            | ast.YieldFrom
            | ast.Await
            | ast.Break
            | ast.Continue
            | ast.Global
            | ast.Nonlocal
            | ast.FunctionDef
            | ast.Import
            | ast.ImportFrom
            | ast.Delete,
        )
        for it in ast.walk(statement)
    )


async def use_editor(library: Path, extractions: Sequence[Extraction], listings: int) -> Live:
    """Raises `CouldNotRun`."""
    live = Live()
    settings = {"host": {"idleMinutes": 1}}  # what completes is not asked
    async with open_session(sparrow_command(), library, settings) as session:
        await session.wait_indexed(INDEX_TIMEOUT_S)
        await _list(session, library, live, listings)
        for extraction in extractions:
            await _extract(session, library, live, extraction)
        for name in RENAMED:
            await _rename(session, library, live, name)
    if not live.extract_ms:
        raise CouldNotRun("every extraction was refused")
    return live


async def _list(session: EditorSession, library: Path, live: Live, count: int) -> None:
    names = ("argparse.py", "typing.py", "inspect.py", "tarfile.py")
    text = "".join((library / name).read_text(encoding="utf-8") for name in names)
    lines = text.splitlines(keepends=True)[:LISTED_LINES]
    document = session.open(library / "listed.py", "python", "".join(lines))
    chosen = random.Random(7)  # noqa: S311 - which places
    for number in range(count):
        line = chosen.randrange(len(lines) - 5)
        start = types.Position(line, min(8, len(lines[line]) - 1))
        end = start if number % 2 else types.Position(line + chosen.randrange(1, 5), 0)
        started = time.perf_counter()
        await session.code_actions(document, types.Range(start, end))
        live.listing_ms.append((time.perf_counter() - started) * 1000)


async def _extract(
    session: EditorSession, library: Path, live: Live, extraction: Extraction
) -> None:
    file = library / extraction.path
    document = session.open(file, "python", file.read_text(encoding="utf-8"))
    start = types.Position(extraction.start_line, 0)
    end = types.Position(extraction.end_line - 1, len(document.lines[extraction.end_line - 1]) - 1)
    found = await session.code_actions(document, types.Range(start, end))
    (action,) = (it for it in found if it.kind == "refactor.extract.function")
    started = time.perf_counter()
    try:
        await session.resolve(action)
    except JsonRpcException:
        live.refused += 1
    else:
        live.extract_ms.append((time.perf_counter() - started) * 1000)
    session.close(document)


async def _rename(session: EditorSession, library: Path, live: Live, name: str) -> None:
    path, head = RENAMED[name]
    file = library / path
    text = file.read_text(encoding="utf-8")
    document = session.open(file, "python", text)
    at = text.index(f"\n{head}") + 1
    line = text.count("\n", 0, at)
    position = types.Position(line, head.index(" ") + 1)
    started = time.perf_counter()
    try:
        edit = await session.rename(document, position, "renamed_by_the_benchmark")
    except JsonRpcException as error:
        raise CouldNotRun(f"{name} was not renamed: {error}") from error
    live.rename_s[name] = time.perf_counter() - started
    live.renamed_files[name] = len(edit.document_changes or ())
    session.close(document)
