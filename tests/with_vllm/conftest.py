"""One host on real vLLM for each shape of model, shared by all tests of that shape."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from inference.client import InferenceClient
from inference.endpoint import RUNTIME_DIR_VARIABLE
from lsp_server.bench.checkpoints import make_dense, make_hybrid

MAX_MODEL_LEN = 4096
SLOTS = 4
START_TIMEOUT_S = 240.0
ENGINE_ARGS = {
    "max_model_len": MAX_MODEL_LEN,
    "max_num_seqs": SLOTS,
    # Random weights know no order; what tells one is tested on its own.
    "fim_order": "spm",
}


@dataclass(frozen=True)
class Served:
    """A checkpoint behind a host of its own."""

    checkpoint: Path
    runtime: Path

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[InferenceClient]:
        client = InferenceClient(
            f"vllm:{self.checkpoint}", name="test", idle_minutes=10, engine_args=ENGINE_ARGS
        )
        client.start()
        try:
            await client.wait_ready(START_TIMEOUT_S)
            yield client
        finally:
            await client.close()

    def run(self, test: Callable[[InferenceClient], Awaitable[None]]) -> None:
        """Runs a test with a client of its own."""

        async def body() -> None:
            async with self.client() as client:
                await test(client)

        asyncio.run(body())


@pytest.fixture(scope="session", params=[make_dense, make_hybrid], ids=["dense", "hybrid"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    yield from _serve(request.param, tmp_path_factory.mktemp("served"))


@pytest.fixture
def served_alone(tmp_path: Path) -> Iterator[Served]:
    """A dense checkpoint on a host that the test may kill."""
    yield from _serve(make_dense, tmp_path)


def _serve(make: Callable[[Path], Path], folder: Path) -> Iterator[Served]:
    runtime = folder / "run"
    before = os.environ.get(RUNTIME_DIR_VARIABLE)
    os.environ[RUNTIME_DIR_VARIABLE] = str(runtime)
    (folder / "checkpoint").mkdir()
    served = Served(make(folder / "checkpoint"), runtime)

    async def stop(client: InferenceClient) -> None:
        client.mute()
        client.stop_host()

    try:
        yield served
        served.run(stop)
    finally:
        if before is None:
            del os.environ[RUNTIME_DIR_VARIABLE]
        else:
            os.environ[RUNTIME_DIR_VARIABLE] = before
