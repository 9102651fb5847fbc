"""A wren with random weights and a vocabulary of a few hundred tokens, in the engine's own files."""

from pathlib import Path
from typing import Any

import numpy as np

from inference.engines.wren_package import GRAPH
from inference.wren import graph, tokenizer
from inference.wren.export import describe
from inference.wren.shape import NORM_EPSILON, ROPE_THETA, Shape

SHAPE = Shape(
    vocabulary=320, hidden=32, layers=2, heads=4, key_heads=2, feed_forward=48, context=256
)
TEXT = """\
def read(path):
    with open(path) as file:
        return file.read()


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
"""


def random_weights(shape: Shape = SHAPE, seed: int = 0) -> dict[str, Any]:
    """By the names in a Qwen2 checkpoint; large enough that answers differ."""
    random = np.random.default_rng(seed)
    keys = shape.key_heads * shape.head
    sizes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (shape.vocabulary, shape.hidden)
    }
    for number in range(shape.layers):
        layer = f"model.layers.{number}"
        for name, rows, columns in (
            ("self_attn.q_proj", shape.hidden, shape.hidden),
            ("self_attn.k_proj", keys, shape.hidden),
            ("self_attn.v_proj", keys, shape.hidden),
            ("self_attn.o_proj", shape.hidden, shape.hidden),
            ("mlp.gate_proj", shape.feed_forward, shape.hidden),
            ("mlp.up_proj", shape.feed_forward, shape.hidden),
            ("mlp.down_proj", shape.hidden, shape.feed_forward),
        ):
            sizes[f"{layer}.{name}.weight"] = (rows, columns)
            if name.endswith(("q_proj", "k_proj", "v_proj")):
                sizes[f"{layer}.{name}.bias"] = (rows,)
    weights = {
        name: (random.standard_normal(size) * 0.5 / size[-1] ** 0.25).astype(np.float32)
        for name, size in sizes.items()
    }
    norms = ["model.norm"] + [
        f"model.layers.{number}.{name}"
        for number in range(shape.layers)
        for name in ("input_layernorm", "post_attention_layernorm")
    ]
    for name in norms:
        weights[f"{name}.weight"] = np.ones(shape.hidden, dtype=np.float32)
    return weights


def reference_logits(ids: list[int], weights: dict[str, Any], shape: Shape = SHAPE) -> Any:
    """`[length, vocabulary]`, written as Qwen2 is described: head by head, without a cache."""
    places = np.arange(len(ids))
    frequencies = ROPE_THETA ** -(np.arange(0, shape.head, 2) / shape.head)
    angles = np.tile(np.outer(places, frequencies), 2)
    hidden_from = places[None, :] > places[:, None]

    def norm(x: Any, name: str) -> Any:
        scale = np.sqrt((x * x).mean(-1, keepdims=True) + NORM_EPSILON)
        return x / scale * weights[f"{name}.weight"]

    def rotated(x: Any) -> Any:
        first, second = np.split(x, 2, axis=-1)
        return x * np.cos(angles) + np.concatenate((-second, first), -1) * np.sin(angles)

    embeddings = weights["model.embed_tokens.weight"]
    x = embeddings[ids].astype(np.float64)
    for number in range(shape.layers):
        layer = f"model.layers.{number}"

        def linear(x: Any, name: str, layer: str = layer) -> Any:
            path = f"{layer}.{name}"
            return x @ weights[f"{path}.weight"].T + weights.get(f"{path}.bias", 0)

        normal = norm(x, f"{layer}.input_layernorm")
        queries, keys, values = (linear(normal, f"self_attn.{it}_proj") for it in "qkv")
        heads = []
        for head in range(shape.heads):
            of_query = slice(head * shape.head, (head + 1) * shape.head)
            shared = head * shape.key_heads // shape.heads
            of_key = slice(shared * shape.head, (shared + 1) * shape.head)
            scores = rotated(queries[:, of_query]) @ rotated(keys[:, of_key]).T / shape.head**0.5
            scores[hidden_from] = -np.inf
            chances = np.exp(scores - scores.max(-1, keepdims=True))
            heads.append(chances / chances.sum(-1, keepdims=True) @ values[:, of_key])
        x = x + linear(np.concatenate(heads, -1), "self_attn.o_proj")
        normal = norm(x, f"{layer}.post_attention_layernorm")
        gate = linear(normal, "mlp.gate_proj")
        x = x + linear(gate / (1 + np.exp(-gate)) * linear(normal, "mlp.up_proj"), "mlp.down_proj")
    return norm(x, "model.norm") @ embeddings.T


def write_package(folder: Path) -> Path:
    """In full precision, so that nothing but the engine's own work is looked at."""
    folder.mkdir(parents=True, exist_ok=True)
    made = tokenizer.train(iter([TEXT]), SHAPE.vocabulary)
    tokenizer.save(made, folder)
    model = graph.build(SHAPE, random_weights())
    (folder / GRAPH).write_bytes(model.SerializeToString())
    describe(SHAPE, folder)
    return folder
