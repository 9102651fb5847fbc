"""The messages beside the language server protocol; extension/src/protocol.ts mirrors this file.

| message | direction | parameters | result |
| --- | --- | --- | --- |
| `sparrow/status` | notification to the client | `StatusParams` | |
| `sparrow/restartHost` | request to the server | `{}` | `{}` |
| `sparrow/explainCompletion` | request to the server | `{}` | `{"markdown": str}` |
"""

from __future__ import annotations

from typing import Literal, TypedDict

STATUS = "sparrow/status"
RESTART_HOST = "sparrow/restartHost"
EXPLAIN_COMPLETION = "sparrow/explainCompletion"


class StatusParams(TypedDict):
    """The state of the model that completes. `progress` is 0 to 1, or null where not known."""

    state: Literal["starting", "loading", "ready", "error"]
    engine: str
    model: str
    message: str
    progress: float | None


class Explanation(TypedDict):
    markdown: str
