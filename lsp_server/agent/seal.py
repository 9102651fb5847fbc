"""Whether a run of tests has changed what it is judged by: tests, their configuration, and the fix.

What stands there before and behind the run is compared by hashes; times can be set back. Code that
has come new counts as well: a `conftest.py`, or a module that stands before another one. What a run has
compiled is removed: it could say another thing than its source, to the run that comes next.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from lsp_server.agent.copies import remove
from lsp_server.agent.denied import find_denied

_COMPILED = "__pycache__"
_CODE = (".py", ".pyc", ".pth", ".ini", ".cfg", ".toml", ".js", ".mjs", ".cjs", ".ts", ".go", ".rs")
_MAX_NAMED = 3


@dataclass(frozen=True, slots=True)
class Seal:
    hashes: dict[str, str]  # by path: of what a run must not change
    paths: frozenset[str]  # everything that was there

    @classmethod
    def of(cls, copy: Path, paths: Collection[str], fixed: Collection[str]) -> Seal:
        """`paths` are those of the copy's files, `fixed` those that a candidate has changed."""
        sealed = {it for it in paths if find_denied(it)} | set(fixed)
        hashes = {it: _hash(copy / it) for it in sorted(sealed)}
        return cls(hashes, frozenset(paths) | frozenset(fixed))

    def find_broken(self, copy: Path) -> str:
        """What was changed, in words for the user; or nothing."""
        changed = [it for it, before in self.hashes.items() if _hash(copy / it) != before]
        changed += (it for it in _code_in(copy) if it not in self.paths)
        if not changed:
            return ""
        more = f" and {len(changed) - _MAX_NAMED} more" if len(changed) > _MAX_NAMED else ""
        return f"{', '.join(changed[:_MAX_NAMED])}{more}"


def _hash(file: Path) -> str:
    """Of a file's bytes and mode, or of where a link leads; empty where there is neither."""
    try:
        if file.is_symlink():
            return f"link to {file.readlink()}"
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(handle, "rb") as opened:  # noqa: PTH123 - a descriptor
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return ""


def _code_in(copy: Path) -> list[str]:
    """Files of code in a copy, but for what tools make; removes what was compiled."""
    found = []
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(copy / below) as entries:
                for entry in entries:
                    path = f"{below}/{entry.name}" if below else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name == _COMPILED:
                            remove(copy / path)
                        elif entry.name not in _MADE:
                            waiting.append(path)
                    elif entry.name.endswith(_CODE):
                        found.append(path)
        except OSError:
            continue
    return sorted(found)


_MADE = frozenset(
    {"node_modules", "target", ".pytest_cache", ".hypothesis", ".mypy_cache", ".venv"}
)
