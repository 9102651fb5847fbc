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
from lsp_server.workspace.store import FileState

MAX_FILE_BYTES = 1024 * 1024
IGNORED = "ignored"


def scan(
    folder: Path, exclusions: Exclusions, skipped: Counter[str]
) -> Iterator[tuple[str, FileState]]:
    """Paths below the folder, with forward slashes, in no order; `skipped` counts by reason.

    A folder that cannot be read, or is removed meanwhile, counts as skipped.
    """
    rules = exclusions.folder(folder)
    if rules is None:
        skipped["the folder itself is ignored"] += 1
        return
    waiting: list[tuple[str, FolderRules]] = [("", rules)]
    while waiting:
        below, rules = waiting.pop()
        try:
            with os.scandir(folder / below) as entries:
                found = list(entries)
        except OSError as error:
            skipped[f"a folder cannot be read ({error.strerror})"] += 1
            continue
        for entry in found:
            name = entry.name
            try:
                name.encode()
                is_folder = entry.is_dir(follow_symlinks=False)
                reason = _reason(entry, rules, is_folder=is_folder)
                if reason:
                    if reason != IGNORED:  # which is not worth a word
                        skipped[reason] += 1
                    continue
                path = f"{below}/{name}" if below else name
                if is_folder:
                    waiting.append((path, rules.enter(name)))
                else:
                    status = entry.stat(follow_symlinks=False)
                    yield path, FileState(status.st_mtime_ns, status.st_size)
            except UnicodeEncodeError:
                skipped["a name is not UTF-8"] += 1
            except OSError as error:
                skipped[f"a file cannot be read ({error.strerror})"] += 1


def _reason(entry: os.DirEntry[str], rules: FolderRules, *, is_folder: bool) -> str:
    """Why an entry is passed over, or nothing."""
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
