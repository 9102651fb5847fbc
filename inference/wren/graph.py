"""The decoder as an ONNX graph with a cache, written node by node from a checkpoint's weights.

Inputs: `ids` `[1, length]`; `logits_from`, the first position to give logits for; and for each layer
N and key head H `past_keys_N_H` and `past_values_N_H`, `[past, head]`, of `past` tokens read before,
which may be none. Outputs: `logits` `[length - logits_from, vocabulary]`, and `keys_N_H` and
`values_N_H`, `[length, head]`, for the caller to keep behind the others.

What was read before is never copied: each part of the attention is computed from the past and from
the new rows, and both are added up. Standard operators alone, so that any runtime takes the full graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference.wren.shape import NORM_EPSILON, ROPE_THETA, Shape

OPSET = 17
_IR_VERSION = 9
# What has scales of its own for every so many inputs. Of wren's 21 million parameters, 8 bits with one
# scale a column change the likeliest token at 10.5% of the positions; at 4.9% without the first of these,
# at 2.5% without both; with these in blocks at 3.2%, which costs a fifth less time than 32 bits of them.
_IN_BLOCKS = ("mlp.down_proj.weight", "output")
BLOCK = 32
_BLOCK_DOMAIN = "com.microsoft"


class _Graph:
    """Nodes and weights as they are added; each method returns the name of what it makes."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self._count = 0

    def weight(self, name: str, values: Any) -> str:
        from onnx import numpy_helper

        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def numbers(self, *values: int) -> str:
        import numpy as np

        return self.weight(self._name("numbers"), np.array(values, dtype=np.int64))

    def add(self, operator: str, *inputs: str, to: str = "", **attributes: Any) -> str:
        from onnx import helper

        target = to or self._name(operator.lower())
        self.nodes.append(
            helper.make_node(operator, list(inputs), [target], name=f"{target}.node", **attributes)
        )
        return target

    def reshape(self, x: str, *shape: int) -> str:
        return self.add("Reshape", x, self.numbers(*shape))

    def parts(self, x: str, count: int, axis: int) -> list[str]:
        """Of the same size each."""
        from onnx import helper

        if count == 1:
            return [x]
        names = [self._name("part") for _ in range(count)]
        self.nodes.append(helper.make_node("Split", [x], names, name=f"{names[0]}.node", axis=axis))
        return names

    def cut(self, x: str, length: str) -> tuple[str, str]:
        """The first columns of a matrix, as many as `length` says, and the others."""
        axis, start, end = self.numbers(1), self.numbers(0), self.numbers(2**62)
        return self.add("Slice", x, start, length, axis), self.add("Slice", x, length, end, axis)

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"


def build(shape: Shape, weights: Mapping[str, Any]) -> Any:
    """The `onnx.ModelProto` for weights as float32 arrays, by their names in a Qwen2 checkpoint."""
    import numpy as np
    from onnx import TensorProto, helper

    graph = _Graph()
    embeddings = graph.weight("embeddings", weights["model.embed_tokens.weight"])
    output = graph.weight("output", np.ascontiguousarray(weights["model.embed_tokens.weight"].T))
    x = graph.add("Gather", embeddings, graph.reshape("ids", -1))
    places = _places(graph, shape)
    caches = cache_names(shape.layers, shape.key_heads)
    for number in range(shape.layers):
        layer = _Layer(graph, shape, weights, number)
        x = layer.attend(x, places)
        x = layer.feed_forward(x)
    shown = graph.add("Slice", x, "logits_from", graph.numbers(2**62), graph.numbers(0))
    normal = _norm(graph, shown, "model.norm.weight", weights)
    graph.add("MatMul", normal, output, to="logits")
    floats = TensorProto.FLOAT

    def cache(name: str, length: str) -> Any:
        return helper.make_tensor_value_info(name, floats, [length, shape.head])

    made = helper.make_graph(
        graph.nodes,
        "wren",
        [
            helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "length"]),
            helper.make_tensor_value_info("logits_from", TensorProto.INT64, [1]),
            *(cache(f"past_{name}", "past") for name in caches),
        ],
        [
            helper.make_tensor_value_info("logits", floats, ["shown", shape.vocabulary]),
            *(cache(name, "length") for name in caches),
        ],
        graph.weights,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = _IR_VERSION
    return model


def cache_names(layers: int, key_heads: int) -> list[str]:
    """The outputs behind `logits`; with `past_` before them, the inputs that hold earlier ones."""
    return [
        f"{kind}_{layer}_{head}"
        for layer in range(layers)
        for kind in ("keys", "values")
        for head in range(key_heads)
    ]


