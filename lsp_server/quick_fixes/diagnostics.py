"""What diagnostics of Pylance, pyright, ruff, flake8, mypy and tsc say, as far as it can be fixed. Pure.

Each tool has its own code and wording for the same thing. What is not known here is nothing.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from lsp_server.workspace.documents import Position


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """As the editor sends it, but in code points. `code` is empty where there is none."""

    source: str
    code: str
    message: str
    start: Position
    end: Position


class Complaint(enum.StrEnum):
    UNDEFINED = "undefined"
    NO_ATTRIBUTE = "no attribute"
    UNUSED_IMPORT = "unused import"
    UNUSED_IMPORTS = "unused imports"  # all of a statement
    UNUSED_VARIABLE = "unused variable"


@dataclass(frozen=True, slots=True)
class Reading:
    """What is complained of: the name, and another that the tool itself proposes."""

    complaint: Complaint
    name: str
    proposed: str = ""


_NAME = r"[\"'`]([\w.$]+)[\"'`]"
# By code, or by what there is instead of one: what the message has to look like.
_RULES: tuple[tuple[Complaint, frozenset[str], re.Pattern[str]], ...] = tuple(
    (complaint, frozenset(codes.split()), re.compile(pattern))
    for complaint, codes, pattern in (
        (
            Complaint.UNDEFINED,
            "reportUndefinedVariable F821 name-defined 2304 2503 2552 2580 2582 2583 2584 2686",
            rf"(?:[Uu]ndefined (?:name|variable) |Name |Cannot find (?:name|namespace) |^){_NAME}",
        ),
        (
            Complaint.NO_ATTRIBUTE,
            "reportAttributeAccessIssue attr-defined 2339 2551",
            rf"(?:has no attribute |Cannot access attribute |Property ){_NAME}",
        ),
        (
            Complaint.UNUSED_IMPORT,
            "reportUnusedImport F401 unused-import",
            rf"{_NAME}",
        ),
        (Complaint.UNUSED_IMPORTS, "6192", r"()All imports"),
        (
            Complaint.UNUSED_VARIABLE,
            "reportUnusedVariable F841 unused-variable",
            rf"[Vv]ariable {_NAME}",
        ),
        # An import or a variable: where it stands tells.
        (Complaint.UNUSED_IMPORT, "6133 6196", rf"^{_NAME} is declared but"),
    )
)
# What Pylance tells as a hint, without a code.
_NOT_ACCESSED = re.compile(rf"^(Import|Variable)? ?{_NAME} is not accessed")
_PROPOSED = re.compile(r"(?:[Dd]id you mean|[Mm]aybe) (?:the \w+ \w+ )?[\"'`]([\w$]+)[\"'`]")


def read(diagnostic: Diagnostic) -> Reading | None:
    """What a diagnostic complains of, or None where that is nothing that is fixed here."""
    proposed = _PROPOSED.search(diagnostic.message)
    code = diagnostic.code.removeprefix("TS").removeprefix("ts")
    for complaint, codes, pattern in _RULES:
        if code in codes and (match := pattern.search(diagnostic.message)):
            return Reading(complaint, match[1], proposed[1] if proposed else "")
    if match := _NOT_ACCESSED.match(diagnostic.message):
        is_variable = match[1] == "Variable"
        complaint = Complaint.UNUSED_VARIABLE if is_variable else Complaint.UNUSED_IMPORT
        return Reading(complaint, match[2])
    return None
