"""Runs wren's graph: reads prompts into caches that later prompts go on with, and steps through answers.

Nothing here is asynchronous or thread-safe: one thread calls all of it (`wren_worker.py`).

At most `SLOTS` prompts are remembered, in buffers that are made once, which bounds the memory. A
prompt goes on in the slot with which it has most in common, so a keystroke copies nothing; one that
has little in common with it begins in the slot that was used least recently, with a copy of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from inference.engines.wren_package import Package
from inference.errors import EngineFailed

SLOTS = 4
"""A window has one prompt that grows as its user types; as many windows are served without loss."""

CHUNK_TOKENS = 64
"""Read at a time: a cancelled prompt occupies the processor for no longer than that takes."""

# A prompt that shares less than this of what a slot holds belongs to another window.
_CONTINUED_SHARE = 0.5


@dataclass(slots=True, eq=False)
class Slot:
    """`rows` `[caches, context, head]` hold what was read of `ids`; a cache is one of the graph's."""

    rows: Any
    ids: list[int] = field(default_factory=list)
    is_in_use: bool = False


@dataclass(slots=True)
class Reading:
    """A prompt that is being read. `logits` are those behind its last token, once all is read."""

    ids: Sequence[int]
    slot: Slot
    cached_tokens: int  # what another prompt had read before
    logits: Any = None

    @property
    def is_complete(self) -> bool:
        return self.logits is not None

    def rewind(self) -> None:
        """Forgets an answer, for another one to begin behind the prompt."""
        del self.slot.ids[len(self.ids) :]

    def end(self) -> None:
        """Other prompts may go on from here."""
        self.slot.is_in_use = False


@dataclass(slots=True)
class Runtime:
    session: Any
    package: Package
    caches: list[str] = field(init=False)  # the graph's outputs behind the logits
    _slots: list[Slot] = field(default_factory=list)  # the last used one last

    def __post_init__(self) -> None:
        self.caches = [output.name for output in self.session.get_outputs()[1:]]

    @classmethod
    def load(cls, package: Package) -> Runtime:
        """Raises `EngineFailed` where onnxruntime refuses the graph. Takes some 100 ms."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # Threads that wait by spinning take the processor from the editor.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_mem_pattern = False  # shapes change with every call
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(
                package.graph, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise EngineFailed(f"onnxruntime cannot load wren's graph: {error}") from error
        return cls(session, package)

    def start(self, ids: Sequence[int]) -> Reading:
        """Takes a slot for the prompt, until `Reading.end`. At least one token is read anew."""
        best = max(self._slots, key=lambda it: common_length(it.ids, ids), default=None)
        common = common_length(best.ids, ids[:-1]) if best is not None else 0
        if best is None or best.is_in_use or common < _CONTINUED_SHARE * len(best.ids):
            slot = self._free_slot()
            if best is not None and slot is not best:
                slot.rows[:, :common] = best.rows[:, :common]
            best = slot
        else:
            self._slots.remove(best)
        self._slots.append(best)
        best.ids[:] = ids[:common]
        best.is_in_use = True
        return Reading(ids, best, common)

    def read(self, reading: Reading) -> None:
        """Reads the next chunk of the prompt."""
        done = len(reading.slot.ids)
        logits = self.run(reading.ids[done : done + CHUNK_TOKENS], reading.slot)
        if len(reading.slot.ids) == len(reading.ids):
            reading.logits = logits

    def run(self, ids: Sequence[int], slot: Slot) -> Any:
        """Reads these tokens behind those of the slot. The logits `[vocabulary]` behind the last."""
        import numpy as np

        past = len(slot.ids)
        end = past + len(ids)
        feeds = {
            f"past_{name}": rows[:past] for name, rows in zip(self.caches, slot.rows, strict=True)
        }
        feeds["ids"] = np.array([ids], dtype=np.int64)
        feeds["logits_from"] = np.array([len(ids) - 1], dtype=np.int64)
        logits, *new = self.session.run(None, feeds)
        for rows, added in zip(slot.rows, new, strict=True):
            rows[past:end] = added
        slot.ids += ids
        return logits[0]

    def _free_slot(self) -> Slot:
        """A new one, or the one of those not in use that was used least recently."""
        import numpy as np

        free = next((slot for slot in self._slots if not slot.is_in_use), None)
        if free is not None and len(self._slots) >= SLOTS:
            self._slots.remove(free)
            return free
        package = self.package
        shape = (len(self.caches), package.context_tokens, package.head)
        return Slot(np.empty(shape, dtype=np.float32))


def common_length(first: Sequence[int], second: Sequence[int]) -> int:
    """How many ids both start with."""
    shorter = min(len(first), len(second))
    if first[:shorter] == second[:shorter]:
        return shorter
    return next(at for at in range(shorter) if first[at] != second[at])
