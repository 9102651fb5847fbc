"""That the documents lead where they say: each relative link, and each heading that one names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
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
