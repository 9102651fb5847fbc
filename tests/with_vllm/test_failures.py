"""What becomes of vLLM's processes when one of them goes, and of arguments that it does not know."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from inference.client import ClientState, InferenceClient
from inference.engines.vllm import VllmEngine
from inference.errors import EngineFailed
from tests.with_vllm.completing import complete, layout_of, lines
from tests.with_vllm.conftest import START_TIMEOUT_S, Served

GONE_WITHIN_S = 60.0


def children(pid: int) -> list[int]:
    """The processes below one, from `/proc`; those that have ended do not count."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                found += [int(entry.name), *children(int(entry.name))]
    return found


async def until_gone(pids: list[int]) -> None:
    async with asyncio.timeout(GONE_WITHIN_S):
        while any(_is_alive(pid) for pid in pids):  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0.05)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def until_state(client: InferenceClient, state: ClientState) -> None:
    async with asyncio.timeout(START_TIMEOUT_S):
        while client.status.state is not state:  # noqa: ASYNC110 - told in a callback
            await asyncio.sleep(0.05)


def test_deaths(served_alone: Served) -> None:
    """In one test, since each start of an engine takes long."""

    async def test(client: InferenceClient) -> None:
        layout = layout_of(lines(0, 20))
        before = (await complete(client, layout)).text

        # The engine dies: the host says so and ends, and the client starts another.
        first = client.host_pid
        assert first is not None
        processes = children(first)
        assert processes
        for pid in processes:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(EngineFailed, match="died"):
            await complete(client, layout)
        await until_gone([first])
        await until_state(client, ClientState.READY)
        assert client.host_pid != first
        assert (await complete(client, layout)).text == before

        # The host is killed: nothing of vLLM stays behind.
        second = client.host_pid
        assert second is not None
        processes = children(second)
        os.kill(second, signal.SIGKILL)
        await until_gone([second, *processes])

    served_alone.run(test)


@pytest.mark.filterwarnings("ignore")  # vLLM's own, which is imported here
@pytest.mark.parametrize(
    ("engine_args", "sentence"),
    [
        ({"max_modellen": 1}, "max_modellen"),
        ({"fim_order": "sideways"}, "`psm` or `spm`"),
        ({"dtype": "float8"}, r"dtype='float8': Input should be .*'bfloat16'"),
    ],
)
def test_an_argument_that_is_none_is_named(
    tmp_path: Path, engine_args: dict[str, object], sentence: str
) -> None:
    async def load() -> None:
        await VllmEngine(str(tmp_path), engine_args).load(lambda _message, _progress: None)

    with pytest.raises(EngineFailed, match=sentence):
        asyncio.run(load())
