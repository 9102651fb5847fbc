"""A folder of the host's own for the sockets of vLLM's processes, gone when the host is.

vLLM opens them in the system's temporary folder and removes none of them: each start of an engine left
seven there (observed with 0.32). A host that is killed cannot tidy up; the next one does it then. Which
folder is in use is told by a lock in it, which the system frees however a host ends.
"""

from __future__ import annotations

import logging
import os
import shutil
import stat
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

from inference.errors import EngineFailed

logger = logging.getLogger(__name__)

VARIABLE = "VLLM_RPC_BASE_PATH"
_PREFIX = "sparrow-vllm-"
_LOCK = "lock"
# A name of vLLM's is 36 characters long; the path of a socket has 103 bytes at most, on macOS.
_LONGEST_FOLDER = 103 - len("/") - 36


class SocketFolder:
    """Made, locked, and told to vLLM by its variable; `remove` when its processes have ended."""

    def __init__(self) -> None:
        """Raises `EngineFailed` where no folder can be made."""
        parent = Path(tempfile.gettempdir())
        if len(os.fsencode(parent / f"{_PREFIX}01234567")) > _LONGEST_FOLDER:
            parent = Path("/tmp")  # noqa: S108 - mkdtemp makes a folder of this user's alone in it
        _remove_left(parent)
        try:
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            self._lock = FileLock(self.path / _LOCK, mode=0o600)
            self._lock.acquire(blocking=False)
        except OSError as error:
            raise EngineFailed(
                f"no folder for vLLM's sockets can be made in {parent}: {error.strerror}",
                hint="Free some space there, or set TMPDIR to a folder that can be written.",
            ) from error
        self._before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = str(self.path)

    def remove(self) -> None:
        """Removes it with all that is in it; a vLLM that starts from now on is told what was before."""
        if os.environ.get(VARIABLE) == str(self.path):
            if self._before is None:
                del os.environ[VARIABLE]
            else:
                os.environ[VARIABLE] = self._before
        shutil.rmtree(self.path, ignore_errors=True)  # what stays is tried by the next host
        self._lock.release()


def _remove_left(parent: Path) -> None:
    """Those that hosts left which were killed; one without a lock is being made just now."""
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
                continue
            if (folder / _LOCK).exists():
                with FileLock(folder / _LOCK, blocking=False):
                    logger.info("removing %s: the host that it belonged to is gone", folder)
                    shutil.rmtree(folder)
        except Timeout:
            continue  # its host lives
        except OSError as error:
            logger.warning("%s is left over and cannot be removed: %s", folder, error)
