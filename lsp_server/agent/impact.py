"""Which tests have to do with a change: those whose files name what was changed. Pure.

That is a guess about the order in which tests are worth their time, and about nothing else: which of
them count does not depend on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence

_WORD = re.compile(r"\w+")
_NO_NAMES = frozenset({"__init__", "index", "main", "mod", "lib", "src"})


def file_of(framework: str, test: str, paths: Collection[str]) -> str:
    """The file that a test stands in, or nothing where its id does not tell."""
    match framework:
        case "pytest" | "node":
            return test.partition("::")[0]
        case "unittest":
            parts = test.split(".")
            for end in range(len(parts) - 1, 0, -1):
                path = "/".join(parts[:end]) + ".py"
                found = [it for it in paths if it == path or it.endswith(f"/{path}")]
                if found:
                    return min(found, key=len)
    return ""


def find_impacted(
    changed: Iterable[str],
    tests: Sequence[str],
    framework: str,
    paths: Collection[str],
    text: Callable[[str], str | None],
) -> tuple[str, ...]:
    """Those of some tests in whose files a changed module is named, in their order."""
    names = set()
    for path in changed:
        *folders, name = path.split("/")
        stem = name.partition(".")[0]
        names.add(folders[-1] if stem in _NO_NAMES and folders else stem)
    known: dict[str, bool] = {}
    found = []
    for test in tests:
        file = file_of(framework, test, paths)
        if file not in known:
            words = set(_WORD.findall(text(file) or "")) if file else set()
            known[file] = not names.isdisjoint(words)
        if known[file]:
            found.append(test)
    return tuple(found)
