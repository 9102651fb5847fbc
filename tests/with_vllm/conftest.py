"""One host on real vLLM for each shape of model, shared by all tests of that shape."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from inference.client import InferenceClient
from inference.endpoint import RUNTIME_DIR_VARIABLE
from lsp_server.bench.checkpoints import make_dense, make_hybrid
from tests.with_vllm import toy_model

MAX_MODEL_LEN = 4096
SLOTS = 4
START_TIMEOUT_S = 240.0
ENGINE_ARGS: Mapping[str, Any] = {
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
    engine_args: Mapping[str, Any] = field(default_factory=lambda: ENGINE_ARGS)

    @property
    def model(self) -> str:
        return f"vllm:{self.checkpoint}"

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[InferenceClient]:
        client = InferenceClient(
            self.model, name="test", idle_minutes=10, engine_args=self.engine_args
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
    folder = tmp_path_factory.mktemp("served")
    yield from serve_checkpoint(request.param(_new(folder / "checkpoint")), folder / "run")


@pytest.fixture
def served_alone(tmp_path: Path) -> Iterator[Served]:
    """A dense checkpoint on a host that the test may kill."""
    yield from serve_checkpoint(make_dense(_new(tmp_path / "checkpoint")), tmp_path / "run")


@pytest.fixture(scope="module")
def toy_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Models of the toy language by the order that each was trained on, all trained at once."""
    folder = tmp_path_factory.mktemp("toys")
    trainings = [
        subprocess.Popen([sys.executable, "-m", toy_model.__name__, order, str(folder / order)])
        for order in toy_model.PROMPTS
    ]
    assert [training.wait() for training in trainings] == [0] * len(trainings)
    return {order: folder / order for order in toy_model.PROMPTS}


@pytest.fixture
def toy(
    request: pytest.FixtureRequest, toy_checkpoints: dict[str, Path], tmp_path: Path
) -> Iterator[Served]:
    """A model of the toy language, by its order; no argument says which that is."""
    engine_args = {name: value for name, value in ENGINE_ARGS.items() if name != "fim_order"}
    yield from serve_checkpoint(toy_checkpoints[request.param], tmp_path / "run", engine_args)


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def serve_checkpoint(
    checkpoint: Path, runtime: Path, engine_args: Mapping[str, Any] = ENGINE_ARGS
) -> Iterator[Served]:
    before = os.environ.get(RUNTIME_DIR_VARIABLE)
    os.environ[RUNTIME_DIR_VARIABLE] = str(runtime)
    served = Served(checkpoint, runtime, engine_args)

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
