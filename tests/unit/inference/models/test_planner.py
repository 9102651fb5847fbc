"""Hardware by model, and what holds for every plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.hardware import GIB, Gpu, Hardware
from inference.models import PRESETS, Preset, preset
from inference.planner import MIN_CONTEXT, Plan, plan, plan_preset, yarn_overrides

FULL = 262_144


def machine(gib: float, gpus: int = 1, ram_gib: float = 64) -> Hardware:
    return Hardware((Gpu("test", int(gib * GIB)),) * gpus, int(ram_gib * GIB), 16)


# GiB of each GPU, GPUs: fits, context, cache type, tensor parallel size, utilisation, windows.
GOLDEN: dict[str, dict[tuple[float, int], tuple[Any, ...]]] = {
    "qwen3.6-35b-a3b": {
        (24, 1): (False, 0, "fp8", 1, None, 0),
        (48, 2): (True, FULL, "auto", 2, 0.9, 58),
        (80, 1): (True, FULL, "fp8", 1, 0.9, 16),
        (80, 2): (True, FULL, "auto", 2, 0.9, 262),
        (141, 1): (True, FULL, "auto", 1, 0.9, 206),
    },
    "qwen3.6-35b-a3b-fp8": {
        (32, 1): (False, 0, "fp8", 1, None, 0),
        (24, 2): (True, FULL, "auto", 2, 0.9, 18),
        (48, 1): (True, FULL, "auto", 1, 0.9, 22),
        (80, 1): (True, FULL, "auto", 1, 0.9, 125),
    },
    "qwen3.6-35b-a3b-nvfp4": {
        (24, 1): (False, 0, "fp8", 1, None, 0),
        (32, 1): (True, FULL, "fp8", 1, 0.9, 25),
    },
    "qwen3.6-35b-a3b-gptq": {
        (16, 1): (False, 0, "fp8", 1, None, 0),
        (24, 1): (True, 20_960, "fp8", 1, 0.95, 1),
        (32, 1): (True, FULL, "auto", 1, 0.9, 21),
    },
    "qwen3-coder-30b-a3b-fp8": {
        (24, 2): (True, FULL, "fp8", 2, 0.95, 38),
        (48, 1): (True, FULL, "fp8", 1, 0.9, 33),
        (80, 1): (True, FULL, "auto", 1, 0.9, 55),
    },
    "qwen2.5-coder-7b": {
        (16, 1): (False, 0, "fp8", 1, None, 0),
        (24, 1): (True, 32_768, "auto", 1, 0.9, 12),
    },
    "qwen2.5-coder-1.5b": {
        (6, 1): (True, 32_768, "auto", 1, 0.9, 5),
        (8, 1): (True, 32_768, "auto", 1, 0.9, 13),
    },
    "qwen2.5-coder-0.5b": {(4, 1): (True, 32_768, "auto", 1, 0.9, 15)},
}
ROWS = [(name, *place, result) for name, rows in GOLDEN.items() for place, result in rows.items()]


@pytest.mark.parametrize(
    ("name", "gib", "gpus", "golden"), ROWS, ids=[f"{row[0]}-{row[2]}x{row[1]}" for row in ROWS]
)
def test_what_fits_where(name: str, gib: float, gpus: int, golden: tuple[Any, ...]) -> None:
    made = plan_preset(preset(name), machine(gib, gpus))
    share = made.engine_args.get("gpu_memory_utilization")
    found = (made.fits, made.context, made.kv_cache_dtype, made.tensor_parallel_size)
    assert (*found, share, made.windows) == golden


def test_the_arguments_for_vllm() -> None:
    made = plan_preset(preset("qwen3.6-35b-a3b-fp8"), machine(80))
    assert made.engine_args == {
        "max_model_len": FULL,
        "max_num_seqs": 16,
        "max_num_batched_tokens": 4096,
        "enable_prefix_caching": True,
        "language_model_only": True,
        "gpu_memory_utilization": 0.9,
        "tensor_parallel_size": 1,
        "kv_cache_dtype": "auto",
    }
    assert made.environment == {}
    assert made.cache_block_tokens == 1056
    assert " ".join(made.why) == (
        "Each token takes 20,480 bytes of cache, since only 10 of the 40 layers keep keys and"
        " values; the others keep a state of constant size, 0.12 GiB for each running sequence."
        " The prefix cache works in blocks of 1,056 tokens: a change within a block computes that"
        " block again, and all after it."
        " The extended context of 1,010,000 tokens would fit too, if it is asked for."
        " The 1.8 GiB for computing are an estimate: vLLM measures them when it starts, and logs"
        " the cache that it really has."
    )


def test_the_extended_context_is_made_by_yarn() -> None:
    made = plan_preset(preset("qwen3.6-35b-a3b-fp8"), machine(80), context=1_010_000)
    assert (made.fits, made.context, made.context_kind) == (True, 1_010_000, "extended")
    assert made.environment == {"VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1"}
    assert made.engine_args["hf_overrides"] == {
        "text_config": {
            "rope_parameters": {
                "mrope_interleaved": True,
                "mrope_section": [11, 11, 10],
                "rope_type": "yarn",
                "rope_theta": 10_000_000,
                "partial_rotary_factor": 0.25,
                "factor": 4.0,
                "original_max_position_embeddings": 262_144,
            }
        }
    }
    assert any("makes short contexts worse" in sentence for sentence in made.why)


def test_a_model_that_is_not_nested_is_stretched_without_a_text_part() -> None:
    coder = preset("qwen3-coder-30b-a3b").architecture
    rope = {
        "rope_type": "yarn",
        "rope_theta": 10_000_000,
        "factor": 2.0,
        "original_max_position_embeddings": FULL,
    }
    assert yarn_overrides(coder, 2 * FULL) == {"rope_parameters": rope}
    assert yarn_overrides(coder, 2 * FULL + 1)["rope_parameters"]["factor"] == 4.0


@pytest.mark.parametrize(
    ("asked", "context", "kind"),
    [
        (None, FULL, "native"),
        (32_768, 32_768, "asked"),
        (FULL, FULL, "native"),
        (FULL + 1, FULL + 1, "extended"),
        (5_000_000, 1_010_000, "extended"),
    ],
)
def test_the_context_asked_for(asked: int | None, context: int, kind: str) -> None:
    made = plan_preset(preset("qwen3.6-35b-a3b-fp8"), machine(141), context=asked)
    assert (made.context, made.context_kind) == (context, kind)
    too_much = "The model can do 1,010,000 tokens at most." in made.why
    assert too_much is (asked == 5_000_000)


def test_less_context_keeps_a_16_bit_cache() -> None:
    flagship = preset("qwen3.6-35b-a3b")
    assert plan_preset(flagship, machine(80)).kv_cache_dtype == "fp8"
    assert plan_preset(flagship, machine(80), context=65_536).kv_cache_dtype == "auto"


def test_more_gpus_are_used_only_where_they_are_needed() -> None:
    assert plan_preset(preset("qwen2.5-coder-7b"), machine(24, 4)).tensor_parallel_size == 1
    assert plan_preset(preset("qwen3.6-35b-a3b-fp8"), machine(24, 4)).tensor_parallel_size == 2
    # 28 heads can be shared out over 2 and 4 GPUs, not over 8.
    assert plan_preset(preset("qwen2.5-coder-7b"), machine(4, 8)).tensor_parallel_size == 4


def test_the_smallest_gpu_that_is_used_decides() -> None:
    fp8 = preset("qwen3.6-35b-a3b-fp8")
    uneven = (Gpu("small", 12 * GIB), Gpu("large", 80 * GIB))
    alone = plan_preset(fp8, machine(80))
    assert plan_preset(fp8, Hardware(uneven, 64 * GIB, 8)) == alone


@pytest.mark.parametrize(
    ("split", "why"),
    [
        (2, "The model is to be split over 2 GPUs, and there are 1."),
        (3, "The model is to be split over 3 GPUs, and there are 1."),
    ],
)
def test_more_shares_than_gpus(split: int, why: str) -> None:
    made = plan_preset(preset("qwen2.5-coder-7b"), machine(80), tensor_parallel_size=split)
    assert (made.fits, made.why, made.engine_args) == (False, (why,), {})


def test_heads_that_cannot_be_shared_out() -> None:
    made = plan_preset(preset("qwen2.5-coder-0.5b"), machine(80, 4), tensor_parallel_size=4)
    assert made.why == ("The heads of this model cannot be shared out over 4 GPUs.",)


def test_what_is_missing_is_told() -> None:
    made = plan_preset(preset("qwen3.6-35b-a3b"), machine(24))
    assert " ".join(made.why) == (
        "It does not fit: with 67.0 GiB of weights, about 1.4 GiB for computing and a cache for the"
        " least useful context, 45.7 GiB are missing."
    )
    missing = made.memory.missing
    grown = Hardware((Gpu("grown", int((24 * GIB * 0.95 + missing + 64) / 0.95)),))
    assert plan_preset(preset("qwen3.6-35b-a3b"), grown).fits


def test_few_long_sequences_are_backed_by_the_machines_memory() -> None:
    coder = preset("qwen3-coder-30b-a3b-fp8")
    assert plan_preset(coder, machine(80)).engine_args["kv_offloading_size"] == 16.0
    assert plan_preset(coder, machine(80, ram_gib=32)).engine_args["kv_offloading_size"] == 8.0
    assert "kv_offloading_size" not in plan_preset(coder, machine(80, ram_gib=2)).engine_args
    # Not tried with recurrent states.
    flagship = plan_preset(preset("qwen3.6-35b-a3b"), machine(80))
    assert flagship.sequences == 1
    assert "kv_offloading_size" not in flagship.engine_args


@pytest.mark.parametrize(
    ("name", "ram", "space"),
    [
        ("qwen2.5-coder-0.5b", 8, "1"),
        ("qwen2.5-coder-1.5b", 16, "3"),
        ("qwen2.5-coder-1.5b", 64, "8"),
        ("qwen2.5-coder-7b", 16, None),
    ],
)
def test_on_the_cpu(name: str, ram: int, space: str | None) -> None:
    made = plan_preset(preset(name), Hardware(ram_bytes=ram * GIB, cores=8))
    assert (made.device, made.fits) == ("cpu", space is not None)
    assert made.environment.get("VLLM_CPU_KVCACHE_SPACE") == space
    assert made.engine_args.get("block_size") == (32 if space else None)
    assert "gpu_memory_utilization" not in made.engine_args
    assert made.memory.left_to_others == ram * GIB // 2


def test_a_hybrid_on_the_cpu_gets_the_block_that_finds_prefixes() -> None:
    made = plan_preset(preset("qwen3.6-35b-a3b-gptq"), Hardware(ram_bytes=256 * GIB, cores=32))
    assert made.engine_args["block_size"] == 256
    assert made.cache_block_tokens == 1280


MODELS = st.sampled_from(PRESETS)
SIZES = st.integers(min_value=1, max_value=200 * 64).map(lambda step: step * GIB // 64)
CONTEXTS = st.none() | st.integers(min_value=256, max_value=1_100_000)


def planned(model: Preset, memory: list[int], context: int | None) -> Plan:
    gpus = tuple(Gpu("test", size) for size in memory)
    return plan_preset(model, Hardware(gpus, 64 * GIB, 8), context=context)


@given(model=MODELS, size=SIZES, more=SIZES, gpus=st.integers(1, 8), context=CONTEXTS)
@settings(max_examples=150, deadline=None)
def test_more_memory_never_gives_less_context(
    model: Preset, size: int, more: int, gpus: int, context: int | None
) -> None:
    before = planned(model, [size] * gpus, context)
    assert planned(model, [size + more] * gpus, context).context >= before.context
    assert planned(model, [*[size] * gpus, more], context).context >= before.context
    assert planned(model, [size] * gpus, None).largest_context >= 0


@given(model=MODELS, sizes=st.lists(SIZES, max_size=8), context=CONTEXTS)
@settings(max_examples=150, deadline=None)
def test_the_parts_sum_up_to_the_memory(
    model: Preset, sizes: list[int], context: int | None
) -> None:
    made = planned(model, sizes, context)
    memory = made.memory
    assert sum(memory.parts.values()) == memory.total + memory.missing
    assert all(part >= 0 for part in memory.parts.values())
    assert (memory.missing == 0) is made.fits


@given(model=MODELS, sizes=st.lists(SIZES, max_size=4), context=CONTEXTS)
@settings(max_examples=150, deadline=None)
def test_a_plan_keeps_its_word(model: Preset, sizes: list[int], context: int | None) -> None:
    made = planned(model, sizes, context)
    assert made.fits is bool(made.engine_args)
    if not made.fits:
        assert made.context == 0
        return
    assert made.sequences >= 1
    assert made.windows >= made.sequences
    assert made.largest_context >= made.context >= min(MIN_CONTEXT, context or MIN_CONTEXT)
    assert made.engine_args["max_model_len"] == made.context
    assert made.context <= (model.extended_context or model.context)
    assert made.engine_args["max_num_seqs"] <= max(1, made.windows)


def test_the_cpu_never_stretches_what_is_not_asked() -> None:
    small = replace(preset("qwen2.5-coder-0.5b").architecture, native_context=1024)
    made = plan(small, (), weights_gb=1.0, ram_bytes=16 * GIB)
    assert (made.fits, made.context, made.context_kind) == (True, 1024, "native")
