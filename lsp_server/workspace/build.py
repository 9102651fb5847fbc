"""Brings the store of a workspace folder up to date: what changed is read in worker processes.

tree-sitter holds Python's lock while it parses, so no thread of the server may do it in bulk. The
workers are started afresh (`spawn`), of low priority, and never take code from the current folder.
A file that ends its worker is set down as such and not tried again until it changes.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from lsp_server.workspace.exclusions import Exclusions
from lsp_server.workspace.read import read_file, without_text
from lsp_server.workspace.scan import scan
from lsp_server.workspace.store import FileState, IndexedFile, Store

BATCH_FILES = 32
_FEW_FILES = 8  # are read right here: to start workers takes longer
_NICENESS = 10

Work = tuple[str, FileState]


@dataclass(slots=True)
class Summary:
    files: int = 0  # in the store now
    read: int = 0
    removed: int = 0
    skipped: Counter[str] = field(default_factory=Counter[str])


def build(
    folder: Path,
    store: Store,
    exclusions: Exclusions,
    *,
    workers: int,
    report: Callable[[int, int], None] = lambda _done, _all: None,
) -> Summary:
    """Indexes what changed since the last time, and forgets what is gone.

    `report` is called with how many of the changed files are done. Raises `StoreDamaged`.
    """
    summary = Summary()
    known = store.files()
    present = dict(scan(folder, exclusions, summary.skipped))
    gone = known.keys() - present.keys()
    store.remove(gone)
    summary.removed = len(gone)
    changed = [(path, state) for path, state in present.items() if known.get(path) != state]
    for indexed in _read(folder, changed, workers, summary.skipped):
        store.put(indexed)
        summary.read += len(indexed)
        report(summary.read, len(changed))
    summary.files = len(present)
    return summary


def _read(
    folder: Path, work: Sequence[Work], workers: int, skipped: Counter[str]
) -> Iterator[list[IndexedFile]]:
    if len(work) <= _FEW_FILES:
        yield _counted(_read_batch(folder, work), skipped)
        return
    # Neighbours are alike in size: each batch takes from everywhere.
    count = -(-len(work) // BATCH_FILES)
    batches = [work[start::count] for start in range(count)]
    unfinished: list[Work] = []
    for batch, result in _run(folder, batches, workers):
        if result is None:
            unfinished += batch
        else:
            yield _counted(result, skipped)
    # One of these ended a worker, and the others' batches ended with it.
    while unfinished:
        for batch, result in _run(folder, [[item] for item in unfinished], 1):
            unfinished.remove(batch[0])
            if result is not None:
                yield _counted(result, skipped)
                continue
            path, state = batch[0]
            with contextlib.suppress(OSError):
                data = (folder / path).read_bytes()
                yield [without_text(path, state, data, "to read it ends the process")]
            skipped["to read it ends the process"] += 1
            break  # the pool is of no use any more


def _run(
    folder: Path, batches: Sequence[Sequence[Work]], workers: int
) -> Iterator[tuple[Sequence[Work], tuple[list[IndexedFile], list[str]] | None]]:
    """Each batch with its result, or None from where a worker has died."""
    # Of the workspace, which may be the current folder, nothing is imported.
    os.environ["PYTHONSAFEPATH"] = "1"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start_worker) as pool:
        futures: dict[Future[tuple[list[IndexedFile], list[str]]], Sequence[Work]] = {
            pool.submit(_read_batch, folder, batch): batch for batch in batches
        }
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except BrokenProcessPool:
                yield futures[future], None


def _start_worker() -> None:
    if hasattr(os, "nice"):
        os.nice(_NICENESS)


def _read_batch(folder: Path, work: Sequence[Work]) -> tuple[list[IndexedFile], list[str]]:
    """The files, and why some could not be read."""
    files, problems = [], []
    for path, state in work:
        try:
            files.append(read_file(folder, path, state))
        except OSError as error:
            problems.append(f"a file cannot be read ({error.strerror})")
    return files, problems


def _counted(
    result: tuple[list[IndexedFile], list[str]], skipped: Counter[str]
) -> list[IndexedFile]:
    files, problems = result
    skipped.update(itertools.chain(problems))
    return files
