"""Where a workspace keeps the packages that it makes, so that tests run on these and need no install.

A project whose packages stand in `src` is meant to be installed before it is tested. Where it is not, its
tests could not import it; and where a release of it is installed, they would test that.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

_FOLDERS = ("src", "lib")
# What is compiled when it is installed, and missing in the sources.
_COMPILED = (".c", ".cc", ".cpp", ".pyx", ".rs")
_MAX_SEEN = 5_000  # files


def find_sources(workspace: Path, has_module: Callable[[str], bool]) -> tuple[str, ...]:
    """The folders of a workspace, by their paths in it, that Python is to find modules in.

    Not one with a module that is called as one of Python's own, in whose place it would stand. And not
    where the interpreter has a package of it already that has parts to be compiled: those are there
    alone. `has_module` says of a name whether it does.
    """
    return tuple(name for name in _FOLDERS if _is_source(workspace / name, has_module))


def _is_source(folder: Path, has_module: Callable[[str], bool]) -> bool:
    modules = set(_modules(folder))
    if not modules or not modules.isdisjoint(sys.stdlib_module_names):
        return False
    return not (any(map(has_module, modules)) and _is_compiled(folder))


def _modules(folder: Path) -> Iterator[str]:
    """The names of what can be imported from a folder; nothing from one that is a package itself."""
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - names are wanted
    except OSError:
        return
    if "__init__.py" in names:
        return
    for name in names:
        if name.endswith(".py") and name[:-3].isidentifier():
            yield name[:-3]
        elif name.isidentifier() and (folder / name / "__init__.py").is_file():
            yield name


def _is_compiled(folder: Path) -> bool:
    files = (name for _, _, names in os.walk(folder) for name in names)
    return any(it.endswith(_COMPILED) for it in itertools.islice(files, _MAX_SEEN))
