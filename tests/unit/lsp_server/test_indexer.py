"""What the process that indexes does at which time."""

from __future__ import annotations

import io
import threading
import time
from pathlib import Path
from typing import NoReturn

import pytest

from lsp_server.workspace.exclusions import Exclusions
from lsp_server.workspace.indexer import QUIET_S, Indexer, _Folder


def test_what_changes_as_a_round_fails_is_looked_at_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watcher's thread may tell of it while the next attempt is being put off."""
    indexer = Indexer(io.BytesIO(), careful=False)
    folder = _Folder(tmp_path, tmp_path / "store.sqlite", Exclusions([tmp_path]))
    watcher = threading.Thread(target=lambda: indexer._changed(folder, "a.py"))
    now = time.monotonic

    def fail(*_: object) -> NoReturn:
        raise OSError("gone")

    def monotonic() -> float:
        if threading.current_thread() is threading.main_thread() and not watcher.ident:
            watcher.start()
            watcher.join(0.2)  # it ends now, or waits until the round has
        return now()

    monkeypatch.setattr(indexer, "_index", fail)
    monkeypatch.setattr(time, "monotonic", monotonic)
    indexer._round(folder)
    watcher.join()
    assert folder.due is not None
    assert folder.due <= now() + QUIET_S
