"""All of a repository, where a model's context holds it; else the best that fits. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lsp_server.context.layout import ContextFile

# What people read to understand a repository, beside its code. What is larger holds data.
_DOCUMENTS = frozenset({".md", ".rst", ".txt", ".adoc", ".toml", ".yaml", ".yml", ".cfg", ".ini"})
_DATA = frozenset({".json", ".csv", ".tsv", ".lock", ".svg", ".xml", ".sum", ".snap"})
MAX_FILE_CHARACTERS = 256 * 1024
_MAX_DATA_CHARACTERS = 8 * 1024


@dataclass(frozen=True, slots=True)
class Repository:
    """Its files by path, as they are shown, and their paths by importance, the first ones most."""

    files: tuple[ContextFile, ...]
    ranked: tuple[str, ...] = ()


def belongs(path: str, characters: int) -> bool:
    """Whether a text file says something of the repository: code, or documents, not data."""
    ending = _ending(path)
    limit = _MAX_DATA_CHARACTERS if ending in _DATA else MAX_FILE_CHARACTERS
    return 0 < characters <= limit


def fit(
    repository: Repository,
    without: frozenset[str],
    room_tokens: int,
    tokens_of: Callable[[ContextFile], int],
) -> tuple[list[ContextFile], list[str]]:
    """The files that are shown, by path, and the paths of those for which there is no room.

    A file is shown whole or not. Where not all fit, the most important go first, and the small ones
    of those that nothing imports: the order is the same wherever the cursor is.
    """
    files = [it for it in repository.files if it.path not in without]
    costs = {it.path: tokens_of(it) for it in files}
    if sum(costs.values()) <= room_tokens:
        return files, []
    place = {path: number for number, path in enumerate(repository.ranked)}
    shown: set[str] = set()
    left = room_tokens
    for file in sorted(files, key=lambda it: (_kind(it.path, place), costs[it.path], it.path)):
        if costs[file.path] <= left:
            left -= costs[file.path]
            shown.add(file.path)
    return (
        [it for it in files if it.path in shown],
        [it.path for it in files if it.path not in shown],
    )


def _kind(path: str, place: dict[str, int]) -> tuple[int, int]:
    """By importance; then what nothing imports, documents before the rest."""
    if path in place:
        return 0, place[path]
    return (1 if _ending(path) in _DOCUMENTS else 2), 0


def _ending(path: str) -> str:
    _, dot, ending = path.rpartition("/")[2].rpartition(".")
    return dot + ending.lower()
