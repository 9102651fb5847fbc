"""`sparrow index` and `sparrow search`, as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from lsp_server.workspace import build as build_module
from lsp_server.workspace.build import build
from lsp_server.workspace.exclusions import Exclusions
from lsp_server.workspace.pool import Pool
from lsp_server.workspace.search import Search
from lsp_server.workspace.store import Store
from lsp_server.workspace.store_file import CACHE_DIR_VARIABLE

Sparrow = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    (folder / "shop").mkdir(parents=True)
    for number in range(20):
        (folder / "shop" / f"m{number}.py").write_text(
            f'"""Module {number}."""\n\n\ndef price_of_{number}(item: str) -> float:\n'
            f"    return {number}.0\n"
        )
    (folder / "shop" / "cart.py").write_text(
        "from shop.m3 import price_of_3\n\n\ndef total():\n    return price_of_3('tea')\n"
    )
    return folder


@pytest.fixture
def sparrow(workspace: Path, tmp_path: Path) -> Sparrow:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "lsp_server", *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=workspace,
            env={**os.environ, CACHE_DIR_VARIABLE: str(tmp_path / "cache")},
        )

    return run


def test_a_folder_is_indexed_once_and_followed(sparrow: Sparrow, workspace: Path) -> None:
    assert "21 files, of which 21 were new or changed" in sparrow("index").stdout
    assert "21 files, of which 0 were new or changed" in sparrow("index").stdout
    (workspace / "shop" / "m1.py").unlink()
    (workspace / "shop" / "m2.py").write_text("def cost(): ...\n")
    assert "20 files, of which 1 were new or changed and 1 are gone" in sparrow("index").stdout


def test_search_follows_the_files_without_being_asked(sparrow: Sparrow, workspace: Path) -> None:
    found = sparrow("search", "--symbol", "price_of_3")
    assert found.stdout == "shop/m3.py:4: def price_of_3(item: str) -> float\n", found.stderr
    found = sparrow("search", "--symbol", "prof3~")
    assert (
        found.stdout
        == "shop/m3.py:4: def price_of_3(item: str) -> float\nshop/m13.py:4: def price_of_13(item: str) -> float\n"
    )
    first, *others = sparrow("search", "price_of_3").stdout.splitlines()
    assert first == "shop/m3.py:4: def price_of_3(item: str) -> float"
    assert any(it.startswith("shop/cart.py:") for it in others)
    found = sparrow("search", "--references", "price_of_3")
    assert found.stdout == "shop/cart.py:5: return price_of_3('tea')\n"
    (workspace / "shop" / "cart.py").write_text("")
    found = sparrow("search", "--references", "price_of_3")
    assert (found.returncode, found.stdout) == (1, "")
    assert "Nothing in" in found.stderr
    assert sparrow("search", "module", "seven").returncode == 0
    (workspace / "shop" / "tea.py").write_text('def brew(): \n    """Make tea.\n\n    Slowly."""\n')
    found = sparrow("search", "--symbol", "brew")
    assert found.stdout == "shop/tea.py:1: def brew()  Make tea.\n"


class _Ends:
    """Ends the process that it is sent to."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (1,)

    def __call__(self, batch: str) -> str:
        return batch


def test_no_batch_is_to_blame_where_no_reader_begins() -> None:
    with (
        Pool[str, str](_Ends(), 2) as pool,
        pytest.raises(ChildProcessError, match="ended as it began"),
    ):
        list(pool.run(["a", "b"]))


def test_code_of_the_workspace_is_never_imported(sparrow: Sparrow, workspace: Path) -> None:
    for name in ("lsp_server", "inference", "multiprocessing", "tree_sitter"):
        (workspace / name).mkdir()
        (workspace / name / "__init__.py").write_text("raise SystemExit('decoy')\n")
    for name in ("json", "sqlite3", "msgpack", "sitecustomize"):
        (workspace / f"{name}.py").write_text("raise SystemExit('decoy')\n")
    indexed = sparrow("index")
    assert "29 files, of which 29" in indexed.stdout, indexed.stderr
    assert "decoy" not in indexed.stderr


def test_a_cache_that_cannot_be_written_is_told(sparrow: Sparrow, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    told = sparrow("index")
    assert told.returncode == 1
    assert CACHE_DIR_VARIABLE in told.stderr
    assert "Traceback" not in told.stderr


def test_a_damaged_store_is_made_anew(sparrow: Sparrow, tmp_path: Path) -> None:
    sparrow("index")
    (file,) = (tmp_path / "cache" / "index").glob("*.sqlite")
    data = bytearray(file.read_bytes())
    data[4096:] = b"\x5a" * (len(data) - 4096)
    file.write_bytes(data)
    assert "21 files, of which 21" in sparrow("index").stdout


def _read_or_die(
    folder: Path, known: object, limit: float | None, work: list[tuple[str, object]]
) -> object:
    """Stands in for a parser that crashes at a file, and never ends at another one."""
    paths = {path.rpartition("/")[2] for path, _ in work}
    if "m7.py" in paths:
        os._exit(1)
    if "m8.py" in paths:
        threading.Event().wait()
    return _READ_BATCH(folder, known, limit, work)  # type: ignore[arg-type]


_READ_BATCH = build_module._read_batch


def test_a_file_that_ends_its_worker_costs_no_other(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_module, "_read_batch", _read_or_die)
    monkeypatch.setattr(build_module, "BATCH_FILES", 4)
    monkeypatch.setattr(build_module, "MAX_BATCH_S", 4.0)
    store = Store.open(tmp_path / "store.sqlite")
    exclusions = Exclusions([workspace])
    summary = build(workspace, store, exclusions, workers=2)
    assert summary.skipped == Counter({"to read it takes too long, or ends the process": 2})
    search = Search(store)
    assert not search.symbols("price_of_7", 1) + search.symbols("price_of_8", 1)
    assert all(
        search.symbols(f"price_of_{number}", 1) for number in range(20) if number not in (7, 8)
    )
    # It is not tried again until it changes.
    assert build(workspace, store, exclusions, workers=2).changed == []
    store.close()
