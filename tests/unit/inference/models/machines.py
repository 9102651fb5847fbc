"""Machines that models are chosen for, and a small checkpoint that lies on one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from inference.hardware import GIB, Gpu, Hardware

ADA, HOPPER, BLACKWELL = (8, 9), (9, 0), (12, 0)
SMALL_CONFIG = {
    "model_type": "qwen2",
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "vocab_size": 151_936,
    "max_position_embeddings": 16_384,
}


def machine(
    gib: float = 0,
    gpus: int = 0,
    capability: tuple[int, int] | None = ADA,
    *,
    ram: int = 64,
    cores: int = 16,
    disk_gb: float = 500,
) -> Hardware:
    found = (Gpu("test", int(gib * GIB), capability),) * gpus
    return Hardware(found, ram * GIB, cores, int(disk_gb * 1e9))


NO_GPU = machine()


def write_checkpoint(folder: Path, *weights_bytes: int, **changed: Any) -> None:
    """The small configuration but for what is changed; weights so large that hold nothing."""
    (folder / "config.json").write_text(json.dumps(SMALL_CONFIG | changed))
    for number, size in enumerate(weights_bytes):
        with (folder / f"model-{number}.safetensors").open("wb") as weights:
            weights.truncate(size)
