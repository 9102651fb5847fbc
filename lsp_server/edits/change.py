"""A change to files, as their texts before and after it.

Every refactor and every model's answer comes to one, before it is verified, cut into hunks and sent
to an editor.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class EditKind(enum.StrEnum):
    """What a change is meant to do, which decides by what it is verified."""

    REFACTOR = "refactor"  # by an engine, not by a model
    DOCSTRING = "docstring"
    TYPES = "types"
    REWRITE = "rewrite"
    TESTS = "tests"
    FIX = "fix"


@dataclass(frozen=True, slots=True)
class FileChange:
    """What becomes of one file. It is created where `before` is None, deleted where `after` is.

    The texts are whole and as they stand in the document: with their own line ends, and without a
    byte-order mark, which the editor keeps. `version` is that of the open document that `before` was
    read from, None where the file was not open. A file that moves has where it was in `renamed_from`.
    """

    uri: str
    before: str | None
    after: str | None
    version: int | None = None
    renamed_from: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    title: str
    files: tuple[FileChange, ...]
