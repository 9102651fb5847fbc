"""Does a model fit, at which context, and with which vLLM arguments? Pure arithmetic.

Weights are what the checkpoint weighs. What the forward pass, CUDA graphs and libraries take is an
estimate (`activation_bytes`, `_RUNTIME_BYTES`); vLLM measures it when it starts. Every result says
so, and the parts of `Memory` always sum up to the memory of the GPU.

Longer than most files here: it is one decision, read from top to bottom; how vLLM cuts the cache
is in `cache_layout.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from inference.cache_layout import (
    CPU_BLOCK_TOKENS,
    CPU_BLOCK_TOKENS_RECURRENT,
    GPU_BLOCK_TOKENS,
    CacheLayout,
    KvDtype,
    activation_bytes,
    cache_layout,
)
from inference.hardware import GIB, Gpu, Hardware
from inference.models import Architecture, Preset

ContextKind = Literal["native", "extended", "asked", "reduced"]
Device = Literal["gpu", "cpu"]

UTILISATION = 0.9
# Only for a GPU that drives no display: vLLM leaves this little to the driver and its context.
_TIGHT_UTILISATION = 0.95
_MAX_SEQUENCES = 16
_BATCHED_TOKENS = 4096
# The least multiple of 64 that holds a block of the flagship with an 8 bit cache (2,096 tokens):
# vLLM versions before 0.32 refuse to start with less.
_TIGHT_BATCHED_TOKENS = 2112
# A window of this size is what one completion or edit works in.
WINDOW_TOKENS = 8192
MIN_CONTEXT = 4096

# CUDA graphs and non-torch memory. Reported for this family and its siblings: graphs 0.09 to
# 0.52 GiB with few sequences, 1.3 to 2.2 GiB with vLLM's default of hundreds; non-torch 0.13 GiB.
_RUNTIME_BYTES = int(0.9 * GIB)

# On the CPU: half of the memory is left to the editor and its tools; the three processes of vLLM
# took 1.9 GB without weights and cache.
CPU_UTILISATION = 0.5
_CPU_RUNTIME_BYTES = 1_900_000_000
_CPU_CACHE_LIMIT_GIB = 8
_CPU_BATCHED_TOKENS = 2048

_SPLITS = (1, 2, 4, 8, 16)


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of one GPU (or of the machine), in bytes; `missing` is what a misfit lacks."""

    total: int
    left_to_others: int
    weights: int
    activations: int
    runtime: int
    recurrent_state: int
    kv_cache: int
    unused: int
    missing: int = 0

    @property
    def parts(self) -> dict[str, int]:
        return {
            "weights": self.weights,
            "activations": self.activations,
            "runtime": self.runtime,
            "recurrent_state": self.recurrent_state,
            "kv_cache": self.kv_cache,
            "unused": self.unused,
            "left_to_others": self.left_to_others,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    fits: bool
    device: Device
    context: int
    context_kind: ContextKind
    # What the pool could hold in one sequence, were the model's own limit higher.
    largest_context: int
    # Sequences at once: of the whole context, and of a window of `WINDOW_TOKENS`.
    sequences: int
    windows: int
    tensor_parallel_size: int
    kv_cache_dtype: KvDtype
    kv_bytes_per_token: int
    state_bytes_per_sequence: int
    cache_block_tokens: int
    pool_blocks: int
    memory: Memory
    engine_args: dict[str, Any] = field(default_factory=dict[str, Any])
    environment: dict[str, str] = field(default_factory=dict[str, str])
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Settings:
    """One way to run; the later ones of the ladder cost precision, speed or room."""

    device: Device
    utilisation: float
    kv_cache_dtype: KvDtype
    batched_tokens: int
    runtime_bytes: int = _RUNTIME_BYTES
    block_tokens: int = GPU_BLOCK_TOKENS
    cost: str = ""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A model with these settings on so many GPUs; `total` and `pool` are those of one."""

    settings: _Settings
    gpus: int
    layout: CacheLayout
    total: int
    weights: int
    activations: int
    problem: str = ""

    @property
    def budget(self) -> int:
        return int(self.total * self.settings.utilisation)

    @property
    def taken(self) -> int:
        return self.weights + self.activations + self.settings.runtime_bytes

    @property
    def pool(self) -> int:
        if self.problem:
            return 0
        room = max(0, self.budget - self.taken)
        if self.settings.device == "cpu":
            room = min(room // GIB, _CPU_CACHE_LIMIT_GIB) * GIB
        return room // self.layout.block_bytes

    @property
    def largest(self) -> int:
        return self.layout.largest_context(self.pool)


def plan(
    arch: Architecture,
    gpus: Sequence[Gpu],
    *,
    weights_gb: float,
    context: int | None = None,
    extended_context: int | None = None,
    tensor_parallel_size: int | None = None,
    utilisation: float | None = None,
    shared: bool = False,
    ram_bytes: int = 0,
) -> Plan:
    """Plan a model for these GPUs, or for the CPU where there are none.

    `context` is what is asked for, else the model's native context; more than the model can do,
    even extended, is cut to what it can. GPUs and settings are added only until the context fits:
    more GPUs first, then an 8 bit cache, then a tight fit (not where the GPU is `shared`); where
    nothing reaches it, what holds most is taken. So more memory never gives less context.
    `utilisation` is the share of the memory that vLLM gets: `UTILISATION` of each GPU, or
    `CPU_UTILISATION` of the machine's, where it is not given.
    """
    limit = max(arch.native_context, extended_context or 0)
    goal = min(context or arch.native_context, limit)
    if gpus:
        ladder = _ladder(utilisation or UTILISATION, shared=shared)
    else:
        ladder = (_on_cpu(arch, utilisation or CPU_UTILISATION),)
    memory = [gpu.memory_bytes for gpu in gpus] or [ram_bytes]
    sizes = [size for size in _SPLITS if size <= len(memory) and _divides(arch, size)]
    if tensor_parallel_size is not None:
        sizes = [tensor_parallel_size]
    tried = [
        _attempt(arch, memory, weights_gb, settings, size) for settings in ladder for size in sizes
    ]
    enough = next((attempt for attempt in tried if attempt.largest >= goal), None)
    # Of equals the first is the cheapest; where nothing holds anything, the last lacks the least.
    most = max(tried, key=lambda attempt: attempt.largest)
    chosen = enough or (most if most.largest else tried[-1])
    made = _finish(arch, chosen, goal, limit, ram_bytes)
    if context is not None and context > limit:
        made = replace(made, why=(f"The model can do {limit:,} tokens at most.", *made.why))
    return made


def plan_preset(model: Preset, hardware: Hardware, **asked: Any) -> Plan:
    """`plan` for a preset on a machine."""
    return plan(
        model.architecture,
        hardware.gpus,
        weights_gb=model.weights_gb,
        extended_context=model.extended_context,
        ram_bytes=hardware.ram_bytes,
        **asked,
    )


def _ladder(utilisation: float, *, shared: bool) -> tuple[_Settings, ...]:
    precise = _Settings("gpu", utilisation, "auto", _BATCHED_TOKENS)
    halved = replace(
        precise,
        kv_cache_dtype="fp8",
        cost=(
            "The cache is kept in 8 bit, which halves it at a small loss of precision: 16 bit would"
            " not hold this context."
        ),
    )
    tight = replace(
        halved,
        utilisation=max(utilisation, _TIGHT_UTILISATION),
        batched_tokens=_TIGHT_BATCHED_TOKENS,
        cost=(
            "It is tight: vLLM gets 95% of the GPU, small batches and an 8 bit cache, and no"
            " display and no other program may use this GPU."
        ),
    )
    return (precise, halved) if shared else (precise, halved, tight)


def _on_cpu(arch: Architecture, utilisation: float) -> _Settings:
    return _Settings(
        "cpu",
        utilisation,
        "auto",
        _CPU_BATCHED_TOKENS,
        _CPU_RUNTIME_BYTES,
        CPU_BLOCK_TOKENS if arch.recurrent is None else CPU_BLOCK_TOKENS_RECURRENT,
    )


def _divides(arch: Architecture, size: int) -> bool:
    """Whether heads can be shared out over so many GPUs (vLLM refuses what cannot)."""
    heads = [arch.attention_heads]
    if arch.recurrent is not None:
        heads += [arch.recurrent.key_heads, arch.recurrent.value_heads]
    kv = arch.kv_heads
    return all(count % size == 0 for count in heads) and (kv % size == 0 or size % kv == 0)


def _attempt(
    arch: Architecture, memory: Sequence[int], weights_gb: float, settings: _Settings, size: int
) -> _Attempt:
    problem = ""
    if size > len(memory):
        problem = f"The model is to be split over {size} GPUs, and there are {len(memory)}."
    elif not _divides(arch, size):
        problem = f"The heads of this model cannot be shared out over {size} GPUs."
    return _Attempt(
        settings=settings,
        gpus=size,
        layout=cache_layout(
            arch,
            tensor_parallel_size=1 if problem else size,
            kv_cache_dtype=settings.kv_cache_dtype,
            block_tokens=settings.block_tokens,
        ),
        # The smallest of the GPUs that are used decides: all get equal shares.
        total=sorted(memory, reverse=True)[min(size, len(memory)) - 1],
        weights=math.ceil(weights_gb * 1e9 / size),
        activations=activation_bytes(
            arch,
            batched_tokens=settings.batched_tokens,
            sequences=_MAX_SEQUENCES,
            tensor_parallel_size=size,
        ),
        problem=problem,
    )


def _finish(arch: Architecture, attempt: _Attempt, goal: int, limit: int, ram_bytes: int) -> Plan:
    layout, settings, pool = attempt.layout, attempt.settings, attempt.pool
    least = min(MIN_CONTEXT, goal)
    context = min(goal, attempt.largest)
    fits = not attempt.problem and context >= least
    windows = (pool - 1) // layout.blocks(min(context, WINDOW_TOKENS)) if fits else 0
    made = Plan(
        fits=fits,
        device=settings.device,
        context=context if fits else 0,
        context_kind=_kind(arch, context, goal),
        largest_context=attempt.largest,
        sequences=(pool - 1) // layout.blocks(context) if fits else 0,
        windows=windows,
        tensor_parallel_size=attempt.gpus,
        kv_cache_dtype=settings.kv_cache_dtype,
        # On one GPU, in all layers that keep keys and values.
        kv_bytes_per_token=arch.full_attention_layers * layout.page_bytes // layout.block_tokens,
        state_bytes_per_sequence=layout.state_blocks * layout.block_bytes,
        cache_block_tokens=layout.block_tokens,
        pool_blocks=pool,
        memory=_divided(attempt, windows, 0 if fits else least),
    )
    arguments, environment = _engine_args(arch, made, settings, ram_bytes) if fits else ({}, {})
    made = replace(made, engine_args=arguments, environment=environment)
    return replace(made, why=tuple(_reasons(arch, made, attempt, limit)))


def _kind(arch: Architecture, context: int, goal: int) -> ContextKind:
    if context < goal:
        return "reduced"
    if context > arch.native_context:
        return "extended"
    return "native" if context == arch.native_context else "asked"


def _divided(attempt: _Attempt, sequences: int, lacking_context: int) -> Memory:
    """The parts of one GPU's memory; for a misfit, those of the least that would be needed."""
    layout, settings = attempt.layout, attempt.settings
    blocks = layout.blocks(lacking_context) + 1 if lacking_context else attempt.pool
    held = blocks * layout.block_bytes
    if settings.device == "cpu":
        held = -(-held // GIB) * GIB
    running = 1 if lacking_context else min(sequences, _MAX_SEQUENCES)
    state = min(held, layout.state_blocks * running * layout.block_bytes)
    left = attempt.budget - attempt.taken - held
    return Memory(
        total=attempt.total,
        left_to_others=attempt.total - attempt.budget,
        weights=attempt.weights,
        activations=attempt.activations,
        runtime=settings.runtime_bytes,
        recurrent_state=state,
        kv_cache=held - state,
        unused=max(0, left),
        missing=max(0, -left),
    )


def _reasons(arch: Architecture, made: Plan, attempt: _Attempt, limit: int) -> Iterator[str]:
    memory = made.memory
    computing = f"{_gib(memory.activations + memory.runtime)} for computing"
    if attempt.problem:
        yield attempt.problem
        return
    if made.device == "cpu":
        share = f"{100 * attempt.settings.utilisation:.0f}%"
        yield f"There is no GPU: vLLM would compute on the CPU, and gets {share} of the memory."
    if not made.fits:
        each = " on each GPU" if made.tensor_parallel_size > 1 else ""
        yield (
            f"It does not fit: with {_gib(memory.weights)} of weights, about {computing} and a cache"
            f" for the least useful context, {_gib(memory.missing)} are missing{each}."
        )
        return
    if made.tensor_parallel_size > 1:
        yield f"The weights are shared out over {made.tensor_parallel_size} GPUs."
    if arch.recurrent is None:
        yield (
            f"Each token takes {made.kv_bytes_per_token:,} bytes of cache, in all {arch.layers}"
            " layers."
        )
    else:
        yield (
            f"Each token takes {made.kv_bytes_per_token:,} bytes of cache, since only"
            f" {arch.full_attention_layers} of the {arch.layers} layers keep keys and values; the"
            " others keep a state of constant size,"
            f" {_gib(made.state_bytes_per_sequence, 2)} for each running sequence."
        )
        yield (
            f"The prefix cache works in blocks of {made.cache_block_tokens:,} tokens: a change"
            " within a block computes that block again, and all after it."
        )
    yield from _context_reasons(arch, made, attempt.settings.cost, limit)
    if made.windows == 1:
        yield "Only one request fits at a time: a chat would hold completions up."
    if "kv_offloading_size" in made.engine_args:
        yield (
            "Few sequences of this length fit at once, so blocks that are pushed out are kept in"
            f" {made.engine_args['kv_offloading_size']:.0f} GiB of the machine's memory: this saves"
            " computing them again, and does not lengthen the context."
        )
    yield (
        f"The {computing} are an estimate: vLLM measures them when it starts, and logs the cache"
        " that it really has."
    )


def _context_reasons(arch: Architecture, made: Plan, cost: str, limit: int) -> Iterator[str]:
    if cost:
        yield cost
    if made.context_kind == "reduced":
        yield (
            f"What is left holds {made.context:,} tokens; the model's native context is"
            f" {arch.native_context:,}."
        )
    if made.context > arch.native_context:
        yield (
            "A context beyond the native one needs static YaRN, which makes short contexts worse:"
            " use it only where it is needed."
        )
    elif limit > arch.native_context and made.largest_context >= limit:
        yield f"The extended context of {limit:,} tokens would fit too, if it is asked for."


def _engine_args(
    arch: Architecture, made: Plan, settings: _Settings, ram_bytes: int
) -> tuple[dict[str, Any], dict[str, str]]:
    arguments: dict[str, Any] = {
        "max_model_len": made.context,
        "max_num_seqs": max(1, min(_MAX_SEQUENCES, made.windows)),
        "max_num_batched_tokens": settings.batched_tokens,
        "enable_prefix_caching": True,
    }
    environment: dict[str, str] = {}
    if arch.nested:
        arguments["language_model_only"] = True
    if made.context > arch.native_context:
        arguments["hf_overrides"] = yarn_overrides(arch, made.context)
        environment["VLLM_ALLOW_LONG_MAX_MODEL_LEN"] = "1"
    if settings.device == "cpu":
        arguments["block_size"] = settings.block_tokens
        # A whole number of GiB, at least what the pool takes.
        space = -(-(made.memory.kv_cache + made.memory.recurrent_state) // GIB)
        environment["VLLM_CPU_KVCACHE_SPACE"] = str(space)
        return arguments, environment
    arguments |= {
        "gpu_memory_utilization": settings.utilisation,
        "tensor_parallel_size": made.tensor_parallel_size,
        "kv_cache_dtype": made.kv_cache_dtype,
    }
    # Only with plain attention: how it goes with recurrent states was not tried.
    spare = ram_bytes // 4 // GIB
    if made.sequences <= 1 and arch.recurrent is None and spare:
        arguments["kv_offloading_size"] = float(min(16, spare))
    return arguments, environment


def yarn_overrides(arch: Architecture, context: int) -> dict[str, Any]:
    """The `hf_overrides` that stretch a model to `context` tokens by static YaRN.

    The vLLM recipe of Qwen3.6 gives the form, and the factors: 2 doubles the native context, 4
    covers what lies beyond. The higher the factor, the more short contexts suffer.
    """
    rope: dict[str, Any] = {
        "rope_type": "yarn",
        "rope_theta": arch.rope.theta,
        "factor": 2.0 if context <= 2 * arch.native_context else 4.0,
        "original_max_position_embeddings": arch.native_context,
    }
    if arch.rope.partial_rotary_factor is not None:
        rope["partial_rotary_factor"] = arch.rope.partial_rotary_factor
    if arch.rope.mrope_section:
        rope |= {"mrope_interleaved": True, "mrope_section": list(arch.rope.mrope_section)}
    overrides = {"rope_parameters": rope}
    return {"text_config": overrides} if arch.nested else overrides


def _gib(count: int, digits: int = 1) -> str:
    return f"{count / GIB:.{digits}f} GiB"
