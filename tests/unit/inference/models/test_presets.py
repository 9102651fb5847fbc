"""The presets, and reading a checkpoint's own configuration."""

from __future__ import annotations

import re
from typing import Any

import pytest

from inference.cache_layout import kv_bytes_per_layer
from inference.errors import UnknownModel
from inference.models import (
    FLAGSHIP,
    PRESETS,
    Architecture,
    Preset,
    architecture_of,
    family,
    preset,
)

KV_BYTES_PER_TOKEN = {
    "qwen3.6-35b-a3b": 20_480,
    "qwen3-coder-30b-a3b": 98_304,
    "qwen2.5-coder-7b": 57_344,
    "qwen2.5-coder-3b": 36_864,
    "qwen2.5-coder-1.5b": 28_672,
    "qwen2.5-coder-0.5b": 12_288,
}


def parameters(arch: Architecture) -> float:
    """Weights of the language model, norms and biases left out."""
    hidden = arch.hidden_size
    query_gate = 2 if arch.recurrent else 1
    attention = hidden * arch.head_dim * ((query_gate + 1) * arch.attention_heads)
    attention += hidden * arch.head_dim * 2 * arch.kv_heads
    recurrent = 0
    if arch.recurrent:
        keys = arch.recurrent.key_heads * arch.recurrent.key_head_dim
        values = arch.recurrent.value_heads * arch.recurrent.value_head_dim
        recurrent = hidden * (2 * keys + 3 * values + 2 * arch.recurrent.value_heads)
    feed_forward = 3 * hidden * arch.intermediate_size
    if arch.experts:
        shared = arch.experts.active - 8
        feed_forward = 3 * hidden * arch.experts.intermediate_size * (arch.experts.total + shared)
        feed_forward += hidden * arch.experts.total
    embeddings = arch.vocabulary * hidden
    return (
        arch.full_attention_layers * attention
        + arch.recurrent_layers * recurrent
        + arch.layers * feed_forward
        + embeddings * (1 if arch.hidden_size <= 2048 and not arch.experts else 2)
    )


@pytest.mark.parametrize("model", PRESETS, ids=lambda model: model.name)
def test_every_preset_is_whole(model: Preset) -> None:
    assert re.fullmatch(r"[a-z0-9.-]+", model.name)
    assert re.fullmatch(r"[\w-]+/[\w.-]+", model.repository)
    assert model.bits in {4, 8, 16}
    assert model.extended_context is None or model.extended_context > model.context
    assert model.name.startswith(model.family)
    assert preset(model.name) is preset(model.repository.upper()) is model


@pytest.mark.parametrize("name", KV_BYTES_PER_TOKEN)
def test_keys_and_values_of_one_token(name: str) -> None:
    arch = preset(name).architecture
    total = arch.full_attention_layers * kv_bytes_per_layer(arch, 1, arch.dtype_bytes)
    assert total == KV_BYTES_PER_TOKEN[name]


@pytest.mark.parametrize(
    "model", [model for model in PRESETS if model.bits == 16], ids=lambda model: model.name
)
def test_the_shape_weighs_what_the_checkpoint_weighs(model: Preset) -> None:
    """A number mistaken in a shape would show here.

    The flagship's checkpoint also holds a vision tower and a head for several tokens, 3% together.
    """
    weighed = model.weights_gb / (2e-9 * parameters(model.architecture))
    assert 0.98 < weighed < 1.05


