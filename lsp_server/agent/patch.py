"""A change of files as a patch: how large it is, and as a unified diff that `git apply` takes. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping

from lsp_server.workspace.documents import split_lines

MAX_FILES, MAX_LINES = 8, 400  # lines that come and go


def size_of_change(
    files: Mapping[str, str], before: Callable[[str], str | None]
) -> tuple[int, int]:
    """How many lines come and go, and how many characters."""
    lines = characters = 0
    for path, after in files.items():
        old, new = (before(path) or "").splitlines(), after.splitlines()
        # The first two lines name the texts.
        for line in list(difflib.unified_diff(old, new, n=0, lineterm=""))[2:]:
            if line[:1] in "+-":
                lines += 1
                characters += len(line) - 1
    return lines, characters


def find_excess(files: Mapping[str, str], before: Callable[[str], str | None]) -> str:
    """Why a change is more than one that a user can review; or nothing."""
    lines, _ = size_of_change(files, before)
    if len(files) <= MAX_FILES and lines <= MAX_LINES:
        return ""
    return (
        f"it changes {len(files)} files and {lines} lines, and at most {MAX_FILES} and {MAX_LINES} "
        "may be"
    )


def as_diff(before: Mapping[str, str | None], after: Mapping[str, str]) -> str:
    """By path; a file that was not there is created."""
    return "".join(_of_file(path, before.get(path), text) for path, text in sorted(after.items()))


def _of_file(path: str, before: str | None, after: str) -> str:
    old, new = _lines(before or ""), _lines(after)
    source = f"a/{path}" if before is not None else "/dev/null"
    found = difflib.unified_diff(old, new, source, f"b/{path}")
    lines = [
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in found
    ]
    if not lines:
        return ""
    head = f"diff --git a/{path} b/{path}\n"
    return "".join([head, *(() if before is not None else ("new file mode 100644\n",)), *lines])


def _lines(text: str) -> list[str]:
    return [it for it in split_lines(text) if it]
