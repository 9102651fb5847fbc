"""Finds the files of a workspace folder that may be shown to a model, and says what was skipped.

Symbolic links are not followed, and only regular files are ever opened: a loop, a pipe or a device
cannot hold a scan up.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from lsp_server.workspace.exclusions import LOOKS_SECRET, Exclusions, FolderRules, looks_secret
from lsp_server.workspace.store_reader import FileState

MAX_FILE_BYTES = 1024 * 1024
IGNORED = "ignored"


def scan(
    folder: Path, exclusions: Exclusions, skipped: Counter[str], place: str = ""
) -> Iterator[tuple[str, FileState]]:
    """Paths below the folder, with forward slashes, in no order; `skipped` counts by reason.

    With a `place`, that file alone or those in that folder. A folder that cannot be read, or is
    removed meanwhile, counts as skipped.
    """
    rules = exclusions.folder(folder)
    if rules is None:
        skipped["the folder itself is ignored"] += 1
        return
    # Folders, and the steps to take from there, without a look at their neighbours.
    waiting: list[tuple[str, FolderRules, list[str]]] = [
        ("", rules, place.split("/") if place else [])
    ]
    while waiting:
        below, rules, steps = waiting.pop()
        try:
            with os.scandir(folder / below) as entries:
                found = [it for it in entries if not steps or it.name == steps[0]]
        except OSError as error:
            skipped[f"a folder cannot be read ({error.strerror})"] += 1
            continue
        for entry in found:
            name = entry.name
            path = f"{below}/{name}" if below else name
            try:
                is_folder = entry.is_dir(follow_symlinks=False)
                if reason := _reason(entry, rules, is_folder=is_folder):
                    skipped[reason] += 1
                elif is_folder:
                    waiting.append((path, rules.enter(name), steps[1:]))
                elif len(steps) <= 1:
                    status = entry.stat(follow_symlinks=False)
                    yield path, FileState(status.st_mtime_ns, status.st_size)
            except OSError as error:
                skipped[f"a file cannot be read ({error.strerror})"] += 1
    del skipped[IGNORED]  # which is not worth a word


def _reason(entry: os.DirEntry[str], rules: FolderRules, *, is_folder: bool) -> str:
    """Why an entry is passed over, or nothing."""
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        return "a name is not UTF-8"
    is_file = entry.is_file(follow_symlinks=False)
    if not is_file and not is_folder:
        return "a symbolic link" if entry.is_symlink() else "not a regular file"
    if rules.reason(entry.name, is_folder=is_folder):
        return IGNORED
    if looks_secret(PurePosixPath(entry.name, "file" if is_folder else "")):
        return LOOKS_SECRET
    if is_file and entry.stat(follow_symlinks=False).st_size > MAX_FILE_BYTES:
        return "larger than 1 MiB"
    return ""
