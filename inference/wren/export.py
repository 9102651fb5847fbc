"""Writes a trained decoder as others read it: for vLLM and transformers, and for the engine.

`package/` is what the engine loads: `wren.onnx` with weights of 8 bits, `tokenizer.json`, and
`wren.json` with the shape and the checksums. In it `checkpoint/` is a Qwen2 checkpoint in 16 bits with
its tokenizer. `wren-float32.onnx` beside the package is the graph that the small one is compared with.
All of them are of the same weights, those of the checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference.engines.wren_package import DESCRIPTION, FORMAT, GRAPH, TOKENIZER
from inference.wren import graph
from inference.wren.shape import Shape
from inference.wren.tokenizer import END, SPECIAL

FULL_GRAPH = "wren-float32.onnx"
CHECKPOINT = "checkpoint"


def export(shape: Shape, weights: Mapping[str, Any], tokenizer: Path, target: Path) -> None:
    """`weights` are float32 arrays by their names in a Qwen2 checkpoint; `tokenizer` is a folder."""
    package = target / "package"
    write_checkpoint(shape, weights, tokenizer, package / CHECKPOINT)
    full = target / FULL_GRAPH
    _, held = read_checkpoint(package / CHECKPOINT)
    full.write_bytes(graph.build(shape, held).SerializeToString())
    graph.quantize(full, package / GRAPH)
    shutil.copyfile(tokenizer / TOKENIZER, package / TOKENIZER)
    describe(shape, package)


def write_checkpoint(
    shape: Shape, weights: Mapping[str, Any], tokenizer: Path, target: Path
) -> None:
    """In 16 bits. Raises `ValueError` for weights that these cannot hold."""
    import numpy as np
    from safetensors.numpy import save_file

    target.mkdir(parents=True, exist_ok=True)
    halved = {name: it.astype(np.float16) for name, it in weights.items()}
    if too_large := [name for name, it in halved.items() if not np.isfinite(it).all()]:
        raise ValueError(f"16 bits do not hold {too_large}")
    save_file(halved, target / "model.safetensors", {"format": "pt"})
    end = SPECIAL.index(END)
    described = json.dumps(shape.hugging_face(end), indent=1)
    (target / "config.json").write_text(described + "\n", encoding="utf-8")
    for name in (TOKENIZER, "tokenizer_config.json"):
        shutil.copyfile(tokenizer / name, target / name)


def read_checkpoint(folder: Path) -> tuple[Shape, dict[str, Any]]:
    """The shape and the weights, as `export` takes them."""
    import numpy as np
    from safetensors.numpy import load_file

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    held = load_file(folder / "model.safetensors")
    return Shape.from_hugging_face(config), {
        name: it.astype(np.float32) for name, it in held.items()
    }


def describe(shape: Shape, package: Path) -> None:
    """Writes `wren.json`: what the engine needs to know, and what it checks the files by."""
    described = {
        "format": FORMAT,
        "parameters": shape.parameters,
        "layers": shape.layers,
        "key_heads": shape.key_heads,
        "head": shape.head,
        "vocabulary": shape.vocabulary,
        "context_tokens": shape.context,
        "sha256": {
            name: hashlib.sha256((package / name).read_bytes()).hexdigest()
            for name in (GRAPH, TOKENIZER)
        },
    }
    (package / DESCRIPTION).write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
