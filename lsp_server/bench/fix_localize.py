"""How well the place of real fixes is found: recall of the files that were changed, by instance.

Each instance's repository is read from a git checkout as it was before the fix, indexed as a workspace
is, and asked with the issue's text; and once more with the failing tests, as where a user names them.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lsp_server.agent.clues import read_clues
from lsp_server.agent.instances import Instance, export, find_checkout
from lsp_server.agent.localize import USUAL_WEIGHTS as WEIGHTS
from lsp_server.agent.localize import Findings, Ranking, fuse, rankings
from lsp_server.workspace.snapshot import Snapshot

AT = (1, 3, 5)


@dataclass(frozen=True, slots=True)
class Located:
    """Of one instance what each source ranked, from the text alone and with the failing tests."""

    instance: Instance
    by_text: dict[str, Ranking]
    with_tests: dict[str, Ranking]
    files: int


def locate(instances: Sequence[Instance], checkouts: Path) -> Iterator[Located]:
    """Each instance whose repository is there. Raises `InstancesUnreadable` where git fails."""
    for instance in instances:
        checkout = find_checkout(checkouts, instance.repository)
        if checkout is None or not instance.fixed_files:
            continue
        with tempfile.TemporaryDirectory(prefix="sparrow-bench-") as scratch:
            root = Path(scratch, "repository")
            export(checkout, instance.base_commit, root)
            yield _locate_in(root, Path(scratch, "index.sqlite"), instance)


def _locate_in(root: Path, file: Path, instance: Instance) -> Located:
    with indexed(root, file) as view:
        clues = read_clues(instance.text)
        return Located(
            instance,
            rankings(clues, view),
            rankings(clues, view, Findings(instance.failing_tests)),
            len(view.paths()),
        )


@contextlib.contextmanager
def indexed(root: Path, file: Path) -> Iterator[Snapshot]:
    """The index of a folder, made in a file for as long as the block lasts."""
    from lsp_server.workspace.build import build
    from lsp_server.workspace.exclusions import Exclusions
    from lsp_server.workspace.link import Links
    from lsp_server.workspace.store import Store
    from lsp_server.workspace.view import FolderView

    store = Store.open(file)
    try:
        Links(root, store).update(build(root, store, Exclusions([root]), workers=1))
        yield FolderView.alone(root, store)
    finally:
        store.close()


def recall(located: Sequence[Located], at: int, *, with_tests: bool = False) -> float:
    """The mean share of an instance's fixed files that are among the first `at`."""
    total = 0.0
    for it in located:
        files = fuse(it.with_tests if with_tests else it.by_text, WEIGHTS)[:at]
        fixed = set(it.instance.fixed_files)
        total += len(fixed & {file.path for file in files}) / len(fixed)
    return total / (len(located) or 1)
