"""The code behind the last completions, held for an export that the user asks for.

It is kept in memory, for the last few requests that a model was asked for, and nowhere else.
"""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from lsp_server.completion_events import Asked, CompletionEvent
from lsp_server.trace import Trace, Traces
from lsp_server.trace_log import as_json

KEPT_REQUESTS = 20


class TracedCode:
    def __init__(self) -> None:
        self._asked: deque[Asked] = deque(maxlen=KEPT_REQUESTS)

    def on_event(self, event: CompletionEvent) -> None:
        if isinstance(event, Asked):
            self._asked.append(event)

    def export(self, traces: Traces) -> str:
        """All traces, the oldest first, and what models were shown and said, as JSON."""
        by_trace = {id(asked.trace): asked for asked in self._asked}
        everything = {id(trace): trace for trace in traces}
        everything |= {name: asked.trace for name, asked in by_trace.items()}
        ordered = sorted(everything.items(), key=lambda it: it[1].at)
        told = [_told(trace, by_trace.get(name)) for name, trace in ordered]
        return json.dumps({"traces": told}, indent=2, ensure_ascii=False)


def _told(trace: Trace, asked: Asked | None) -> dict[str, Any]:
    told = as_json(trace)
    if asked is not None:
        told["shown_to_model"] = [
            {
                "role": section.role,
                "path": section.path,
                "text": "".join(chunk.text for chunk in section.chunks),
            }
            for section in asked.layout.sections
        ]
        told["tail"] = {"prefix": asked.tail.prefix, "suffix": asked.tail.suffix}
        told["generated"] = asked.text()
    return told
