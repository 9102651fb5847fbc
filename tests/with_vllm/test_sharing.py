"""Two models on one machine, each served by a host of vLLM that knows of the other."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from inference.client import InferenceClient
from inference.endpoint import RUNTIME_DIR_VARIABLE
from lsp_server.bench.checkpoints import make_dense
from lsp_server.config import Config
from lsp_server.models import Models
from tests.with_vllm.completing import complete, layout_of, lines
from tests.with_vllm.conftest import START_TIMEOUT_S

CACHE_VARIABLE = b"VLLM_CPU_KVCACHE_SPACE="


def cache_gib(pid: int) -> set[int]:
    """What the processes that a host has started were told of their cache."""
    told = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            variables = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if parent == pid:
            told |= {
                int(it.partition(b"=")[2]) for it in variables if it.startswith(CACHE_VARIABLE)
            }
    return told


def test_two_hosts_divide_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUNTIME_DIR_VARIABLE, str(tmp_path / "run"))
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)
    folders = {role: tmp_path / role for role in ("completion", "chat")}
    for folder in folders.values():
        folder.mkdir()
        make_dense(folder)
    config = Config(
        completion_model=f"vllm:{folders['completion']}",
        completion_engine_args={"max_model_len": 1024, "fim_order": "spm"},
        chat_model=f"vllm:{folders['chat']}",
        chat_engine_args={"max_model_len": 2048, "fim_order": "spm"},
    )

    async def run() -> None:
        models = Models(lambda _roles, _status: None)
        models.configure(config)
        try:
            # At once: neither may take for its own what the other takes while it loads.
            chat, completion = models.for_chat(), models.completion
            await asyncio.gather(*(it.wait_ready(START_TIMEOUT_S) for it in (completion, chat)))
            caches = [await share_of(client, context) for client, context in
                      ((completion, 1024), (chat, 2048))]  # fmt: skip
            assert all(caches)
            for client in (completion, chat):
                client.mute()
                client.stop_host()
        finally:
            await models.close()

    async def share_of(client: InferenceClient, context: int) -> set[int]:
        assert client.capabilities is not None
        assert client.capabilities.context_tokens == context
        assert (await complete(client, layout_of(lines(0, 20)))).text
        assert client.host_pid is not None
        return cache_gib(client.host_pid)

    asyncio.run(run())
