from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from inference.engines.token_prompts import TokenPrompts
from inference.engines.wren import _BareTokenizer
from inference.formats.fim import FimOrder
from inference.prompt import Prompt, PromptLayout, PromptSection
from inference.protocol import Role, Tail
from inference.wren import tokenizer
from inference.wren.corpus import SourceFile
from inference.wren.infilling import infilling
from inference.wren.loss_plot import plot
from inference.wren.related_files import Repository
from inference.wren.sequences import Rows, Sequences, write
from inference.wren.shape import Shape
from tests.tiny_wren import TEXT


def source(path: str, text: str = TEXT, language: str = "python") -> SourceFile:
    return SourceFile("one/code", path, language, held_out=False, text=text)


FILES = [
    source("code/a.py", "from . import b\nfrom code.deep import thing\nimport os\n" + TEXT),
    source("code/b.py", "VALUE = 1\n" + TEXT * 3),
    source("code/deep/__init__.py", "def thing():\n    return 1\n" * 20),
    source("code/deep/c.py", "from ..b import VALUE\n" + TEXT),
    source("web/app.ts", "import { x } from './lib/x';\n" + TEXT, "typescript"),
    source("web/lib/x.ts", "export const x = 1;\n" + TEXT, "typescript"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save(tokenizer.train(iter([file.text for file in FILES]), 400), made)
    return made


def sequences(folder: Path) -> Sequences:
    path = folder / "tokenizer.json"
    return Sequences(FILES, tokenizer.load(path), Tokenizer.from_file(str(path)).token_to_id)


def test_imports_are_found() -> None:
    repository = Repository(FILES)
    found = {file.path: [it.path for it in repository.imported(file)] for file in FILES}
    assert found == {
        "code/a.py": ["code/b.py", "code/deep/__init__.py"],
        "code/b.py": [],
        "code/deep/__init__.py": [],
        "code/deep/c.py": ["code/b.py"],
        "web/app.ts": ["web/lib/x.ts"],
        "web/lib/x.ts": [],
    }
    assert [it.path for it in repository.neighbours(FILES[0])] == ["code/b.py"]


@given(text=st.text(max_size=300) | st.just(TEXT), seed=st.integers(0, 1000))
def test_a_hole_loses_nothing(text: str, seed: int) -> None:
    hole = infilling(text, Random(seed))  # noqa: S311
    assert hole.prefix + hole.middle + hole.suffix == text
    assert hole.middle.strip() or not hole.middle


def test_most_holes_end_where_a_line_does() -> None:
    holes = [infilling(TEXT, Random(seed)) for seed in range(300)]  # noqa: S311
    ends = [hole.suffix.startswith("\n") or hole.middle.endswith("\n") for hole in holes]
    assert 0.6 < sum(ends) / len(holes) < 0.95
    assert any("\n" in hole.middle.strip() for hole in holes)
    assert any(hole.prefix.endswith("\n") for hole in holes)


def test_rows_are_full_and_repeatable(folder: Path, tmp_path: Path) -> None:
    made = []
    for name in ("a.npy", "b.npy"):
        write(sequences(folder), tmp_path / name, Rows(20, 256, 3), lambda _: None)
        made.append(np.load(tmp_path / name))
    assert made[0].shape == (20, 257)
    assert (made[0] == made[1]).all()
    other = [*sequences(folder).rows(Rows(20, 256, 4))]
    assert (np.array(other) != made[0]).any()


def test_an_example_is_what_the_engine_sends(folder: Path) -> None:
    """The part of a row from a file's start to `fim_middle` is a prompt of `TokenPrompts`."""
    full = Tokenizer.from_file(str(folder / "tokenizer.json"))
    prompts = TokenPrompts(_BareTokenizer(full))
    names = {name: number for number, name in enumerate(tokenizer.SPECIAL)}
    assert all(full.token_to_id(name) == number for name, number in names.items())
    checked = 0
    for row in sequences(folder).rows(Rows(60, 512, 5)):
        start = row.index(names[tokenizer.FILE])
        ended = row.index(names[tokenizer.END])
        example = row[start:ended]
        if names[tokenizer.FIM_MIDDLE] not in example or example.count(names[tokenizer.FILE]) > 1:
            continue
        order = FimOrder.SUFFIX_FIRST
        first, second = names[tokenizer.FIM_SUFFIX], names[tokenizer.FIM_PREFIX]
        if example.index(first) > example.index(second):
            order, first, second = FimOrder.PREFIX_FIRST, second, first
        cuts = [example.index(it) for it in (first, second, names[tokenizer.FIM_MIDDLE])]
        path = full.decode(example[1 : cuts[0]]).rstrip("\n")
        parts = [full.decode(example[cuts[0] + 1 : cuts[1]])]
        parts.append(full.decode(example[cuts[1] + 1 : cuts[2]]))
        prefix, suffix = parts if order is FimOrder.PREFIX_FIRST else parts[::-1]
        section: PromptSection[int] = PromptSection(Role.PREFIX, path, ())
        prompt = Prompt(PromptLayout((section,)), Tail(prefix, suffix))
        if "\ufffd" not in prefix + suffix:
            sent = prompts.fill_in(prompt, order)
            assert full.decode(sent) == full.decode(example[: cuts[2] + 1])
            assert sent[: cuts[0] + 1] == example[: cuts[0] + 1]
            checked += 1
    assert checked > 5


def test_text_is_text_to_the_tokenizer(folder: Path) -> None:
    plain = tokenizer.load(folder / "tokenizer.json")
    for text in (*tokenizer.SPECIAL, "naïve 日本語 \r\n\t\x00", "e\u0301 \u00e9"):
        ids = plain.encode(text).ids
        assert min(ids) >= len(tokenizer.SPECIAL)
        assert plain.decode(ids) == text


def test_a_shape_counts_its_parameters() -> None:
    assert Shape().parameters == 5_050_624
    config = Shape().hugging_face(0)
    assert Shape.from_hugging_face(config) == Shape()
    with pytest.raises(ValueError, match="divide"):
        Shape(heads=3)


def test_the_plot_shows_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    lines = [f'{{"tokens": {n * 1000}, "train": {9 - n / 20}}}' for n in range(100)]
    log.write_text("\n".join([*lines, '{"tokens": 50000, "held_out": 5.5}']))
    plot(log, tmp_path / "loss.svg")
    drawn = (tmp_path / "loss.svg").read_text()
    assert drawn.count("<polyline") == 3
    assert "held out" in drawn
    log.write_text("")
    plot(log, tmp_path / "loss.svg")
    assert "</svg>" in (tmp_path / "loss.svg").read_text()
