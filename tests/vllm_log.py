"""What vLLM logs of its cache, as it follows from the layout that the planner has of that cache."""

from __future__ import annotations

from inference.cache_layout import CacheLayout, state_bytes_per_layer
from inference.models import Architecture


def capacity_tokens(layout: CacheLayout, pool: int, max_model_len: int) -> int:
    """The "KV cache size" of so many blocks: vLLM's concurrency times the length of a request."""
    return int(pool / layout.blocks(max_model_len) * max_model_len)


def padding_percent(layout: CacheLayout, architecture: Architecture) -> float:
    """By how much, on one GPU, a page is larger than the state of a recurrent layer in it."""
    state = state_bytes_per_layer(architecture, 1)
    return round(100 * (layout.page_bytes / state - 1), 2) if state else 0.0
