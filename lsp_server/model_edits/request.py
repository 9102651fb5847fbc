"""What is asked of an edit by a model, and why there may be none."""

from __future__ import annotations

from dataclasses import dataclass

from lsp_server.model_edits.actions import ModelAction
from lsp_server.workspace.documents import Position


@dataclass(frozen=True, slots=True)
class Complained:
    """What a tool says of a line, from 0. `code` is empty where there is none."""

    source: str
    code: str
    message: str
    line: int

    def __str__(self) -> str:
        return f"{self.source or 'a tool'}, line {self.line + 1}: {self.message}"


@dataclass(frozen=True, slots=True)
class EditRequest:
    """`instruction` is the user's own, for a free one; `complaints` are what is to be mended.

    `may_run`: the user lets code of this workspace be run, by `interpreter` where one is selected.
    """

    action: ModelAction
    uri: str
    start: Position
    end: Position
    instruction: str = ""
    complaints: tuple[Complained, ...] = ()
    may_run: bool = False
    interpreter: str = ""


@dataclass(frozen=True, slots=True)
class EditRefusal:
    """Why there is no edit, and what the user can do about it."""

    reason: str
    hint: str = ""
