"""A client of a benchmark's host, beside its editor's or alone."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from inference.client import InferenceClient

READY_TIMEOUT_S = 60.0


@contextlib.asynccontextmanager
async def host_client(model: str) -> AsyncIterator[InferenceClient]:
    """The host ends with it. Its own few bytes are counted too."""
    client = InferenceClient(model, name="benchmark", idle_minutes=1)
    client.start()
    try:
        await client.wait_ready(READY_TIMEOUT_S)
        yield client
    finally:
        client.stop_host()
        await client.close()
