"""The decoder in torch, for training. Its parameters have the names of Qwen2's checkpoints.

Imports torch when it is imported; only the training and the export do so.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.wren.shape import NORM_EPSILON, ROPE_THETA, Shape


class Decoder(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.model = nn.ModuleDict(
            {
                "embed_tokens": nn.Embedding(shape.vocabulary, shape.hidden),
                "layers": nn.ModuleList(Layer(shape) for _ in range(shape.layers)),
                "norm": nn.RMSNorm(shape.hidden, NORM_EPSILON),
            }
        )
        cosines, sines = rotations(shape.context, shape.head)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)
        self._initialize()

    def hidden(self, ids: Tensor) -> Tensor:
        """`[rows, length]` ids to `[rows, length, hidden]`."""
        length = ids.shape[1]
        x = self.model["embed_tokens"](ids)
        angles = self.cosines[:length], self.sines[:length]
        for layer in self.model["layers"]:
            x = layer(x, angles)
        return self.model["norm"](x)

    def logits(self, hidden: Tensor) -> Tensor:
        return functional.linear(hidden, self.model["embed_tokens"].weight)

    def forward(self, ids: Tensor) -> Tensor:
        return self.logits(self.hidden(ids))

    def _initialize(self) -> None:
        """What writes to the residual stream starts at zero, so each layer starts as no layer."""
        nn.init.normal_(self.model["embed_tokens"].weight, std=0.02)
        for name, parameter in self.named_parameters():
            if name.endswith("bias") or "o_proj" in name or "down_proj" in name:
                nn.init.zeros_(parameter)
            elif parameter.ndim > 1 and "embed" not in name:
                nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)


class Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(shape.hidden, NORM_EPSILON)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = nn.RMSNorm(shape.hidden, NORM_EPSILON)
        self.mlp = FeedForward(shape)

    def forward(self, x: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), angles)
        return x + self.mlp(self.post_attention_layernorm(x))


class Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        keys = shape.key_heads * shape.head
        self.q_proj = nn.Linear(shape.hidden, shape.hidden)
        self.k_proj = nn.Linear(shape.hidden, keys)
        self.v_proj = nn.Linear(shape.hidden, keys)
        self.o_proj = nn.Linear(shape.hidden, shape.hidden, bias=False)

    def forward(self, x: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
        rows, length, hidden = x.shape
        shape = self.shape

        def heads(projected: Tensor, count: int) -> Tensor:
            return projected.view(rows, length, count, shape.head).transpose(1, 2)

        queries = rotate(heads(self.q_proj(x), shape.heads), angles)
        keys = rotate(heads(self.k_proj(x), shape.key_heads), angles)
        values = heads(self.v_proj(x), shape.key_heads)
        group = shape.heads // shape.key_heads
        mixed = functional.scaled_dot_product_attention(
            queries,
            keys.repeat_interleave(group, dim=1),
            values.repeat_interleave(group, dim=1),
            is_causal=True,
        )
        return self.o_proj(mixed.transpose(1, 2).reshape(rows, length, hidden))


class FeedForward(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden, shape.feed_forward, bias=False)
        self.up_proj = nn.Linear(shape.hidden, shape.feed_forward, bias=False)
        self.down_proj = nn.Linear(shape.feed_forward, shape.hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))


def rotations(length: int, head: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines `[length, head]` of RoPE, the two halves of a head being a pair's parts."""
    frequencies = ROPE_THETA ** -(torch.arange(0, head, 2, dtype=torch.float64) / head)
    angles = torch.outer(torch.arange(length, dtype=torch.float64), frequencies)
    both = torch.cat((angles, angles), dim=-1)
    return both.cos().float(), both.sin().float()


def rotate(x: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    cosines, sines = angles
    first, second = x.chunk(2, dim=-1)
    turned = torch.cat((-second, first), dim=-1)
    return x * cosines.to(x.dtype) + turned * sines.to(x.dtype)


def state(decoder: Decoder) -> dict[str, Any]:
    """The weights by their names in a Qwen2 checkpoint; the tied output layer is not repeated."""
    return {name: tensor.detach().contiguous() for name, tensor in decoder.state_dict().items()}
