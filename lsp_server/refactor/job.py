"""What the process that refactors is asked and answers, as values and as JSON.

Positions are (line, column) from 0 in code points; paths are those in the workspace folder.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self, cast

Place = tuple[int, int]
Task = Literal[
    "extract_function",
    "extract_variable",
    "inline",
    "rename",
    "move_method",
    "move_to_new_file",
    "move_to_file",
    "remove_parameter",
    "swap_parameters",
    "add_parameter",
]


@dataclass(frozen=True, slots=True)
class Job:
    """`texts` are of open documents, for which the disk is not read; `paths` may hold more files.

    `argument` is the new name, the parameters, or the path of a file, where the task has one.
    """

    task: Task
    folder: str
    path: str
    start: Place
    end: Place
    argument: str = ""
    paths: tuple[str, ...] = ()
    texts: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, data: dict[str, Any]) -> Self:
        start, end = (cast("Place", tuple(data[name])) for name in ("start", "end"))
        return cls(**{**data, "start": start, "end": end, "paths": tuple(data["paths"])})


@dataclass(frozen=True, slots=True)
class Doubt:
    """A place in the text before the change at which it may be wrong, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What becomes of one file; `before` is None for one that is made.

    One that moves has where it was in `moved_from`.
    """

    path: str
    before: str | None
    after: str
    doubts: tuple[Doubt, ...] = ()
    moved_from: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`name_at` is where a name stands that the user may want another for, in the new text.

    `note` is to be told beside the change. Where it `is_local`, no other file can be concerned.
    """

    files: tuple[Rewritten, ...]
    path: str = ""
    name_at: Place | None = None
    note: str = ""
    is_local: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, data: dict[str, Any]) -> Self:
        files = tuple(
            Rewritten(
                it["path"],
                it["before"],
                it["after"],
                tuple(Doubt(**doubt) for doubt in it["doubts"]),
                it["moved_from"],
            )
            for it in data["files"]
        )
        name_at = data["name_at"]
        at = (name_at[0], name_at[1]) if name_at else None
        return cls(files, data["path"], at, data["note"], data["is_local"])
