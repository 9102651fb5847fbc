"""One host on the GPU for each precision of the flagship, shared by all tests of that precision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.gpu.flagship import make_flagship
from tests.with_vllm.conftest import ENGINE_ARGS, Served, serve_checkpoint

PRECISIONS: Mapping[str, Mapping[str, Any]] = {"16 bit": {}, "8 bit": {"quantization": "fp8"}}


@pytest.fixture(scope="module", params=PRECISIONS)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("flagship")
    engine_args = {**ENGINE_ARGS, "load_format": "dummy", **PRECISIONS[request.param]}
    yield from serve_checkpoint(make_flagship(folder / "checkpoint"), folder / "run", engine_args)
