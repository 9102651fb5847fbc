"""The steps of `make wren` as commands: what one writes the next one reads."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from inference.wren.cli import main
from inference.wren.corpus import SourceFile
from tests.tiny_wren import TEXT


def test_a_vocabulary_is_learnt_and_rows_are_drawn_by_it(tmp_path: Path) -> None:
    corpus, tokenizer, rows = tmp_path / "corpus.jsonl", tmp_path / "tokenizer", tmp_path / "rows"
    files = [SourceFile("one/code", f"{it}.py", "python", it == "b", TEXT) for it in "ab"]
    corpus.write_text("".join(json.dumps(asdict(it)) + "\n" for it in files))

    def step(*words: str) -> None:
        done = CliRunner().invoke(main, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output

    step("tokenizer", "--corpus", str(corpus), "--out", str(tokenizer), "--vocabulary", "320")
    folders = ("--corpus", str(corpus), "--tokenizer", str(tokenizer), "--out", str(rows))
    step("data", *folders, "--rows", "64x3", "--validation", "32x2")
    assert np.load(rows / "train-64.npy").shape == (3, 65)
    assert np.load(rows / "held-out-32.npy").shape == (2, 33)
