"""That the documents lead where they say: links, the headings that they name, and modules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.sources import ROOT, modules

DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "ARCHITECTURE.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]


def headings(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    lines = document.read_text(encoding="utf-8").splitlines()
    titles = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda it: str(it.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        path, _, heading = target.partition("#")
        place = (document.parent / path).resolve() if path else document
        assert place.exists(), target
        assert not heading or heading in headings(place), target


def test_every_document_is_linked() -> None:
    linked = set()
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#\s]+)", text):
            linked.add((document.parent / target).resolve())
    assert {it for it in DOCUMENTS if it.is_relative_to(ROOT / "docs")} <= linked


def test_the_architecture_names_each_module_or_its_folder_and_nothing_else() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]+`) \|", text.partition("## Folders")[2], flags=re.MULTILINE)
    named = set()
    for row in rows:
        names = re.findall(r"`([^`]+)`", row)
        beside = (ROOT / names[0]).parent  # what has no path of its own lies beside the first
        named |= {path if (path := ROOT / it).exists() else beside / it for it in names}
    assert sorted(it for it in named if not it.exists()) == []
    own = {path for path in modules().values() if not path.name.startswith("__")}
    assert sorted(it for it in own if named.isdisjoint({it, *it.parents})) == []
