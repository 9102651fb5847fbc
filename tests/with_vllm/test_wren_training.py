"""The training of wren at toy size; here, since this environment has torch."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inference.wren import tokenizer
from inference.wren.corpus import SourceFile
from inference.wren.decoder import Decoder, state
from inference.wren.evaluation import answers
from inference.wren.export import read_checkpoint, write_checkpoint
from inference.wren.optimizer import orthogonalized
from inference.wren.row_sources import RowFiles, RowStream
from inference.wren.sequences import Sequences
from inference.wren.shape import Shape
from inference.wren.training import LAST, STABLE, Recipe, Stage, load_decoder, scale, train
from tests import tiny_wren
from tests.tiny_wren import SHAPE, TEXT

LENGTH = 32


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Rows that count upwards from anywhere: learnt in a few steps."""
    starts = np.random.default_rng(0).integers(0, 100, (64, 1))
    path = tmp_path / "train-32.npy"
    np.save(path, ((starts + np.arange(LENGTH + 1)) % 100 + 10).astype(np.uint16))
    return path


def loaded(weights: dict[str, Any]) -> Decoder:
    decoder = Decoder(SHAPE)
    decoder.load_state_dict({name: torch.from_numpy(it) for name, it in weights.items()})
    decoder.eval()
    return decoder


def test_the_decoder_is_qwen2(tmp_path: Path) -> None:
    from transformers import AutoTokenizer, Qwen2ForCausalLM

    made = tokenizer.train(iter([TEXT]), SHAPE.vocabulary)
    tokenizer.save(made, tmp_path / "tokenizer")
    # As 16 bits hold them, which is what a checkpoint is written in.
    weights = {
        name: it.astype(np.float16).astype(np.float32)
        for name, it in tiny_wren.random_weights().items()
    }
    write_checkpoint(SHAPE, weights, tmp_path / "tokenizer", tmp_path / "checkpoint")
    theirs = Qwen2ForCausalLM.from_pretrained(tmp_path / "checkpoint", dtype=torch.float32)
    ids = [int(it) for it in np.random.default_rng(1).integers(0, SHAPE.vocabulary, 40)]
    with torch.no_grad():
        ours = loaded(weights)(torch.tensor([ids]))[0].numpy()
        expected = theirs(torch.tensor([ids])).logits[0].numpy()
    np.testing.assert_allclose(ours, expected, atol=1e-3)
    np.testing.assert_allclose(ours, tiny_wren.reference_logits(ids, weights), atol=1e-3)
    shape, read = read_checkpoint(tmp_path / "checkpoint")
    assert shape == SHAPE
    assert read.keys() == weights.keys()
    assert all((read[name] == it).all() for name, it in weights.items())
    known = AutoTokenizer.from_pretrained(tmp_path / "checkpoint")
    assert known("def read(path):")["input_ids"] == made.encode("def read(path):").ids
    assert known.eos_token_id == tokenizer.SPECIAL.index(tokenizer.END)


def test_a_run_learns_stops_and_goes_on(rows: Path, tmp_path: Path) -> None:
    shape = Shape(128, hidden=32, layers=1, heads=2, key_heads=1, feed_forward=32, context=64)
    folder = tmp_path / "run"
    lines: list[str] = []
    ticks = itertools.count()  # a step takes a hundredth of a second

    def run(seconds: float, *, from_stable: bool = False) -> list[dict[str, float]]:
        train(
            shape,
            RowFiles(rows.parent),
            [Stage(LENGTH, 1.0)],
            Recipe(seconds, batch_tokens=8 * LENGTH, matrix_rate=0.05, rate=0.02, checkpoint_s=0.1),
            validation=rows,
            folder=folder,
            report=lines.append,
            from_stable=from_stable,
            clock=lambda: next(ticks) / 100,
        )
        return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]

    first = run(1.0)
    assert first[-1]["held_out"] < 1.0 < first[0]["train"]
    assert "tokens" in lines[-1]
    assert "</svg>" in (folder / "loss.svg").read_text()
    stable = torch.load(folder / STABLE, weights_only=True)["progress"]
    assert 0.5 <= stable["seconds"] < 1.0
    assert run(1.0)[-1]["step"] == first[-1]["step"]  # no time is left
    more = run(1.3)
    assert more[-1]["step"] > first[-1]["step"]
    assert torch.load(folder / LAST, weights_only=True)["progress"]["rows_read"] == {
        LENGTH: 8 * more[-1]["step"]
    }
    again = run(stable["seconds"] + 0.2, from_stable=True)
    assert stable["step"] < again[-1]["step"]
    loaded_again = load_decoder(folder / LAST)
    assert sum(it.numel() for it in state(loaded_again).values()) == shape.parameters


def test_rows_are_drawn_while_a_run_reads_them() -> None:
    made = tokenizer.train(iter([TEXT]), SHAPE.vocabulary)
    files = [
        SourceFile("one/code", f"{name}.py", "python", held_out=False, text=TEXT) for name in "ab"
    ]
    stream = RowStream(Sequences(files, made, made.token_to_id), workers=2, seed=1)

    def read(first: int) -> list[list[list[int]]]:
        batches = stream.batches(LENGTH, 4, first)
        return [next(batches).tolist() for _ in range(3)]

    drawn = read(0)
    assert all(len(batch) == 4 for batch in drawn)
    assert {len(row) for batch in drawn for row in batch} == {LENGTH + 1}
    assert max(max(row) for batch in drawn for row in batch) < SHAPE.vocabulary
    assert len({str(batch) for batch in drawn}) == 3  # the processes draw other rows
    assert read(0) == drawn
    assert read(12) != drawn  # a resumed run reads on


def test_the_rate_rises_stays_and_falls() -> None:
    recipe = Recipe(100.0, warm_up=0.1, fall_from=0.5)
    rates = [scale(share, recipe) for share in (0.0, 0.05, 0.1, 0.5, 0.75, 1.0)]
    assert rates == pytest.approx([0.02, 0.5, 1.0, 1.0, 0.5, 0.0])


def test_muon_makes_singular_values_alike() -> None:
    matrices = torch.randn(3, 16, 40, generator=torch.Generator().manual_seed(0))
    for turned in (matrices, matrices.mT):
        values = torch.linalg.svdvals(orthogonalized(turned))
        assert float(values.min()) > 0.5
        assert float(values.max()) < 1.5


def test_answers_are_marked() -> None:
    rows = np.array([[3, 9, 2, 7, 8, 0, 5, 2, 6, 6]])
    assert answers(rows, 2, 0).astype(int).tolist() == [[0, 0, 0, 1, 1, 1, 0, 0, 1, 1]]
