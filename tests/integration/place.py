"""The folders of one test: a workspace, and where its hosts run, of which none outlives it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.client import InferenceClient
from inference.endpoint import RUNTIME_DIR_VARIABLE
from lsp_server.user_folders import DATA_DIR_VARIABLE
from lsp_server.workspace.store_file import CACHE_DIR_VARIABLE

PATIENCE_S = 40.0  # a bound for machines under load, not a time that anything should take


@dataclass
class Place:
    """Folders of one test: a workspace, and a runtime folder with a short path for its sockets."""

    folder: Path
    runtime: Path

    def script(self, *rules: Mapping[str, Any], **options: Any) -> str:
        """The name of a scripted model, which is the same for the same script."""
        script = json.dumps({"rules": rules, **options})
        file = (
            self.runtime / f"script-{hashlib.blake2b(script.encode(), digest_size=4).hexdigest()}"
        )
        file.write_text(script)
        return f"scripted:{file}"

    def environment(self, **more: str) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return {
            **inherited,
            RUNTIME_DIR_VARIABLE: str(self.runtime),
            CACHE_DIR_VARIABLE: str(self.runtime / "cache"),
            DATA_DIR_VARIABLE: str(self.runtime / "data"),
            **more,
        }

    def host_pids(self) -> list[int]:
        """The hosts that run with this runtime folder."""
        wanted = f"{RUNTIME_DIR_VARIABLE}={self.runtime}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                arguments = (process / "cmdline").read_bytes().split(b"\0")
                environment = (process / "environ").read_bytes().split(b"\0")
                if b"serve" in arguments and wanted in environment:
                    found.append(int(process.name))
        return found

    async def hosts(self, count: int) -> list[int]:
        """Those that run, once there are so many.

        One that was told to end, or that has found another, takes a moment to be gone.
        """
        async with asyncio.timeout(PATIENCE_S):
            while len(pids := self.host_pids()) != count:  # noqa: ASYNC110 - the kernel tells nobody
                await asyncio.sleep(0.01)
        return pids

    def kill_hosts(self) -> None:
        for pid in self.host_pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    @contextlib.asynccontextmanager
    async def inference_client(self, model: str) -> AsyncIterator[InferenceClient]:
        """A client beside the server's own; `inherited` runtime folders must be this place's."""
        client = InferenceClient(model, name="the test", idle_minutes=1)
        client.start()
        try:
            await client.wait_ready(PATIENCE_S)
            yield client
        finally:
            await client.close()


@contextlib.contextmanager
def place() -> Iterator[Place]:
    """A workspace and a runtime folder, which this process uses as well; no host outlives it."""
    scratch = Path(tempfile.mkdtemp(prefix="sparrow-test-"))
    folder, runtime = scratch / "workspace", scratch / "run"
    folder.mkdir()
    runtime.mkdir(mode=0o700)
    before = os.environ.get(RUNTIME_DIR_VARIABLE)
    os.environ[RUNTIME_DIR_VARIABLE] = str(runtime)
    made = Place(folder, runtime)
    try:
        yield made
    finally:
        made.kill_hosts()
        if before is None:
            del os.environ[RUNTIME_DIR_VARIABLE]
        else:
            os.environ[RUNTIME_DIR_VARIABLE] = before
        shutil.rmtree(scratch, ignore_errors=True)
