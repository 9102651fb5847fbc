"""The files of wren: which there must be, and that they are what was packed.

`wren.json` describes the model and holds the checksums of the others; a file that was cut or altered
is refused before anything reads it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.errors import EngineFailed

DESCRIPTION = "wren.json"
GRAPH = "wren.onnx"
TOKENIZER = "tokenizer.json"
FORMAT = 1
WEIGHTS = Path(__file__).parents[1] / "wren" / "weights"
"""Where weights lie that come with Sparrow."""

_HINT = (
    "Install Sparrow again, or complete without weights: name `suffix` as the model. A folder with"
    " others, which `make wren` writes, is wren:FOLDER."
)


_SIZES = ("layers", "key_heads", "head", "vocabulary", "context_tokens")


@dataclass(frozen=True, slots=True)
class Package:
    graph: bytes  # of ONNX
    tokenizer: str  # a tokenizer.json
    # As in _SIZES.
    layers: int
    key_heads: int
    head: int
    vocabulary: int
    context_tokens: int


def read(folder: Path) -> Package:
    """Raises `EngineFailed` that says which file is missing, damaged or of another version."""
    try:
        described = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EngineFailed(
            f"there is no wren in {folder}: {DESCRIPTION} is missing", _HINT
        ) from None
    except (OSError, ValueError) as error:
        raise EngineFailed(f"{folder / DESCRIPTION} cannot be read: {error}", _HINT) from error
    if not isinstance(described, dict) or described.get("format") != FORMAT:
        found = described.get("format") if isinstance(described, dict) else None
        raise EngineFailed(
            f"{folder / DESCRIPTION} is of format {found}, and this Sparrow reads {FORMAT}", _HINT
        )
    try:
        return Package(
            _checked(folder / GRAPH, described),
            _checked(folder / TOKENIZER, described).decode("utf-8"),
            *(_size(described, name) for name in _SIZES),
        )
    except (KeyError, TypeError) as error:
        raise EngineFailed(f"{folder / DESCRIPTION} lacks {error}", _HINT) from error


def _checked(path: Path, described: dict[str, Any]) -> bytes:
    expected = described["sha256"][path.name]
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EngineFailed(f"wren's file {path} cannot be read: {error}", _HINT) from error
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise EngineFailed(
            f"wren's file {path} is not the one that was packed: it has {len(content)} bytes and "
            f"the SHA-256 {found[:12]}…, not {str(expected)[:12]}…",
            _HINT,
        )
    return content


def _size(described: dict[str, Any], name: str) -> int:
    value = described[name]
    if not isinstance(value, int) or value < 1:
        raise TypeError(f"a number above 0 as {name}")
    return value
