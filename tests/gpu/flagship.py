"""The flagship's real shape without its weights: a configuration, and a tokenizer as large as it says.

vLLM fills the weights in by itself (`load_format="dummy"`). What such a model says means nothing;
its memory, its cache and the ways through its layers are the real ones. It repeats the last token of
its prompt, since all matrices of one size get the same weights, those of the input and the output
among them. So its tokenizer has the markers of Codestral, whose prompts end in text, and not those
of Qwen, whose prompts end in a marker, which would end the answer too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from inference.models import FLAGSHIP, preset
from lsp_server.bench.checkpoints import make_tokenizer

ARCHITECTURE = preset(FLAGSHIP).architecture
MARKERS = {
    "<|fim_prefix|>": "[PREFIX]",
    "<|fim_suffix|>": "[SUFFIX]",
    "<|fim_middle|>": "[MIDDLE]",
}


def make_flagship(folder: Path) -> Path:
    """A checkpoint without weights in the shape of Qwen3.6-35B-A3B's language model."""
    known = make_tokenizer(folder)
    _change_tokenizer(folder / "tokenizer.json", known)
    flagship_config().save_pretrained(folder)
    return folder


def flagship_config() -> Any:
    """What the preset says, in the terms of transformers."""
    from transformers import Qwen3_5MoeTextConfig

    shape = ARCHITECTURE
    assert shape.recurrent is not None
    assert shape.experts is not None
    return Qwen3_5MoeTextConfig(
        architectures=["Qwen3_5MoeForCausalLM"],
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden_size,
        num_hidden_layers=shape.layers,
        full_attention_interval=shape.layers // shape.full_attention_layers,
        num_attention_heads=shape.attention_heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        linear_num_key_heads=shape.recurrent.key_heads,
        linear_num_value_heads=shape.recurrent.value_heads,
        linear_key_head_dim=shape.recurrent.key_head_dim,
        linear_value_head_dim=shape.recurrent.value_head_dim,
        linear_conv_kernel_dim=shape.recurrent.conv_kernel,
        num_experts=shape.experts.total,
        num_experts_per_tok=shape.experts.active - 1,  # without the shared one
        moe_intermediate_size=shape.experts.intermediate_size,
        shared_expert_intermediate_size=shape.experts.intermediate_size,
        max_position_embeddings=shape.native_context,
        tie_word_embeddings=False,
        mamba_ssm_dtype="float32",
        dtype="bfloat16",
        bos_token_id=0,
        eos_token_id=0,
        rope_parameters={
            "rope_type": "default",
            "rope_theta": shape.rope.theta,
            "partial_rotary_factor": shape.rope.partial_rotary_factor,
            "mrope_section": list(shape.rope.mrope_section),
            "mrope_interleaved": True,
        },
    )


def _change_tokenizer(tokenizer: Path, known: int) -> None:
    """Renames the markers, and gives every id of the model a text."""
    text = tokenizer.read_text()
    for name, other in MARKERS.items():
        text = text.replace(name, other)
    described = json.loads(text)
    vocabulary = described["model"]["vocab"]
    vocabulary |= {f"Ġ{number}": number for number in range(known, ARCHITECTURE.vocabulary)}
    tokenizer.write_text(json.dumps(described, ensure_ascii=False))
