"""Small sources of each language, with what is found in them: the files in `outlines/`."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "outlines"
SEPARATOR = "-" * 40 + "\n"
GOLDEN = sorted(path.stem for path in FOLDER.glob("*.txt"))


def source_of(name: str) -> str:
    return (FOLDER / f"{name}.txt").read_text("utf-8").partition(SEPARATOR)[0]
