"""Who writes an answer: a lock for each that is under way, which the system frees with its process.

So a window knows at once whether another one is still writing an answer, or was ended in the middle
of it, in whichever way. Blocking.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import FileLock

_ID_BITS = 62  # what SQLite's integers hold


class Writer:
    """Holds its lock from when it is made until it is closed. `id` is its name for others, over 0."""

    def __init__(self, folder: Path) -> None:
        """Raises `OSError` where the folder takes no lock."""
        self.id = 1 + secrets.randbelow(2**_ID_BITS)
        self._file = _file_of(folder, self.id)
        self._lock = _lock(self._file)
        self._lock.acquire(timeout=0)

    def close(self) -> None:
        self._lock.release()
        self._file.unlink(missing_ok=True)


def is_writing(folder: Path, writer: int) -> bool:
    """Whether the writer of that id is still there. What one that has died left is removed."""
    from filelock import Timeout

    file = _file_of(folder, writer)
    if not file.exists():
        return False
    lock = _lock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    file.unlink(missing_ok=True)
    return False


def _file_of(folder: Path, writer: int) -> Path:
    return folder / f"chats-{writer:x}.lock"


def _lock(file: Path) -> FileLock:
    from filelock import FileLock

    return FileLock(file, mode=0o600)
