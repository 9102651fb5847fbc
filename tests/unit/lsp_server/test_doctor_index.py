"""What the doctor says of the index."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsp_server.doctor_index import examine_index
from lsp_server.workspace import watch
from lsp_server.workspace.read import index_text
from lsp_server.workspace.store import Store
from lsp_server.workspace.store_file import CACHE_DIR_VARIABLE, store_file
from lsp_server.workspace.store_reader import FileState


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_DIR_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_it_counts_the_files_and_tries_the_watch(tmp_path: Path, cache: Path) -> None:
    state, summary, hint = examine_index(tmp_path)
    assert (state, hint) == ("ok", "")
    assert summary.startswith(f"none of {tmp_path} yet")
    store = Store.open(store_file(cache, tmp_path))
    store.put([index_text("a.py", FileState(1, 1), b"x = 1\n")])
    store.close()
    assert examine_index(tmp_path)[1] == f"1 file of {tmp_path}; changes on disk are seen"
    assert examine_index(None) == ("ok", "no folder is open; changes on disk are seen", "")


def test_it_says_where_changes_are_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch.Watch, "refresh", lambda _: "it cannot be watched")
    state, summary, hint = examine_index(tmp_path)
    assert state == "warning"
    assert "seen late: it cannot be watched" in summary
    assert "max_user_watches" in hint


def test_it_says_where_nothing_can_be_kept(tmp_path: Path, cache: Path) -> None:
    cache.write_text("a file")
    state, summary, hint = examine_index(tmp_path)
    assert (state, CACHE_DIR_VARIABLE in hint) == ("error", True)
    assert str(cache) in summary
