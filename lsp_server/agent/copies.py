"""Folders for copies of a workspace, and how a tree of files gets into one.

They lie in the user's cache, below a folder for each process that holds a lock as long as it lives:
what a process left behind that was killed is removed when the next one starts. Links are copied as
links, and never followed: a copy is written to by code that nobody trusts.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import shutil
import signal
import stat
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from filelock import FileLock, Timeout

logger = logging.getLogger(__name__)

_MEMORY = Path("/dev/shm") if sys.platform == "linux" else None  # noqa: S108 - see `_own`
_MAX_IN_MEMORY_BYTES = 256 * 1024 * 1024
_SHARE_OF_MEMORY = 16  # copies of which there is room for at least so many
_THREADS = 2  # the kernel does the copying; more wait for the disk, and for each other
_PIECE_BYTES = 16 * 1024 * 1024
_NO_COPY_IN_KERNEL = (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM)


class Copies:
    """The folders of this process. `close` removes them.

    Small copies lie in memory, where the system has a file system for that: making one is a tenth of
    the work then, and none of it wears the disk.
    """

    def __init__(self, cache: Path, memory: Path | None = _MEMORY) -> None:
        """Below a cache folder, which is made where it is not there. Raises OSError."""
        self._disk = _Place(cache / "copies")
        self._memory: _Place | None = None
        if memory is not None:
            with contextlib.suppress(OSError):
                self._memory = _Place(_own(memory))

    def new(self, size_bytes: int | None = None) -> Path:
        """An empty folder, for as much as is said; in memory only where that is little."""
        if size_bytes is not None and self._memory is not None:
            with contextlib.suppress(OSError):
                free = shutil.disk_usage(self._memory.folder).free
                if size_bytes <= min(_MAX_IN_MEMORY_BYTES, free // _SHARE_OF_MEMORY):
                    return self._memory.new()
        return self._disk.new()

    def close(self) -> None:
        for place in (self._disk, self._memory):
            if place is not None:
                place.close()


class _Place:
    def __init__(self, parent: Path) -> None:
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = secrets.token_hex(8)
        # Whoever looks for what was left behind looks for folders, and this one is locked before it
        # is there.
        self._lock = FileLock(parent / f"{name}.lock")
        self._lock.acquire()
        self.folder = parent / name
        self.folder.mkdir(mode=0o700)
        self._count = 0
        remove_stale(parent)

    def new(self) -> Path:
        self._count += 1
        folder = self.folder / str(self._count)
        folder.mkdir(mode=0o700)
        return folder

    def close(self) -> None:
        remove(self.folder)
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)


def _own(memory: Path) -> Path:
    """A folder in a place that all users share. Raises OSError where it is not ours alone."""
    if os.statvfs(memory).f_flag & os.ST_NOEXEC:
        raise PermissionError(f"nothing in {memory} may be run")
    folder = memory / f"sparrow-code-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} is not this user's own")
    return folder


def remove_stale(parent: Path) -> None:
    """Removes the folders of processes that have ended, and ends what still runs for one of them."""
    for folder in parent.iterdir():
        if not folder.is_dir() or folder.is_symlink():
            continue
        lock = FileLock(parent / f"{folder.name}.lock")
        try:
            with lock.acquire(timeout=0):
                _end_sandboxes(folder)
                remove(folder)
                Path(lock.lock_file).unlink(missing_ok=True)
        except Timeout:
            continue
        except OSError as error:
            logger.warning("an old copy of a workspace stays: %s", error)


def _end_sandboxes(folder: Path) -> None:
    """Ends what was begun for copies in a folder and has never ended, as Linux tells it.

    Where Sparrow is killed while bubblewrap starts, that fails to say which process it has made, and
    leaves it behind: it waits for ever to be let go.
    """
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            name, *arguments = (process / "cmdline").read_bytes().split(b"\0")
            if name.endswith(b"bwrap") and any(
                it.startswith(os.fsencode(folder) + b"/") for it in arguments
            ):
                os.kill(int(process.name), signal.SIGKILL)


def remove(folder: Path) -> None:
    """Removes a copy, also one whose folders were made unreadable; what stays is told in the log."""

    def retry(_: object, path: str, info: tuple[object, BaseException, object]) -> None:
        with contextlib.suppress(OSError):
            place = Path(path)
            place.parent.chmod(0o700)
            if place.is_dir() and not place.is_symlink():
                place.chmod(0o700)
                shutil.rmtree(place)
            else:
                place.unlink()
            return
        if not isinstance(info[1], FileNotFoundError):
            logger.warning("a copy of a workspace cannot be removed: %s", info[1])

    shutil.rmtree(folder, onerror=retry)


def size_of(folder: Path, paths: Iterable[str]) -> int:
    """How many bytes some files hold together."""
    size = 0
    for path in paths:
        with contextlib.suppress(OSError):
            size += os.lstat(f"{folder}/{path}").st_size
    return size


def copy_files(source: Path, paths: Sequence[str], target: Path) -> list[str]:
    """Copies files, given by their paths below a folder, into another, with modes and times.

    Returns those that are no longer there, or are neither files nor links. Raises OSError for what
    cannot be read or written.
    """
    for folder in sorted({it.rpartition("/")[0] for it in paths}):
        (target / folder).mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(_THREADS) as threads:
        parts = [paths[at::_THREADS] for at in range(_THREADS)]
        left_out = threads.map(lambda part: _copy_some(source, part, target), parts)
        return [path for part in left_out for path in part]


def _copy_some(source: Path, paths: Iterable[str], target: Path) -> list[str]:
    left_out = []
    one, other = os.fspath(source), os.fspath(target)
    for path in paths:
        try:
            if not _copy(f"{one}/{path}", f"{other}/{path}"):
                left_out.append(path)
        except (FileNotFoundError, NotADirectoryError):
            left_out.append(path)
    return left_out


def _copy(source: str, target: str) -> bool:
    """On strings, since there are ten thousand of them."""
    try:
        handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            os.symlink(os.readlink(source), target)  # noqa: PTH115, PTH211
            return True
        if error.errno == errno.ENXIO:  # a socket
            return False
        raise
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return False
        made = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _move_bytes(handle, made)
            os.fchmod(made, status.st_mode & 0o777 | 0o600)
            os.utime(made, ns=(status.st_atime_ns, status.st_mtime_ns))
        finally:
            os.close(made)
    finally:
        os.close(handle)
    return True


def _move_bytes(source: int, target: int) -> None:
    """In the kernel where that is possible, where blocks can be shared even without copying them."""
    if hasattr(os, "copy_file_range"):
        try:
            while os.copy_file_range(source, target, _PIECE_BYTES):
                pass
        except OSError as error:
            if error.errno not in _NO_COPY_IN_KERNEL:
                raise
        else:
            if os.lseek(source, 0, os.SEEK_CUR):
                return
    while piece := os.read(source, _PIECE_BYTES):
        os.write(target, piece)


class PathRefused(ValueError):
    """A path leads out of a copy."""


def checked(folder: Path, path: str) -> Path:
    """Where a path below a folder leads, by itself. Raises `PathRefused`."""
    parts = path.split("/")
    if {"", ".", ".."} & set(parts) or "\0" in path or "\\" in path or ":" in parts[0]:
        raise PathRefused(f"{path!r} is no path below the workspace")
    return folder / path


def write(folder: Path, path: str, text: str) -> None:
    """Writes the text of a file into a copy, keeping its mode and byte-order mark.

    Raises `PathRefused`, and OSError.
    """
    place = checked(folder, path)
    if not place.parent.resolve().is_relative_to(folder.resolve()) or place.is_symlink():
        raise PathRefused(f"a link stands in the way of {path}")
    data = text.encode()
    if place.is_file():
        with place.open("rb") as file:
            mark = file.read(3)
        if mark == b"\xef\xbb\xbf" and not data.startswith(mark):
            data = mark + data
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
