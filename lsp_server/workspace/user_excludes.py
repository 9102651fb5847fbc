"""The user's own ignore file of git, which counts in all of their repositories."""

from __future__ import annotations

import logging
import os
import subprocess
from pathlib import Path

logger = logging.getLogger(__name__)

GIT_TIMEOUT_S = 2.0


def user_excludes() -> Path:
    """Where git looks for it: `core.excludesFile`, or its default. It need not be there.

    Git is asked for the user's settings alone: those of a repository are not to be trusted.
    """
    try:
        asked = subprocess.run(
            ["git", "config", "--global", "--type=path", "--get", "core.excludesFile"],  # noqa: S607 - the user's own git
            cwd=Path.home(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_TIMEOUT_S,
            check=False,
        )
        named = os.fsdecode(asked.stdout).strip()
    except (OSError, subprocess.TimeoutExpired, RuntimeError) as error:
        logger.info("git did not say where the user's ignore file is: %s", error)
        named = ""
    if named:
        return Path(named)
    folder = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111 - never raises
    return Path(folder, "git", "ignore")
