"""What is fixed and what is known of it, for those that propose repairs; and what a proposer is. Pure."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lsp_server.agent.data import Candidate, Evidence, Suspect
from lsp_server.agent.spectrum import Line


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asks for: an issue's text, tests that fail by their ids, or both."""

    issue: str = ""
    tests: tuple[str, ...] = ()
    budget_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Task:
    """`texts` are those of the files that may be wrong, the likeliest first; no test is among them."""

    request: Request
    texts: Mapping[str, str]
    suspects: tuple[Suspect, ...]
    lines: Mapping[Line, float] = field(default_factory=dict)  # by spectrum-based localization
    failing: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()
    output: str = ""  # of the failing tests, before


class Proposer(Protocol):
    """A way to come by candidates, a round of them at a time.

    `tried` is asked for what became of those proposed before, as they are.
    """

    @property
    def name(self) -> str: ...

    def rounds(
        self, task: Task, tried: Sequence[Evidence], budget_s: float
    ) -> AsyncGenerator[Sequence[Candidate], None]: ...