def quantize(source: Path, target: Path) -> None:
    """The same graph with weights of 8 bits, the embeddings included.

    7 of the 8 bits are used: processors without VNNI add up pairs of products in 16 bits, which
    overflow otherwise and change the answers in silence. Weights of `_IN_BLOCKS` go to an operator of
    onnxruntime's own, which has no such fault.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    nodes = onnx.load(source).graph.node
    quantize_dynamic(
        source,
        target,
        op_types_to_quantize=["MatMul", "Gather"],
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        nodes_to_exclude=[node.name for node in nodes if _is_in_blocks(node)],
    )
    small = onnx.load(target)
    for node in small.graph.node:
        if _is_in_blocks(node):
            _quantize_in_blocks(small.graph, node)
    small.opset_import.append(onnx.helper.make_opsetid(_BLOCK_DOMAIN, 1))
    target.write_bytes(small.SerializeToString())


def _is_in_blocks(node: Any) -> bool:
    return bool(node.op_type == "MatMul" and node.input[1].endswith(_IN_BLOCKS))


def _quantize_in_blocks(graph: Any, node: Any) -> None:
    """Makes the product with a matrix `[inputs, outputs]` one with its 8 bits, in whole blocks."""
    import numpy as np
    from onnx import helper, numpy_helper

    x, name = node.input
    (weight,) = (it for it in graph.initializer if it.name == name)
    values = numpy_helper.to_array(weight).T
    outputs, inputs = values.shape
    blocks = -(-inputs // BLOCK)
    padded = np.pad(values, ((0, 0), (0, blocks * BLOCK - inputs))).reshape(outputs, blocks, BLOCK)
    scales = np.maximum(np.abs(padded).max(-1), 1e-12) / 127
    steps = np.round(padded / scales[..., None]).astype(np.int16) + 128
    graph.initializer.remove(weight)
    for kind, array in (("steps", steps.astype(np.uint8)), ("scales", scales.reshape(-1))):
        graph.initializer.append(numpy_helper.from_array(array, f"{name}.{kind}"))
    made = helper.make_node(
        "MatMulNBits",
        [x, f"{name}.steps", f"{name}.scales"],
        list(node.output),
        name=node.name,
        domain=_BLOCK_DOMAIN,
        K=inputs,
        N=outputs,
        bits=8,
        block_size=BLOCK,
        accuracy_level=4,  # the inputs in 8 bits too, with a scale for each block
    )
    node.CopyFrom(made)


def _places(graph: _Graph, shape: Shape) -> tuple[str, str, str, str]:
    """Cosines and sines `[length, head]` of the new positions, their mask `[length, length]`, `past`."""
    import numpy as np

    frequencies = ROPE_THETA ** -(np.arange(0, shape.head, 2, dtype=np.float64) / shape.head)
    angles = np.outer(np.arange(shape.context, dtype=np.float64), frequencies)
    both = np.concatenate((angles, angles), axis=-1)
    past = graph.add("Gather", graph.add("Shape", "past_keys_0_0"), graph.numbers(0))
    length = graph.add("Gather", graph.add("Shape", "ids"), graph.numbers(1))
    end = graph.add("Add", past, length)
    scalar = graph.numbers()
    zero = graph.weight("zero", np.array(0, dtype=np.int64))
    one = graph.weight("one", np.array(1, dtype=np.int64))
    positions = graph.add(
        "Range", graph.add("Reshape", past, scalar), graph.add("Reshape", end, scalar), one
    )
    cosines = graph.weight("cosines", np.cos(both).astype(np.float32))
    sines = graph.weight("sines", np.sin(both).astype(np.float32))
    every = graph.add("Range", zero, graph.add("Reshape", length, scalar), one)
    hidden = graph.add("Greater", graph.reshape(every, 1, -1), graph.reshape(every, -1, 1))
    lowest = graph.weight("lowest", np.array(-1e9, dtype=np.float32))
    nothing = graph.weight("nothing", np.array(0, dtype=np.float32))
    return (
        graph.add("Gather", cosines, positions),
        graph.add("Gather", sines, positions),
        graph.add("Where", hidden, lowest, nothing),
        past,
    )


def _norm(graph: _Graph, x: str, name: str, weights: Mapping[str, Any]) -> str:
    import numpy as np

    epsilon = graph.weight(f"{name}.epsilon", np.array(NORM_EPSILON, dtype=np.float32))
    two = graph.weight(f"{name}.two", np.array(2, dtype=np.float32))
    mean = graph.add("ReduceMean", graph.add("Pow", x, two), axes=[-1], keepdims=1)
    scale = graph.add("Sqrt", graph.add("Add", mean, epsilon))
    return graph.add("Mul", graph.add("Div", x, scale), graph.weight(name, weights[name]))


class _Layer:
    def __init__(
        self, graph: _Graph, shape: Shape, weights: Mapping[str, Any], number: int
    ) -> None:
        self._graph, self._shape, self._weights, self._number = graph, shape, weights, number

    def attend(self, x: str, places: tuple[str, str, str, str]) -> str:
        graph, shape = self._graph, self._shape
        cosines, sines, mask, past = places
        normal = self._norm(x, "input_layernorm")
        queries = self._rotated(self._heads(normal, "q_proj", shape.heads), cosines, sines)
        keys = self._rotated(self._heads(normal, "k_proj", shape.key_heads), cosines, sines)
        values = self._heads(normal, "v_proj", shape.key_heads)
        by_head = [
            self._attend_to(head, of_head, mask, past)
            for head, of_head in enumerate(
                zip(
                    graph.parts(queries, shape.key_heads, 0),
                    graph.parts(keys, shape.key_heads, 0),
                    graph.parts(values, shape.key_heads, 0),
                    strict=True,
                )
            )
        ]
        mixed = graph.add("Concat", *by_head, axis=0)
        mixed = graph.reshape(graph.add("Transpose", mixed, perm=[1, 0, 2]), -1, shape.hidden)
        return graph.add("Add", x, self._linear(mixed, "self_attn.o_proj"))

    def _attend_to(self, head: int, of_head: tuple[str, str, str], mask: str, past: str) -> str:
        """What the heads that share one key head take: `[heads, length, head]`."""
        graph, size, suffix = self._graph, self._shape.head, f"{self._number}_{head}"
        group = self._shape.heads // self._shape.key_heads
        queries, keys, values = of_head
        keys = graph.add("Reshape", keys, graph.numbers(-1, size), to=f"keys_{suffix}")
        values = graph.add("Reshape", values, graph.numbers(-1, size), to=f"values_{suffix}")
        queries = graph.reshape(queries, -1, size)  # the heads below one another
        scores = [
            graph.add("MatMul", queries, graph.add("Transpose", it, perm=[1, 0]))
            for it in (f"past_keys_{suffix}", keys)
        ]
        # All that was read before may be seen, so the mask is for what is new.
        by_head = graph.add("Concat", graph.numbers(group), graph.add("Shape", mask), axis=0)
        masked = graph.add("Add", graph.add("Reshape", scores[1], by_head), mask)
        scores[1] = graph.add("Reshape", masked, graph.add("Shape", scores[1]))
        chances = graph.add("Softmax", graph.add("Concat", *scores, axis=1), axis=-1)
        of_past, of_new = graph.cut(chances, past)
        mixed = graph.add(
            "Add",
            graph.add("MatMul", of_past, f"past_values_{suffix}"),
            graph.add("MatMul", of_new, values),
        )
        return graph.reshape(mixed, group, -1, size)

    def feed_forward(self, x: str) -> str:
        graph = self._graph
        normal = self._norm(x, "post_attention_layernorm")
        gate = self._linear(normal, "mlp.gate_proj")
        gate = graph.add("Mul", gate, graph.add("Sigmoid", gate))
        both = graph.add("Mul", gate, self._linear(normal, "mlp.up_proj"))
        return graph.add("Add", x, self._linear(both, "mlp.down_proj"))

    def _heads(self, x: str, name: str, count: int) -> str:
        """`[count, length, head]`, queries already divided by the root of a head's size."""
        import numpy as np

        graph, shape = self._graph, self._shape
        scale = shape.head**-0.5 if name == "q_proj" else 1.0
        path = f"self_attn.{name}"
        biases = (self._weights[self._path(path, "bias")] * scale).astype(np.float32)
        projected = graph.add(
            "Add", self._linear(x, path, scale), graph.weight(self._path(path, "bias"), biases)
        )
        return graph.add(
            "Transpose", graph.reshape(projected, -1, count, shape.head), perm=[1, 0, 2]
        )

    def _rotated(self, x: str, cosines: str, sines: str) -> str:
        graph = self._graph
        first, second = graph.parts(x, 2, -1)
        turned = graph.add("Concat", graph.add("Neg", second), first, axis=-1)
        return graph.add("Add", graph.add("Mul", x, cosines), graph.add("Mul", turned, sines))

    def _linear(self, x: str, name: str, scale: float = 1.0) -> str:
        import numpy as np

        path = self._path(name, "weight")
        turned = np.ascontiguousarray(self._weights[path].T * np.float32(scale))
        return self._graph.add("MatMul", x, self._graph.weight(path, turned))

    def _norm(self, x: str, name: str) -> str:
        return _norm(self._graph, x, self._path(name, "weight"), self._weights)

    def _path(self, name: str, kind: str) -> str:
        return f"model.layers.{self._number}.{name}.{kind}"
