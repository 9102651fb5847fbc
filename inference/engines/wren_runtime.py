"""Runs wren's graph: reads prompts into a cache that later prompts share, and steps through answers.

Nothing here is asynchronous or thread-safe: one thread calls all of it (`wren.py`). A cache is never
changed, but replaced by a longer one, so several answers go on from one prompt at no cost.

At most `SLOTS` prompts are remembered, which bounds the memory: the one that was used least recently
goes. A prompt starts from the remembered one with which it has the longest beginning in common.
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

_CONTINUED_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Cache:
    """Keys and values of all layers, `[key_heads, length, head]` each, as onnxruntime's own values."""

    length: int
    values: tuple[Any, ...]


@dataclass(slots=True)
class Reading:
    """A prompt that is being read. `logits` are those behind its last token, once all is read."""

    ids: Sequence[int]
    cache: Cache
    cached_tokens: int  # what another prompt had read before
    logits: Any = None

    @property
    def is_complete(self) -> bool:
        return self.logits is not None


@dataclass(slots=True)
class _Slot:
    ids: Sequence[int]
    cache: Cache


@dataclass(slots=True)
class Runtime:
    session: Any
    package: Package
    _slots: list[_Slot] = field(default_factory=list)  # the last used one last

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
        """Finds what of the prompt has been read already. At least one token is read anew."""
        best, common = None, 0
        for slot in self._slots:
            if (length := common_length(slot.ids, ids[:-1])) > common:
                best, common = slot, length
        if best is None:
            return Reading(ids, self._empty(), 0)
        return Reading(ids, self._cut(best.cache, common), common)

    def read(self, reading: Reading) -> None:
        """Reads the next chunk of the prompt, and remembers as much as has been read."""
        start = reading.cache.length
        chunk = reading.ids[start : start + CHUNK_TOKENS]
        logits, reading.cache = self.run(chunk, reading.cache)
        if reading.cache.length == len(reading.ids):
            reading.logits = logits
        self._remember(reading)

    def run(self, ids: Sequence[int], cache: Cache) -> tuple[Any, Cache]:
        """The logits `[vocabulary]` behind the last of these tokens, and the cache with them."""
        import numpy as np
        from onnxruntime import OrtValue

        feeds = dict(zip(self._inputs, cache.values, strict=True))
        feeds["ids"] = OrtValue.ortvalue_from_numpy(np.array([ids], dtype=np.int64))
        last = np.array([len(ids) - 1], dtype=np.int64)
        feeds["logits_from"] = OrtValue.ortvalue_from_numpy(last)
        logits, *values = self.session.run_with_ort_values(self._outputs, feeds)
        return logits.numpy()[0], Cache(cache.length + len(ids), tuple(values))

    @property
    def _inputs(self) -> tuple[str, ...]:
        return tuple(f"past_{name}" for name in self._outputs[1:])

    @property
    def _outputs(self) -> list[str]:
        layers = range(self.package.layers)
        return ["logits", *(f"{kind}_{it}" for it in layers for kind in ("keys", "values"))]

    def _remember(self, reading: Reading) -> None:
        """A prompt takes the place of the one that it continues, as a keystroke's does."""
        read = reading.ids[: reading.cache.length]
        kept = [
            slot
            for slot in self._slots
            if common_length(slot.ids, read) < _CONTINUED_SHARE * len(slot.ids)
        ]
        self._slots = [*kept[-(SLOTS - 1) :], _Slot(read, reading.cache)]

    def _empty(self) -> Cache:
        import numpy as np
        from onnxruntime import OrtValue

        nothing = np.zeros((self.package.key_heads, 0, self.package.head), dtype=np.float32)
        value = OrtValue.ortvalue_from_numpy(nothing)
        return Cache(0, (value,) * (2 * self.package.layers))

    def _cut(self, cache: Cache, length: int) -> Cache:
        import numpy as np
        from onnxruntime import OrtValue

        if length == cache.length:
            return cache
        return Cache(
            length,
            tuple(
                OrtValue.ortvalue_from_numpy(np.ascontiguousarray(value.numpy()[:, :length]))
                for value in cache.values
            ),
        )


def common_length(first: Sequence[int], second: Sequence[int]) -> int:
    """How many ids both start with."""
    shorter = min(len(first), len(second))
    if first[:shorter] == second[:shorter]:
        return shorter
    return next(at for at in range(shorter) if first[at] != second[at])
