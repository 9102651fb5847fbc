"""What the planner says of a model, against what vLLM itself says when it has started with it."""

from __future__ import annotations

import json
import re

from inference.cache_layout import CPU_BLOCK_TOKENS, CPU_BLOCK_TOKENS_RECURRENT, cache_layout
from inference.client import InferenceClient
from inference.endpoint import Endpoint
from inference.engines.vllm_arguments import CPU_CACHE_GB
from inference.hardware import GIB
from inference.models import architecture_of
from tests.vllm_log import capacity_tokens
from tests.with_vllm.conftest import MAX_MODEL_LEN, Served

CACHE_SIZE = re.compile(r"KV cache size: ([\d,]+) tokens")


def test_the_cache_that_vllm_logs_is_the_one_that_is_planned_with(served: Served) -> None:
    architecture = architecture_of(json.loads((served.checkpoint / "config.json").read_text()))
    block = CPU_BLOCK_TOKENS_RECURRENT if architecture.recurrent else CPU_BLOCK_TOKENS
    layout = cache_layout(architecture, block_tokens=block)
    pool = int(CPU_CACHE_GB) * GIB // layout.block_bytes

    async def test(client: InferenceClient) -> None:
        assert client.capabilities is not None
        assert client.capabilities.cache_block_tokens == layout.block_tokens
        log = Endpoint.of(served.model, served.engine_args).log_file.read_text()
        logged = {int(size.replace(",", "")) for size in CACHE_SIZE.findall(log)}
        assert logged == {capacity_tokens(layout, pool, MAX_MODEL_LEN)}

    served.run(test)
