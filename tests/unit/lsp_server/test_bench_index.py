"""The repository that the index is measured on, and the floor beside it."""

from __future__ import annotations

from pathlib import Path

from lsp_server.bench.index_floor import measure_floor
from lsp_server.bench.index_made import make_repository
from lsp_server.workspace.build import build
from lsp_server.workspace.exclusions import Exclusions
from lsp_server.workspace.link import Links
from lsp_server.workspace.outline_codec import unpack_outline
from lsp_server.workspace.store import Store

FILES = 240


def texts(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_it_is_always_the_same_and_is_code_whose_imports_are_found(tmp_path: Path) -> None:
    folder, again = tmp_path / "made", tmp_path / "again"
    make_repository(folder, FILES)
    make_repository(again, FILES)
    made = texts(folder)
    assert made == texts(again)
    code = [
        path for path in made if path.endswith((".py", ".ts", ".go")) and "__init__" not in path
    ]
    assert len(code) == FILES
    store = Store.open(tmp_path / "store.sqlite")
    Links(folder, store).update(
        build(folder, store, Exclusions([folder]), workers=1, few_files=10_000)
    )
    for path in code:
        packed = store.outline(path)
        assert packed is not None
        outline = unpack_outline(packed)
        assert not outline.has_errors, path
        assert outline.symbols
        assert store.links(path), path
    store.close()


def test_the_floor_reads_every_file(tmp_path: Path) -> None:
    make_repository(tmp_path / "made", 20)
    made = texts(tmp_path / "made")
    share = measure_floor(tmp_path / "made", sorted(made), 1)
    assert share.size == sum(len(text.encode()) for text in made.values())
    assert share.seconds > 0
