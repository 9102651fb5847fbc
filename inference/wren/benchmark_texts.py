"""The texts of benchmarks' data, whatever their files look like: each string that is long enough."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_LEAST_CHARACTERS = 80


def texts(folder: Path) -> Iterator[str]:
    """Of JSON and JSON lines every string, of other files the whole; gzip is opened.

    Raises `NotADirectoryError` for what is no folder: a benchmark that is not there by mistake
    would be learnt.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"there is no folder {folder} of texts to leave out")
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        yield from _of_file(path.name.removesuffix(".gz"), content.decode("utf-8", "replace"))


def _of_file(name: str, text: str) -> Iterator[str]:
    if name.endswith(".jsonl"):
        for line in text.splitlines():
            yield from _strings(json.loads(line))
    elif name.endswith(".json"):
        yield from _strings(json.loads(text))
    elif len(text) >= _LEAST_CHARACTERS:
        yield text


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) >= _LEAST_CHARACTERS:
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
