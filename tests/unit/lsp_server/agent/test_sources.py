"""In which folders of a workspace its own packages are found, installed or not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from lsp_server.agent.sources import find_sources


@pytest.mark.parametrize(
    ("files", "installed", "sources"),
    [
        (["src/shop/__init__.py"], [], ["src"]),
        (["src/shop.py"], [], ["src"]),
        (["lib/shop/__init__.py", "src/cart/__init__.py"], [], ["src", "lib"]),
        (["shop/__init__.py"], [], []),  # the current folder is looked into anyway
        (["src/shop/cart.py", "src/notes.txt"], [], []),  # nothing that can be imported by itself
        (["src/__init__.py", "src/shop.py"], [], []),  # `src` is the package
        (["src/shop/__init__.py", "src/types.py"], [], []),  # would be Python's own `types`
        # A release that is installed is not what is to be tested.
        (["src/shop/__init__.py"], ["shop"], ["src"]),
        # But what was compiled for it is nowhere else.
        (["src/shop/__init__.py", "src/shop/fast/sums.pyx"], ["shop"], []),
        (["src/shop/__init__.py", "src/shop/fast/sums.pyx"], [], ["src"]),
    ],
)
def test_where_packages_stand(
    tmp_path: Path, files: Sequence[str], installed: Sequence[str], sources: Sequence[str]
) -> None:
    for name in files:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert list(find_sources(tmp_path, installed.__contains__)) == list(sources)
