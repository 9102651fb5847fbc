"""What the host of a preset makes sure of before it imports vLLM."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from inference.engines import vllm_presets
from inference.engines.vllm_presets import preset_engine
from inference.errors import EngineFailed
from inference.hardware import GIB, Gpu, Hardware


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "")
    found = [Hardware((Gpu("test", 48 * GIB, (8, 9)),), 64 * GIB, 16)]
    monkeypatch.setattr(vllm_presets, "detect", lambda: found[0])
    return tmp_path


def put(cache: Path, repository: str, revision: str) -> None:
    home = cache / f"models--{repository.replace('/', '--')}"
    snapshot = home / "snapshots" / "c"
    snapshot.mkdir(parents=True)
    (home / "refs").mkdir()
    (home / "refs" / revision).write_text("c")
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (snapshot / name).touch()


def test_a_checkpoint_that_is_not_here_is_told_with_the_command(cache: Path) -> None:
    with pytest.raises(EngineFailed) as caught:
        preset_engine("qwen3.6-35b-a3b", {})
    assert caught.value.message == (
        "qwen3.6-35b-a3b-fp8 is not on this machine yet, or not all of it"
    )
    assert caught.value.hint == "Download it: sparrow download qwen3.6-35b-a3b-fp8"

    put(cache, "Qwen/Qwen3.6-35B-A3B-FP8", "v2")
    with pytest.raises(EngineFailed):
        preset_engine("qwen3.6-35b-a3b", {})
    assert preset_engine("qwen3.6-35b-a3b", {"revision": "v2"}).name == "vllm"


@pytest.mark.usefixtures("cache")
def test_a_preset_that_does_not_fit_is_told_with_one_that_does() -> None:
    with pytest.raises(EngineFailed) as caught:
        preset_engine("qwen3.6-35b-a3b-bf16", {})
    assert "it lacks 22.9 GiB of memory" in caught.value.message
    assert caught.value.hint.endswith("sparrow serve --model qwen3.6-35b-a3b-fp8")


def test_variables_that_are_set_stay(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_presets, "detect", lambda: Hardware((), 64 * GIB, 16))
    put(cache, "Qwen/Qwen2.5-Coder-0.5B", "main")
    preset_engine("qwen2.5-coder-0.5b", {})
    assert os.environ["VLLM_CPU_KVCACHE_SPACE"] == ""
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE")
    preset_engine("qwen2.5-coder-0.5b", {})
    assert int(os.environ["VLLM_CPU_KVCACHE_SPACE"]) > 0
