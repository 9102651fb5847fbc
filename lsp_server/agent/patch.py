"""A change as a unified diff that `git apply` takes. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from lsp_server.workspace.documents import split_lines


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