def test_variants_of_the_flagship_come_from_the_most_precise_on() -> None:
    variants = family(FLAGSHIP)
    assert [variant.bits for variant in variants] == [16, 8, 4, 4, 4]
    assert len({variant.architecture.kv_heads for variant in variants}) == 1
    assert len({model.name for model in PRESETS}) == len(PRESETS)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (
            "qwen3.6-35b-a3",
            (
                "there is no model named 'qwen3.6-35b-a3'; the nearest are qwen3.6-35b-a3b,"
                " qwen3.6-35b-a3b-fp8 and qwen3.6-35b-a3b-awq"
            ),
        ),
        ("gpt-2", "there is no model named 'gpt-2'"),
        ("", "there is no model named ''"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(wrong: str, sentence: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        preset(wrong)
    assert caught.value.message == sentence


FLAGSHIP_TEXT: dict[str, Any] = {
    "model_type": "qwen3_5_moe_text",
    "hidden_size": 2048,
    "num_hidden_layers": 40,
    "layer_types": (["linear_attention"] * 3 + ["full_attention"]) * 10,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "head_dim": 256,
    "linear_num_key_heads": 16,
    "linear_num_value_heads": 32,
    "linear_key_head_dim": 128,
    "linear_value_head_dim": 128,
    "linear_conv_kernel_dim": 4,
    "mamba_ssm_dtype": "float32",
    "num_experts": 256,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 512,
    "shared_expert_intermediate_size": 512,
    "vocab_size": 248_320,
    "max_position_embeddings": 262_144,
    "dtype": "bfloat16",
    "rope_parameters": {
        "rope_type": "default",
        "rope_theta": 10_000_000,
        "partial_rotary_factor": 0.25,
        "mrope_section": [11, 11, 10],
    },
}


def test_the_flagships_configuration_gives_its_preset() -> None:
    config = {"model_type": "qwen3_5_moe", "text_config": FLAGSHIP_TEXT}
    assert architecture_of(config) == preset(FLAGSHIP).architecture


def test_the_interval_stands_in_for_the_list_of_layers() -> None:
    text = {key: value for key, value in FLAGSHIP_TEXT.items() if key != "layer_types"}
    assert architecture_of(text).full_attention_layers == 10
    assert architecture_of(text | {"full_attention_interval": 8}).full_attention_layers == 5


def test_a_mixture_with_plain_attention() -> None:
    config = {
        "model_type": "qwen3_moe",
        "head_dim": 128,
        "hidden_size": 2048,
        "intermediate_size": 6144,
        "max_position_embeddings": 262_144,
        "moe_intermediate_size": 768,
        "num_attention_heads": 32,
        "num_experts": 128,
        "num_experts_per_tok": 8,
        "num_hidden_layers": 48,
        "num_key_value_heads": 4,
        "rope_theta": 10_000_000,
        "shared_expert_intermediate_size": 0,
        "torch_dtype": "bfloat16",
        "vocab_size": 151_936,
    }
    assert architecture_of(config) == preset("qwen3-coder-30b-a3b").architecture


@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
def test_a_dense_model_without_a_head_size(kind: str) -> None:
    config = {
        "model_type": kind,
        "hidden_size": 896,
        "intermediate_size": 4864,
        "max_position_embeddings": 32_768,
        "num_attention_heads": 14,
        "num_hidden_layers": 24,
        "num_key_value_heads": 2,
        "rope_theta": 1_000_000.0,
        "torch_dtype": "bfloat16",
        "vocab_size": 151_936,
    }
    assert architecture_of(config) == preset("qwen2.5-coder-0.5b").architecture
    assert architecture_of(config | {"torch_dtype": "float32"}).dtype_bytes == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "llama"}, "the memory of a model of type 'llama' is not known"),
        ({"model_type": None}, "the memory of a model of type None is not known"),
        ({"hidden_size": None}, "the model's configuration gives no usable 'hidden_size'"),
        ({"num_hidden_layers": "40"}, "the model's configuration gives no usable 'num_hidden_la"),
        ({"vocab_size": 0}, "the model's configuration gives no usable 'vocab_size'"),
        ({"num_key_value_heads": True}, "the model's configuration gives no usable 'num_key_val"),
    ],
)
def test_what_cannot_be_planned_is_said(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        architecture_of(FLAGSHIP_TEXT | change)
    assert caught.value.message.startswith(message)
