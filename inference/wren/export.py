"""Writes a trained decoder as others read it: for vLLM and transformers, and for the engine.

`checkpoint/` is a Qwen2 checkpoint with its tokenizer; `package/` is what the engine loads:
`wren.onnx` with weights of 8 bits, `tokenizer.json`, and `wren.json` with the shape and the
checksums. `wren-float32.onnx` beside them is the graph that the small one is compared with.
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


def export(shape: Shape, weights: Mapping[str, Any], tokenizer: Path, target: Path) -> None:
    """`weights` are float32 arrays by their names in a Qwen2 checkpoint; `tokenizer` is a folder."""
    checkpoint, package = target / "checkpoint", target / "package"
    write_checkpoint(shape, weights, tokenizer, checkpoint)
    package.mkdir(parents=True, exist_ok=True)
    full = target / FULL_GRAPH
    full.write_bytes(graph.build(shape, weights).SerializeToString())
    graph.quantize(full, package / GRAPH)
    shutil.copyfile(tokenizer / TOKENIZER, package / TOKENIZER)
    describe(shape, package)


def write_checkpoint(
    shape: Shape, weights: Mapping[str, Any], tokenizer: Path, target: Path
) -> None:
    from safetensors.numpy import save_file

    target.mkdir(parents=True, exist_ok=True)
    save_file(dict(weights), target / "model.safetensors", {"format": "pt"})
    end = SPECIAL.index(END)
    described = json.dumps(shape.hugging_face(end), indent=1)
    (target / "config.json").write_text(described + "\n", encoding="utf-8")
    for name in (TOKENIZER, "tokenizer_config.json"):
        shutil.copyfile(tokenizer / name, target / name)


def read_checkpoint(folder: Path) -> tuple[Shape, dict[str, Any]]:
    """The shape and the weights, as `export` takes them."""
    from safetensors.numpy import load_file

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return Shape.from_hugging_face(config), load_file(folder / "model.safetensors")


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
