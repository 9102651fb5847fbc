"""Brings the store of a workspace folder up to date: what changed is read in worker processes.

A file that ends its worker is set down as such and not tried again until it changes.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from lsp_server.workspace.disk import read_bytes
from lsp_server.workspace.exclusions import Exclusions
from lsp_server.workspace.parse import MAX_PARSE_S
from lsp_server.workspace.pool import Pool
from lsp_server.workspace.read import read_file, without_text
from lsp_server.workspace.scan import scan
from lsp_server.workspace.store import IndexedFile, Store
from lsp_server.workspace.store_reader import FileState

BATCH_FILES = 32
WRITTEN_FILES = 256  # by one transaction: by more it takes no less
FEW_FILES = 8  # are read right here: to start workers takes longer
MAX_BATCH_S = 20.0

Work = tuple[str, FileState]
Batch = tuple[list[IndexedFile], list[str]]  # what was read, and why some could not be


@dataclass(slots=True)
class Summary:
    files: int = 0  # that were found, in the places that were looked at
    added: list[str] = field(default_factory=list[str])  # paths, as all these
    changed: list[str] = field(default_factory=list[str])  # read anew; what was added is among them
    removed: list[str] = field(default_factory=list[str])
    skipped: Counter[str] = field(default_factory=Counter[str])


def build(
    folder: Path,
    store: Store,
    exclusions: Exclusions,
    *,
    workers: int,
    places: Iterable[str] = ("",),
    few_files: int = FEW_FILES,
    report: Callable[[int, int], None] = lambda _done, _all: None,
) -> Summary:
    """Indexes what changed since the last time, and forgets what is gone.

    `places` are paths of the files and folders that may have changed; all is below the empty one.
    So many files as `few_files` are read in this very process. `report` is called with how many of
    the changed files are done. Raises `StoreDamaged`, OSError
    where the folder is not there, and what `report` raises.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not there")
    summary = Summary()
    known: dict[str, FileState] = {}
    present: dict[str, FileState] = {}
    for place in _outermost(places):
        known.update(store.files(place))
        present.update(scan(folder, exclusions, summary.skipped, place))
    summary.removed = sorted(known.keys() - present.keys())
    summary.added = sorted(present.keys() - known.keys())
    if summary.removed:
        store.remove(summary.removed)
    changed = [(path, state) for path, state in present.items() if known.get(path) != state]
    report(0, len(changed))
    if len(changed) <= few_files:
        workers = 0
    read = partial(
        _read_batch,
        folder,
        store.spare_digests() if changed else (),
        None if workers else MAX_PARSE_S,
    )
    unwritten: list[IndexedFile] = []
    for work, batch in _read(read, changed, workers):
        files, problems = batch if batch is not None else _give_up(folder, *work[0])
        unwritten += files
        if len(unwritten) >= WRITTEN_FILES:
            store.put(unwritten)
            unwritten = []
        summary.changed += (file.path for file in files)
        summary.skipped.update(problems)
        report(len(summary.changed), len(changed))
    if unwritten:
        store.put(unwritten)
    summary.files = len(present)
    return summary


def _outermost(places: Iterable[str]) -> Iterator[str]:
    """The places that lie in no other one."""
    last: str | None = None
    for place in sorted(places, key=lambda it: it.split("/") if it else []):
        if last is None or not (last in ("", place) or place.startswith(f"{last}/")):
            last = place
            yield place


def _read(
    read: Callable[[Sequence[Work]], Batch], work: Sequence[Work], workers: int
) -> Iterator[tuple[Sequence[Work], Batch | None]]:
    """Batches with what was read; None for a file that ends its worker."""
    if not workers:
        yield work, read(work)
        return
    # Neighbours are alike in size: each batch takes from everywhere.
    count = -(-len(work) // BATCH_FILES)
    batches = [work[start::count] for start in range(count)]
    with Pool(read, workers, limit_s=MAX_BATCH_S) as pool:
        while batches:
            again: list[Sequence[Work]] = []
            for batch, result in pool.run(batches):
                if result is None and len(batch) > 1:
                    again += ([item] for item in batch)  # to find the one that ends its worker
                else:
                    yield batch, result
            batches = again


def _give_up(folder: Path, path: str, state: FileState) -> Batch:
    problem = "to read it takes too long, or ends the process"
    with contextlib.suppress(OSError):
        return [without_text(path, state, read_bytes(folder / path), problem)], [problem]
    return [], [problem]


def _read_batch(
    folder: Path, known: Collection[bytes], max_parse_s: float | None, work: Sequence[Work]
) -> Batch:
    files, problems = [], []
    for path, state in work:
        try:
            files.append(read_file(folder, path, state, known, max_parse_s=max_parse_s))
        except OSError as error:
            problems.append(f"a file cannot be read ({error.strerror})")
    return files, problems
