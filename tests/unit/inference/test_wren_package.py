"""What wren is loaded from: its files as they were packed, by its name, and nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from inference.engines import create
from inference.engines.wren import WrenEngine
from inference.errors import EngineFailed
from tests import tiny_wren


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_wren.write_package(tmp_path_factory.mktemp("wren"))


@pytest.mark.parametrize("name", ["wren.onnx", "tokenizer.json"])
@pytest.mark.parametrize("damage", ["cut", "altered", "missing"])
def test_damaged_files_are_refused(package: Path, tmp_path: Path, name: str, damage: str) -> None:
    for file in package.iterdir():
        content = file.read_bytes()
        if file.name == name:
            if damage == "missing":
                continue
            middle = len(content) // 2
            content = (
                content[:middle]
                if damage == "cut"
                else content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
            )
        (tmp_path / file.name).write_bytes(content)
    engine = WrenEngine(tmp_path, {})
    with pytest.raises(EngineFailed, match=name) as refused:
        asyncio.run(engine.load(lambda _what, _share: None))
    assert "`suffix`" in refused.value.hint
    asyncio.run(engine.close())


@pytest.mark.parametrize(
    ("described", "said"),
    [("{", "cannot be read"), ("[]", "of format None"), ('{"format": 9}', "9")],
)
def test_a_description_of_another_kind_is_refused(
    tmp_path: Path, described: str, said: str
) -> None:
    (tmp_path / "wren.json").write_text(described)
    with pytest.raises(EngineFailed, match=said):
        asyncio.run(WrenEngine(tmp_path, {}).load(lambda _what, _share: None))


def test_it_is_made_by_its_name(package: Path) -> None:
    assert create(f"wren:{package}", {}).name == "wren"
    with pytest.raises(EngineFailed, match="max_model_len"):
        create("wren", {"max_model_len": 5})
    with pytest.raises(EngineFailed, match="copying"):
        create("wren", {"copying": "no"})
    with pytest.raises(EngineFailed, match="lines"):
        create("wren", {"lines": 0})
