"""The flagship's shape, as the tests on a GPU serve it: its size is the one that is planned with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from inference.models import FLAGSHIP, architecture_of, preset
from tests.gpu.flagship import flagship_config, make_flagship

KEPT_IN_16_BIT = ("embed_tokens", "lm_head", "conv1d", "gate.weight", "in_proj_a", "in_proj_b")


def weight_bytes(bits: int) -> int:
    """The weights of the language model alone; of the 8 bit ones, large matrices have 8."""
    import torch
    from transformers import Qwen3_5MoeForCausalLM

    with torch.device("meta"):
        model = Qwen3_5MoeForCausalLM(flagship_config())

    def size(name: str, count: int, dimensions: int) -> int:
        halved = bits == 8 and dimensions > 1 and not any(part in name for part in KEPT_IN_16_BIT)
        return count if halved else 2 * count

    return sum(size(name, it.numel(), it.dim()) for name, it in model.named_parameters())


@pytest.mark.parametrize("name", [FLAGSHIP, f"{FLAGSHIP}-fp8"])
def test_the_plan_counts_the_weights_that_there_are(name: str) -> None:
    """And the heads for pictures and for several tokens, which the published checkpoints hold."""
    model = preset(name)
    counted = weight_bytes(model.bits) / 10**9
    assert 0 <= model.weights_gb - counted < 0.05 * model.weights_gb


def test_the_checkpoint_has_the_shape_that_is_planned_with(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = make_flagship(tmp_path)
    planned = preset(FLAGSHIP).architecture
    config = json.loads((folder / "config.json").read_text())
    assert architecture_of(config) == replace(planned, nested=False)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert len(tokenizer) == planned.vocabulary
    assert tokenizer.decode([planned.vocabulary - 1])
