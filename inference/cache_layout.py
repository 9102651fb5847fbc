"""How vLLM cuts a GPU's memory into blocks of keys, values and recurrent state. Pure arithmetic.

It follows vLLM 0.32 to the block, with prefix caching on:

- Layers of one kind form groups of equal size, and every group takes its blocks from one pool.
- A block of full attention holds `block_tokens` tokens. In a hybrid model it is made just large
  enough to hold one recurrent state, and the state is padded to it.
- A sequence takes `ceil(tokens / block_tokens)` blocks for each group of full attention, and two
  for each group of recurrent layers, whatever its length.
- One block of the pool is never used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from inference.models import Architecture

KvDtype = Literal["auto", "fp8"]

GPU_BLOCK_TOKENS = 16
# A small block loses fewer tokens at the end of what is cached: typing behind 16,000 tokens takes
# 13 ms to the first token with 32, 20 ms with 256 (vLLM's own size is 128).
CPU_BLOCK_TOKENS = 32
# Recurrent layers keep their state at large block borders only: without this size the first repeat
# of a prompt found nothing in the prefix cache.
CPU_BLOCK_TOKENS_RECURRENT = 256
# Kernels' workspaces and the allocator's rounding, on top of what the formula counts.
_ACTIVATION_MARGIN = 1.25
# Copies of the logits, in float32, while sampling.
_LOGIT_COPIES = 4


@dataclass(frozen=True, slots=True)
class CacheLayout:
    """How one GPU's pool is cut. A page is one layer's part of a block."""

    block_tokens: int
    page_bytes: int
    block_bytes: int
    attention_groups: int
    recurrent_groups: int

    def blocks(self, tokens: int) -> int:
        """The blocks that one sequence of so many tokens takes."""
        return self.attention_groups * -(-tokens // self.block_tokens) + self.state_blocks

    @property
    def state_blocks(self) -> int:
        return 2 * self.recurrent_groups

    def largest_context(self, pool: int) -> int:
        """The longest sequence that a pool of so many blocks holds; one block stays unused."""
        usable = pool - 1 - self.state_blocks
        return max(0, usable // self.attention_groups) * self.block_tokens


def kv_bytes_per_layer(arch: Architecture, tensor_parallel_size: int, element_bytes: int) -> int:
    """Keys and values of one token in one layer, on one GPU.

    A GPU keeps at least one head: with more GPUs than heads, heads are stored more than once.
    """
    heads = max(1, arch.kv_heads // tensor_parallel_size)
    return 2 * heads * arch.head_dim * element_bytes


def state_bytes_per_layer(arch: Architecture, tensor_parallel_size: int) -> int:
    """The state of one sequence in one Gated DeltaNet layer, on one GPU.

    The last inputs of the convolution (keys, queries and values; the kernel's length less one), in
    the model's type, and one matrix of key by value dimensions for each value head.
    """
    if arch.recurrent is None:
        return 0
    gdn = arch.recurrent
    channels = 2 * gdn.key_heads * gdn.key_head_dim + gdn.value_heads * gdn.value_head_dim
    convolution = (gdn.conv_kernel - 1) * (channels // tensor_parallel_size) * arch.dtype_bytes
    heads = gdn.value_heads // tensor_parallel_size
    return convolution + heads * gdn.key_head_dim * gdn.value_head_dim * gdn.state_dtype_bytes


def cache_layout(
    arch: Architecture,
    *,
    tensor_parallel_size: int = 1,
    kv_cache_dtype: KvDtype = "auto",
    block_tokens: int = GPU_BLOCK_TOKENS,
) -> CacheLayout:
    """Cut the pool as vLLM does, from the block size it starts with.

    That is 16 tokens on GPUs and 128 on the CPU, unless `block_size` says otherwise.
    """
    element = 1 if kv_cache_dtype == "fp8" else arch.dtype_bytes
    token = kv_bytes_per_layer(arch, tensor_parallel_size, element)
    state = state_bytes_per_layer(arch, tensor_parallel_size)
    full, recurrent = arch.full_attention_layers, arch.recurrent_layers
    if not state or not recurrent:
        page = block_tokens * token
        return CacheLayout(block_tokens, page, full * page, 1, 0)
    block = block_tokens * -(-state // (block_tokens * token))
    # Groups are as large as the rarer kind, unless the kinds are nearly as many.
    few, many = sorted((full, recurrent))
    group = many if many < 1.5 * few else few
    page = block * token
    return CacheLayout(
        block_tokens=block,
        page_bytes=page,
        block_bytes=group * page,
        attention_groups=-(-full // group),
        recurrent_groups=-(-recurrent // group),
    )


def activation_bytes(
    arch: Architecture, *, batched_tokens: int, sequences: int, tensor_parallel_size: int
) -> int:
    """Estimate the peak of one forward pass on one GPU. Not measured here.

    For each token of the largest batch: the residual stream and its copies, the widest mixer (in
    the recurrent layers with its float32 copy) and the feed-forward network or the active experts,
    in 16 bit; then the logits of all sequences. For a 27B sibling on two GPUs it gives 1.8 GiB
    where vLLM reported 1.6.
    """
    hidden = arch.hidden_size
    mixer = (2 * arch.attention_heads + 2 * arch.kv_heads) * arch.head_dim
    if arch.recurrent is not None:
        gdn = arch.recurrent
        keys, values = gdn.key_heads * gdn.key_head_dim, gdn.value_heads * gdn.value_head_dim
        mixer = max(mixer, 3 * (2 * keys + 2 * values))
    if arch.experts is not None:
        feed_forward = arch.experts.active * (3 * arch.experts.intermediate_size + hidden)
    else:
        feed_forward = 3 * arch.intermediate_size
    per_token = 2 * (8 * hidden + (mixer + feed_forward) // tensor_parallel_size)
    logits = sequences * arch.vocabulary * 4 * _LOGIT_COPIES
    return int(_ACTIVATION_MARGIN * (batched_tokens * per_token + logits))
