"""What a host of vLLM makes of a neighbour: its share, its GPUs, and its turn to load."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from inference.division import Share
from inference.endpoint import RUNTIME_DIR_VARIABLE, Endpoint
from inference.engines import vllm_presets, vllm_sharing
from inference.engines.vllm_presets import checkpoint_engine, preset_engine
from inference.engines.vllm_sharing import Neighbour, environment_of, read, share
from inference.errors import EngineFailed, UnknownModel
from inference.hardware import GIB, Gpu, Hardware
from inference.models import preset
from inference.variants import candidates
from tests.unit.inference.models.machines import write_checkpoint

SMALL, LARGE = "qwen2.5-coder-1.5b", "qwen3.6-35b-a3b-gptq"


def machine(*gib: float) -> Hardware:
    gpus = tuple(Gpu("test", int(it * GIB), (9, 0), number) for number, it in enumerate(gib))
    return Hardware(gpus, 64 * GIB, 16)


def beside(role: str, model: str, **engine_args: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"role": role, "model": model}
    return {"shares_gpu_with": told | ({"engine_args": engine_args} if engine_args else {})}


@pytest.mark.parametrize(
    ("given", "neighbour", "own"),
    [
        ({}, None, {}),
        ({"max_model_len": 4096}, None, {"max_model_len": 4096}),
        (beside("chat", LARGE), Neighbour("chat", LARGE, {}), {}),
        (
            {"seed": 1, **beside("completion", SMALL, max_model_len=4096)},
            Neighbour("completion", SMALL, {"max_model_len": 4096}),
            {"seed": 1},
        ),
    ],
)
def test_the_neighbour_is_taken_off(
    given: Mapping[str, Any], neighbour: Neighbour | None, own: dict[str, Any]
) -> None:
    assert read(given) == (neighbour, own)
    assert "shares_gpu_with" not in own


@pytest.mark.parametrize(
    "told",
    [
        "qwen2.5-coder-1.5b",
        {},
        {"role": "chat"},
        {"role": "agent", "model": "m"},
        {"role": "chat", "model": 5},
        {"role": "chat", "model": "m", "engine_args": []},
        {"role": "chat", "model": "m", "gpu": 0},
        [],
    ],
)
def test_a_neighbour_that_is_none_is_refused(told: Any) -> None:
    with pytest.raises(EngineFailed, match="`shares_gpu_with` is an object such as"):
        read({"shares_gpu_with": told})


def both(
    hardware: Hardware, completion: Mapping[str, Any], chat: Mapping[str, Any]
) -> list[Share | None]:
    """The share that each host works out for itself."""
    return [
        share(SMALL, completion, Neighbour("chat", LARGE, chat), hardware),
        share(LARGE, chat, Neighbour("completion", SMALL, completion), hardware),
    ]


def test_both_hosts_come_to_the_same_division() -> None:
    small, large = both(machine(48), {}, {"max_model_len": 65_536})
    assert small is not None
    assert large is not None
    assert (small.tenant.name, large.tenant.name) == (SMALL, LARGE)
    used = [it.plan.engine_args["gpu_memory_utilization"] for it in (small, large)]
    assert used == [0.17, 0.71]
    assert large.plan.context == 65_536


def test_the_name_of_a_family_is_the_variant_that_fits_beside_the_other() -> None:
    alone = candidates("qwen3.6-35b-a3b", machine(48))
    assert alone[0].bits == 16
    found = share("qwen3.6-35b-a3b", {}, Neighbour("completion", SMALL, {}), machine(48))
    assert found is not None
    assert found.tenant.name == "qwen3.6-35b-a3b-awq"


def test_what_does_not_fit_is_told_with_sizes_and_what_to_do() -> None:
    with pytest.raises(EngineFailed) as caught:
        both(machine(24), {}, {})
    assert caught.value.message == (
        "two models do not fit this machine together (test (24.0 GiB), 64 GiB of memory, 16 cores):"
        " qwen2.5-coder-1.5b (completion) has 2.9 GiB of weights, qwen3.6-35b-a3b-gptq (chat) has"
        " 21.0 GiB of weights, and 6.5 GiB are missing"
    )
    assert "empty `sparrow.chat.model`" in caught.value.hint
    assert "sparrow plan --completion MODEL --chat MODEL" in caught.value.hint


def test_who_divides_by_hand_does_so_for_both() -> None:
    by_hand = {"gpu_memory_utilization": 0.4}
    assert both(machine(24), by_hand, by_hand) == [None, None]
    for completion, chat in ((by_hand, {}), ({}, by_hand)):
        with pytest.raises(EngineFailed, match="is set for one of") as caught:
            both(machine(80), completion, chat)
        assert "of both, or of neither" in caught.value.hint


def test_a_neighbour_that_takes_no_gpu_is_refused() -> None:
    with pytest.raises(UnknownModel):
        share(SMALL, {}, Neighbour("chat", "openai:http://a", {}), machine(48))
    with pytest.raises(UnknownModel):
        share(SMALL, {}, Neighbour("chat", "suffix", {}), machine(48))


@pytest.mark.parametrize(
    ("set_before", "expected"),
    [
        ({}, {"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}),
        ({"CUDA_VISIBLE_DEVICES": "0,1"}, {"CUDA_VISIBLE_DEVICES": "1"}),
        ({"HIP_VISIBLE_DEVICES": "0,1"}, {"HIP_VISIBLE_DEVICES": "1"}),
    ],
)
def test_a_host_sees_its_own_gpus_alone(
    set_before: dict[str, str], expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in set_before.items():
        monkeypatch.setenv(name, value)
    small, _ = both(machine(80, 80), {}, {})
    assert small is not None
    assert environment_of(small, machine(80, 80)) == expected
    (alone, _) = both(machine(80), {}, {})
    assert alone is not None
    assert environment_of(alone, machine(80)) == {}


class TestEngines:
    @pytest.fixture
    def cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
        monkeypatch.setattr(vllm_presets, "detect", lambda: machine(48))
        for name in (SMALL, LARGE):
            repository = preset(name).repository
            snapshot = tmp_path / f"models--{repository.replace('/', '--')}" / "snapshots" / "main"
            snapshot.mkdir(parents=True)
            for file in ("config.json", "tokenizer.json", "model.safetensors"):
                (snapshot / file).touch()
        return tmp_path

    @pytest.mark.usefixtures("cache")
    def test_a_preset_starts_with_its_share(self) -> None:
        engine = preset_engine(SMALL, {"seed": 7, **beside("chat", LARGE)})
        assert isinstance(engine, vllm_sharing.SharingEngine)
        assert engine._engine_args["gpu_memory_utilization"] == 0.17
        assert (engine._engine_args["max_model_len"], engine._engine_args["seed"]) == (32_768, 7)
        assert "shares_gpu_with" not in engine._engine_args
        chat = preset_engine(LARGE, beside("completion", SMALL))
        assert chat._engine_args["gpu_memory_utilization"] == 0.71

    @pytest.mark.usefixtures("cache")
    def test_a_division_by_hand_is_left_as_it_is(self) -> None:
        by_hand = {"gpu_memory_utilization": 0.3}
        engine = preset_engine(SMALL, {**by_hand, **beside("chat", LARGE, **by_hand)})
        assert engine._engine_args["gpu_memory_utilization"] == 0.3
        assert isinstance(engine, vllm_sharing.SharingEngine)

    def test_a_checkpoint_is_planned_by_its_own_configuration(
        self, cache: Path, tmp_path: Path
    ) -> None:
        folder = tmp_path / "tuned"
        folder.mkdir()
        write_checkpoint(folder, 1_000_000_000)
        assert cache.is_dir()
        engine = checkpoint_engine(str(folder), beside("chat", LARGE))
        assert engine._engine_args["max_model_len"] == 16_384
        own = engine._engine_args["gpu_memory_utilization"]
        chat = preset_engine(LARGE, beside("completion", f"vllm:{folder}"))
        assert own + chat._engine_args["gpu_memory_utilization"] <= 0.9
        assert "max_model_len" not in checkpoint_engine(str(folder), {})._engine_args

        write_checkpoint(folder, model_type="llama")
        with pytest.raises(EngineFailed, match="'llama' is not known") as caught:
            checkpoint_engine(str(folder), beside("chat", LARGE))
        assert "set `gpu_memory_utilization` in the engine arguments of both" in caught.value.hint

    @pytest.mark.usefixtures("cache")
    def test_a_neighbour_that_is_not_here_is_told_with_the_command(self) -> None:
        with pytest.raises(EngineFailed, match="the machine cannot be divided") as caught:
            preset_engine(SMALL, beside("chat", "vllm:org/absent"))
        assert caught.value.hint == "Download it: sparrow download org/absent"


def test_one_host_loads_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUNTIME_DIR_VARIABLE, str(tmp_path))
    monkeypatch.setattr(vllm_sharing, "_POLL_S", 0.0)
    assert Endpoint.of("").directory == tmp_path

    async def run() -> None:
        loaded: list[str] = []
        waits = asyncio.Event()

        def report(message: str, _: float | None) -> None:
            assert "other model" in message
            waits.set()

        async def load() -> None:
            async with vllm_sharing._turn(report):
                loaded.append("second")

        with FileLock(tmp_path / vllm_sharing._LOCK_FILE):
            task = asyncio.create_task(load())
            await waits.wait()
            for _ in range(5):
                await asyncio.sleep(0)
            loaded.append("first")
        await task
        assert loaded == ["first", "second"]

    asyncio.run(run())
