"""Where a training run's rows come from: files made before, or drawn anew while the run goes on.

A processor reads fewer rows than it takes to make them twice, so `RowFiles` are made once. A GPU reads
a million tokens a second: `RowStream` draws them in other processes, and no hole is drawn twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from sys import maxsize
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from inference.wren.sequences import Rows, Sequences

_BATCHES_AHEAD = 4  # of each process


class RowSource(Protocol):
    def batches(self, length: int, count: int, first: int) -> Iterator[Tensor]:
        """Without an end, `[count, length + 1]` ids each: those behind the first `first` rows."""
        ...


@dataclass(frozen=True, slots=True)
class RowFiles:
    """`train-LENGTH.npy` of a folder, read in their order, and again from the start."""

    folder: Path

    def batches(self, length: int, count: int, first: int) -> Iterator[Tensor]:
        rows = np.load(self.folder / f"train-{length}.npy", mmap_mode="r")
        while True:
            chosen = [number % len(rows) for number in range(first, first + count)]
            yield torch.from_numpy(rows[chosen].astype(np.int32))
            first += count


@dataclass(frozen=True, slots=True)
class RowStream:
    """Rows that `workers` processes draw, each by the seed and by where the run stood."""

    sequences: Sequences
    workers: int
    seed: int

    def batches(self, length: int, count: int, first: int) -> Iterator[Tensor]:
        drawn = _Drawn(self.sequences, length, count, f"{self.seed}/{first}")
        return iter(
            DataLoader(
                drawn,
                batch_size=None,
                num_workers=self.workers,
                prefetch_factor=_BATCHES_AHEAD,
                multiprocessing_context="fork",  # the corpus is not copied
            )
        )


class _Drawn(IterableDataset[Tensor]):
    def __init__(self, sequences: Sequences, length: int, count: int, seed: str) -> None:
        self._sequences, self._length, self._count, self._seed = sequences, length, count, seed

    def __iter__(self) -> Iterator[Tensor]:
        worker: Any = get_worker_info()
        wanted = Rows(maxsize, self._length, f"{self._seed}/{worker.id}")
        rows = self._sequences.rows(wanted)
        while True:
            yield torch.tensor([next(rows) for _ in range(self._count)], dtype=torch.int32)
