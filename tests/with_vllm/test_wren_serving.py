"""wren's packaged checkpoint on real vLLM, beside the graphs that Sparrow's own engine runs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from inference.engines.wren_package import GRAPH, WEIGHTS
from inference.wren import graph
from inference.wren.evaluation import logits_of
from inference.wren.export import CHECKPOINT, read_checkpoint
from inference.wren.shape import Shape
from tests.with_vllm import likeliest_tokens

PROMPTS = 50
PROMPT_TOKENS = 192
ROOT = Path(__file__).parents[2]
FULL_AGREEMENT, SMALL_AGREEMENT = 0.99, 0.95


@pytest.fixture(scope="module")
def prompts() -> list[list[int]]:
    """Stretches of this repository's own code, in the order that wren is asked in."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(WEIGHTS / CHECKPOINT / "tokenizer.json"))
    files = sorted((ROOT / "inference").rglob("*.py")) + sorted((ROOT / "lsp_server").rglob("*.py"))
    made = []
    for file in files[:: len(files) // (2 * PROMPTS)]:
        text = file.read_text(encoding="utf-8")
        middle = len(text) // 2
        spelled = (
            f"<|fim_prefix|><|fim_suffix|>{text[middle : middle + 200]}"
            f"<|fim_middle|>{text[max(0, middle - 600) : middle]}"
        )
        ids = tokenizer.encode(spelled).ids
        if len(ids) >= PROMPT_TOKENS:
            made.append(ids[:PROMPT_TOKENS])
    step = len(made) / PROMPTS
    assert step >= 1
    return [made[int(step * number)] for number in range(PROMPTS)]


@pytest.fixture(scope="module")
def of_vllm(prompts: list[list[int]], tmp_path_factory: pytest.TempPathFactory) -> list[list[int]]:
    """The token that vLLM finds likeliest behind each of a prompt's tokens but the last.

    In a process of its own: vLLM brings warnings along, which are errors here.
    """
    folder = tmp_path_factory.mktemp("likeliest")
    asked, told = folder / "prompts.json", folder / "likeliest.json"
    asked.write_text(json.dumps(prompts))
    command = [sys.executable, "-m", likeliest_tokens.__name__]
    done = subprocess.run(
        [*command, str(WEIGHTS / CHECKPOINT), str(asked), str(told)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    found: list[list[int]] = json.loads(told.read_text())
    return found


def test_the_full_graph_agrees(
    of_vllm: list[list[int]], prompts: list[list[int]], tmp_path: Path
) -> None:
    shape, weights = read_checkpoint(WEIGHTS / CHECKPOINT)
    path = tmp_path / "full.onnx"
    path.write_bytes(graph.build(shape, weights).SerializeToString())
    assert agreement(path, shape, prompts, of_vllm) >= FULL_AGREEMENT


def test_the_graph_in_8_bits_agrees(of_vllm: list[list[int]], prompts: list[list[int]]) -> None:
    shape, _ = read_checkpoint(WEIGHTS / CHECKPOINT)
    assert agreement(WEIGHTS / GRAPH, shape, prompts, of_vllm) >= SMALL_AGREEMENT


def agreement(
    path: Path, shape: Shape, prompts: Sequence[list[int]], of_vllm: Sequence[list[int]]
) -> float:
    """The share of positions at which a graph finds the same token likeliest as vLLM."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    same = [
        logits_of(session, shape, np.array(ids[:-1], dtype=np.int64)).argmax(-1) == expected
        for ids, expected in zip(prompts, of_vllm, strict=True)
    ]
    return float(np.mean(same))
