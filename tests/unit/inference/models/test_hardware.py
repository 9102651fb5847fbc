"""Reading the vendors' tools, and never failing on what they say."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from inference import hardware
from inference.hardware import (
    GIB,
    Gpu,
    amd_gpus,
    detect,
    memory_limits,
    model_cache,
    nvidia_gpus,
    run_tool,
    visible,
)

MIB = 1 << 20


@pytest.mark.parametrize(
    ("output", "found"),
    [
        (
            "NVIDIA GeForce RTX 4090, 24564, 8.9\n",
            (Gpu("NVIDIA GeForce RTX 4090", 24_564 * MIB, (8, 9)),),
        ),
        (
            "NVIDIA H100 80GB HBM3, 81559, 9.0\nNVIDIA H100 80GB HBM3, 81559, 9.0\n",
            (Gpu("NVIDIA H100 80GB HBM3", 81_559 * MIB, (9, 0)),) * 2,
        ),
        ("A name, with a comma, 8192, 12.0", (Gpu("A name, with a comma", 8192 * MIB, (12, 0)),)),
        ("Tesla K80, 11441, [N/A]", (Gpu("Tesla K80", 11_441 * MIB, None),)),
        ("NVIDIA GB10, [N/A], 12.1", ()),
        ("NVIDIA T4, 0, 7.5", ()),
        ("No devices were found", ()),
        ("", ()),
        (", 1, 2", ()),
    ],
)
def test_nvidia(output: str, found: tuple[Gpu, ...]) -> None:
    assert nvidia_gpus(output) == found


@pytest.mark.parametrize(
    ("output", "found"),
    [
        (
            json.dumps(
                {
                    "card1": {"VRAM Total Memory (B)": "25753026560", "Card Series": "RX 7900"},
                    "card0": {"VRAM Total Memory (B)": "206141652992"},
                    "system": {"Driver version": "6.8"},
                }
            ),
            (Gpu("card0", 206_141_652_992), Gpu("RX 7900", 25_753_026_560)),
        ),
        (json.dumps({"card0": {"VRAM Total Memory (B)": "N/A"}}), ()),
        (json.dumps({"card0": {"VRAM Total Memory (B)": "0"}}), ()),
        (json.dumps({"card0": 3}), ()),
        ("[]", ()),
        ("WARNING: No AMD GPUs specified", ()),
        ("", ()),
    ],
)
def test_amd(output: str, found: tuple[Gpu, ...]) -> None:
    assert amd_gpus(output) == found


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, ["a", "b", "c"]),
        ({"CUDA_VISIBLE_DEVICES": ""}, []),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, []),
        ({"CUDA_VISIBLE_DEVICES": "2,-1,0"}, ["c"]),
        ({"CUDA_VISIBLE_DEVICES": "1,1"}, ["b"]),
        ({"CUDA_VISIBLE_DEVICES": "0", "HIP_VISIBLE_DEVICES": "2"}, ["a"]),
        ({"CUDA_VISIBLE_DEVICES": "1"}, ["b"]),
        ({"CUDA_VISIBLE_DEVICES": "2, 0"}, ["c", "a"]),
        ({"CUDA_VISIBLE_DEVICES": "0,7"}, ["a"]),
        ({"HIP_VISIBLE_DEVICES": "2"}, ["c"]),
        ({"CUDA_VISIBLE_DEVICES": "GPU-8932f937-d72c"}, ["a", "b", "c"]),
    ],
)
def test_only_visible_gpus_count(environment: dict[str, str], found: list[str]) -> None:
    listed = nvidia_gpus("a, 8192, 9.0\nb, 8192, 9.0\nc, 8192, 9.0\n")
    assert [gpu.device for gpu in listed] == [0, 1, 2]
    assert [gpu.name for gpu in visible(listed, environment)] == found


def test_a_machine_is_looked_at_with_both_tools(tmp_path: Path) -> None:
    asked: list[str] = []

    def run(command: tuple[str, ...]) -> str | None:
        asked.append(command[0])
        return "NVIDIA A100, 40960, 8.0" if command[0] == "nvidia-smi" else None

    found = detect(run, {"HF_HUB_CACHE": str(tmp_path / "not" / "yet")})
    assert asked == ["nvidia-smi", "rocm-smi"]
    assert found.gpus == (Gpu("NVIDIA A100", 40 * GIB, (8, 0)),)
    assert found.cores >= 1
    assert found.ram_bytes > 0
    assert found.disk_free_bytes is not None
    assert found.disk_free_bytes > 0


def test_gpus_of_two_vendors_are_not_taken_for_one_another() -> None:
    card = {"card0": {"VRAM Total Memory (B)": "536870912", "Card Series": "Raphael"}}
    answers = {"nvidia-smi": "RTX 4090, 24564, 8.9", "rocm-smi": json.dumps(card)}
    found = detect(lambda command: answers[command[0]], {"CUDA_VISIBLE_DEVICES": "0"})
    assert [gpu.name for gpu in found.gpus] == ["RTX 4090", "Raphael"]


@pytest.mark.parametrize(
    ("files", "limits"),
    [
        ({}, []),
        ({"memory.max": "max\n"}, []),
        ({"memory.max": "8589934592\n"}, [8 * GIB]),
        ({"memory/memory.limit_in_bytes": "4294967296\n"}, [4 * GIB]),
    ],
)
def test_what_a_container_may_use(tmp_path: Path, files: dict[str, str], limits: list[int]) -> None:
    (tmp_path / "memory").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    assert memory_limits(tmp_path) == limits


def test_the_memory_of_a_container_is_what_it_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memory.max").write_text("1048576\n")
    monkeypatch.setattr(hardware, "_CONTROL_GROUPS", tmp_path)
    assert detect(lambda _command: None, {}).ram_bytes == MIB


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"HF_HUB_CACHE": "/a", "HF_HOME": "/b"}, Path("/a")),
        ({"HF_HOME": "/b", "XDG_CACHE_HOME": "/c"}, Path("/b/hub")),
        ({"XDG_CACHE_HOME": "/c"}, Path("/c/huggingface/hub")),
        ({}, Path.home() / ".cache/huggingface/hub"),
    ],
)
def test_where_models_are_kept(environment: dict[str, str], place: Path) -> None:
    assert model_cache(environment) == place


def test_a_tool_that_is_absent() -> None:
    assert run_tool(("sparrow-has-no-such-tool",)) is None


def test_a_tool_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "_TIMEOUT_S", 60.0)
    assert run_tool(("python3", "-c", "print('here')")) == "here\n"


def test_a_tool_that_fails() -> None:
    assert run_tool(("python3", "-c", "raise SystemExit(9)")) is None


def test_a_tool_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "_TIMEOUT_S", 0.2)
    assert run_tool(("python3", "-c", "import time; time.sleep(600)")) is None


def test_a_tool_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*command: Any, **options: Any) -> None:
        raise PermissionError(command, options)

    monkeypatch.setattr(subprocess, "run", refuse)
    assert run_tool(("python3", "-V")) is None
