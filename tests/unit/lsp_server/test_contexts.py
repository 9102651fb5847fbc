"""Whole assemblies on a made repository, compared with golden files.

Each file in `contexts/` says what a cursor is to show, then the file with the cursor as `|`, a line of
dashes, and what is shown for it: each excerpt with its reasons. With the environment variable
`SPARROW_WRITE_GOLDEN` set the second parts are written anew. The repository is `repository.txt`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lsp_server.context.evidence import Attention
from lsp_server.context.retrieval import Assembly
from tests.unit.lsp_server.made_repository import At

FOLDER = Path(__file__).parent / "contexts"
SEPARATOR = "-" * 40 + "\n"
GOLDEN = sorted(path.stem for path in FOLDER.glob("*.txt") if path.stem != "repository")
FIELDS = re.compile(r"(path|budget|problem|edited|without): (.*)\n")


def files() -> dict[str, str]:
    """Each file stands behind a line with `==` and its path."""
    text = (FOLDER / "repository.txt").read_text("utf-8")
    _, *parts = re.split(r"^== (.*)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def printed(found: Assembly) -> Iterator[str]:
    for excerpt in found.excerpts:
        yield f"== {excerpt.path}: {'; '.join(excerpt.reasons)}\n"
        yield excerpt.text


@pytest.mark.parametrize("name", GOLDEN)
def test_what_is_shown_is_as_written_down(name: str) -> None:
    path = FOLDER / f"{name}.txt"
    given, _, expected = path.read_text("utf-8").partition(SEPARATOR)
    _, head, text = given.split("\n\n", 2)
    fields = dict(FIELDS.findall(f"{head}\n"))
    edited, _, line = fields.get("edited", "").partition(":")
    attention = Attention(
        edited=((edited, int(line) - 1),) if edited else (),
        problems=tuple(filter(None, [fields.get("problem", "")])),
    )
    known = {path: text for path, text in files().items() if path != fields["path"]}
    at = At.of(known, fields["path"], text)
    without = fields.get("without", "").split()
    got = "".join(printed(at.assemble(int(fields["budget"]), attention=attention, without=without)))
    if "SPARROW_WRITE_GOLDEN" in os.environ:
        path.write_text(given + SEPARATOR + got, "utf-8")
    else:
        assert got == expected


def test_there_are_golden_files() -> None:
    assert len(GOLDEN) >= 5
    assert len(files()) >= 8
