"""Which names a change leaves undefined that were not so before.

Of Python all are known. Of JavaScript and TypeScript those are that the file itself defined or
imported, does so no more, and still uses. In other languages other files may define them.
"""

from __future__ import annotations

import re

from lsp_server.edits.python_names import Use, find_undefined, find_undefined_by
from lsp_server.workspace.documents import split_lines
from lsp_server.workspace.outline import Outline
from lsp_server.workspace.parse import outline

_ECMASCRIPT = frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact"})


def new_undefined_names(language: str, before: str, after: str) -> tuple[Use, ...] | None:
    """Each such name where it is used first, in order. None where that cannot be told."""
    if language == "python":
        new = find_undefined_by(before, after)
        old = find_undefined(before) if new else []
        if old is None or new is None:
            return None
        seen = {it.name for it in old}
    elif language in _ECMASCRIPT:
        new, seen = _find_orphans(language, before, after), set()
    else:
        return None
    first: list[Use] = []
    for use in new:
        if use.name not in seen:
            seen.add(use.name)
            first.append(use)
    return tuple(first)


def _find_orphans(language: str, before: str, after: str) -> list[Use]:
    """Uses of what the file defined at its level or imported, and does no more."""
    old = outline(before.encode("utf-8", "replace"), language)
    new = outline(after.encode("utf-8", "replace"), language)
    gone = _file_level(old) - _file_level(new) - {symbol.name for symbol in new.symbols}
    if not gone:
        return []
    lines = split_lines(after)
    found = []
    for name in gone:
        uses = [it for it in new.references if it.name == name]
        words = re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])")
        # Any other place of the word may be what binds it: a parameter, a local variable.
        count = sum(len(words.findall(line)) for line in lines)
        if count == len(uses):
            found += [
                Use(it.line, it.column, name)
                for it in uses
                if not lines[it.line][: it.column].rstrip().endswith(".")
            ]
    return sorted(found)


def _file_level(found: Outline) -> set[str]:
    names = {symbol.name for symbol in found.symbols if symbol.parent is None}
    for import_ in found.imports:
        names |= {it.alias for it in import_.names}
    return names - {"*", ""}
