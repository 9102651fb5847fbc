"""Which inference client serves which role; one client for each distinct model."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from inference.client import ClientStatus, InferenceClient
from lsp_server.config import Config


class Models:
    """Follows the configuration: a model that it no longer names loses its client."""

    def __init__(self, on_status: Callable[[ClientStatus], None]) -> None:
        self._on_status = on_status
        self._completion: InferenceClient | None = None
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def completion(self) -> InferenceClient:
        if self._completion is None:
            raise RuntimeError("configure has not been called yet")
        return self._completion

    def configure(self, config: Config) -> None:
        """Starts a client for the configured model, unless it runs already. Needs a loop."""
        current = self._completion
        if current is not None:
            if current.serves(config.completion_model, config.completion_engine_args):
                current.idle_minutes = config.host_idle_minutes
                return
            self._close(current)
        self._completion = InferenceClient(
            config.completion_model,
            name=f"language server {os.getpid()}",
            idle_minutes=config.host_idle_minutes,
            engine_args=config.completion_engine_args,
            on_status=self._on_status,
        )
        self._completion.start()

    async def close(self) -> None:
        if self._completion is not None:
            self._close(self._completion)
            self._completion = None
        await asyncio.gather(*self._closing)

    def _close(self, client: InferenceClient) -> None:
        client.mute()
        task = asyncio.create_task(client.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
