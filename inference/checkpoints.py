"""Checkpoints in the model hub's cache: where one lies, and whether all of it is there.

Reads the folder as the hub documents it (`models--ORG--NAME/{refs,snapshots,blobs}`), with no
library of the hub's: a host asks this before it loads, and it must answer where none is installed.
A download that was cut off never counts: what a checkpoint's own index names must be there.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from inference.errors import UnknownModel
from inference.models import Architecture, architecture_of

MAIN = "main"
_INDEX = "*.index.json"
_WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.gguf")
# One of these is with every checkpoint; without it vLLM could not read a prompt.
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json")


def folder(cache: Path, repository: str) -> Path:
    return cache / f"models--{repository.replace('/', '--')}"


def find(cache: Path, repository: str, revision: str = MAIN) -> Path | None:
    """The folder of a complete checkpoint, or None. `revision` is a branch, a tag or a commit."""
    home = folder(cache, repository)
    try:
        commit = (home / "refs" / revision).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        commit = revision
    snapshot = home / "snapshots" / commit
    return snapshot if commit and is_complete(snapshot) else None


def local_folder(name: str) -> Path | None:
    """The folder of this machine that a name means, where it holds a checkpoint."""
    try:
        folder = Path(name).expanduser()
        return folder if (folder / "config.json").is_file() else None
    except (OSError, RuntimeError):  # too long for a name, or in the home of nobody
        return None


def is_complete(snapshot: Path) -> bool:
    """Whether a folder holds a configuration, a tokenizer and all of its weights."""
    if not (snapshot / "config.json").is_file():
        return False
    if not any((snapshot / name).is_file() for name in _TOKENIZERS):
        return False
    indexes = sorted(snapshot.glob(_INDEX))
    if indexes:
        return all((snapshot / name).is_file() for path in indexes for name in _indexed(path))
    # A link whose file has not arrived is there, and is no file.
    return any(path.is_file() for pattern in _WEIGHTS for path in snapshot.glob(pattern))


def describe(folder: Path) -> tuple[Architecture, float]:
    """What a checkpoint's folder says of itself: its shape, and its weights in GB.

    Raises `UnknownModel` where it does not say it, or where its memory is not known.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        weights = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    except (OSError, ValueError) as error:
        raise UnknownModel(f"{folder / 'config.json'} cannot be read") from error
    if not isinstance(config, dict):
        raise UnknownModel(f"{folder / 'config.json'} is not a model's configuration")
    if not weights:
        raise UnknownModel(f"there are no weights (*.safetensors) in {folder}")
    return architecture_of(cast("dict[str, Any]", config)), weights / 1e9


def is_repository(checkpoint: str) -> bool:
    """Whether a checkpoint's name is one of the hub's (`ORG/NAME`) and not a folder."""
    organisation, slash, name = checkpoint.partition("/")
    plain = bool(organisation and slash and name) and "/" not in name
    return plain and not checkpoint.startswith((".", "~")) and not Path(checkpoint).exists()


def download_command(name: str, revision: str = MAIN, *, asked: bool = False) -> str:
    """What to type to download it; `asked` where nobody is there to answer a question."""
    command = ["sparrow", "download", name]
    if revision != MAIN:
        command += ["--revision", revision]
    return shlex.join([*command, *(["--yes"] if asked else [])])


def _indexed(path: Path) -> Iterable[str]:
    """The files that an index names; one that cannot be read asks for a file that is never there."""
    try:
        index: Any = json.loads(path.read_text(encoding="utf-8"))
        names = cast("dict[str, Any]", index["weight_map"]).values()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return [""]
    return {str(name) for name in names} or [""]
