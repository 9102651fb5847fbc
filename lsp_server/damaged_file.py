"""A SQLite file that is damaged, set aside once for all windows that find it so."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

_COMPANIONS = ("", "-wal", "-shm")


def identity(file: Path) -> int:
    """Which file stands there; 0 where none does."""
    try:
        return file.stat().st_ino
    except FileNotFoundError:
        return 0


def set_aside(file: Path, seen: int) -> Path | None:
    """Moves the file of that identity out of the way, and says where to.

    None where another window has done so, and another file stands there by now. Raises `OSError`.
    """
    from filelock import FileLock

    with FileLock(file.with_suffix(".lock"), mode=0o600):
        if identity(file) != seen:
            return None
        stamp = time.strftime("%Y%m%d-%H%M%S")
        aside = file.with_name(f"{file.stem}.damaged-{stamp}{file.suffix}")
        number = 1
        while aside.exists():
            number += 1
            aside = file.with_name(f"{file.stem}.damaged-{stamp}-{number}{file.suffix}")
        for companion in _COMPANIONS:
            with contextlib.suppress(FileNotFoundError):
                source = file.with_name(f"{file.name}{companion}")
                source.rename(aside.with_name(f"{aside.name}{companion}"))
        return aside
