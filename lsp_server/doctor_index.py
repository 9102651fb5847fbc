"""The doctor's look at the index: what there is of a folder, and whether changes are seen."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import Literal

WATCH_TIMEOUT_S = 5.0

State = Literal["ok", "warning", "error"]


def examine_index(folder: Path | None) -> tuple[State, str, str]:
    """State, summary and hint. Nothing of the folder is read but its store; None where none is open."""
    from lsp_server.workspace.store_file import CACHE_DIR_VARIABLE, cache_folder, store_file

    cache = cache_folder()
    try:
        (cache / "index").mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache / "index"):
            pass
    except OSError as error:
        hint = f"Set {CACHE_DIR_VARIABLE} to a folder that you can write to."
        return "error", f"{cache} cannot be written to: {error.strerror}", hint
    known = "no folder is open" if folder is None else _describe(folder, store_file(cache, folder))
    problem = _watch_problem()
    if problem:
        hint = "On Linux, raise fs.inotify.max_user_watches and max_user_instances (`sysctl`)."
        return "warning", f"{known}; changes on disk are seen late: {problem}", hint
    return "ok", f"{known}; changes on disk are seen", ""


def _describe(folder: Path, file: Path) -> str:
    import sqlite3

    from lsp_server.workspace.store_file import StoreDamaged
    from lsp_server.workspace.store_reader import StoreReader

    store = StoreReader.open(file)
    if store is None:
        return f"none of {folder} yet; it is made when an editor opens it, or by `sparrow index`"
    try:
        count = len(store.paths())
    except (StoreDamaged, sqlite3.DatabaseError) as error:
        return f"that of {folder} is damaged ({error}) and will be made anew"
    finally:
        store.close()
    return f"{count:,} {'file' if count == 1 else 'files'} of {folder}"


def _watch_problem() -> str:
    """Why a file that appears is not heard of, or nothing."""
    from lsp_server.workspace.exclusions import Exclusions
    from lsp_server.workspace.watch import Watch

    heard = threading.Event()
    with tempfile.TemporaryDirectory(prefix="sparrow-doctor-") as scratch:
        folder = Path(scratch).resolve()
        try:
            watch = Watch(folder, Exclusions([folder]), lambda _: heard.set())
        except OSError as error:
            return error.strerror or str(error)
        try:
            problem = watch.refresh()
            (folder / "new").write_text("")
            if problem or heard.wait(WATCH_TIMEOUT_S):
                return problem
            return f"nothing was heard of a new file for {WATCH_TIMEOUT_S:.0f} s"
        finally:
            watch.close()
