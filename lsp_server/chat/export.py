"""A conversation as Markdown, to be kept or shown to somebody. Pure."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable

from lsp_server.chat.transcript import Conversation, Entry, Found

_BACKTICKS = re.compile("`+")


def to_markdown(conversation: Conversation) -> str:
    """Questions, what the model was shown by name, and answers. Thinking is left out."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(conversation.updated_ms / 1000))
    parts = [f"# {_line(conversation.title)}\n\n{when}\n"]
    parts += (_question(it) if it.role == "user" else _answer(it) for it in conversation.transcript)
    return "\n".join(parts)


def _question(entry: Entry) -> str:
    named = [_code(it.label) for it in entry.mentions]
    about = f"\n*About {', '.join(named)}*\n" if named else ""
    return f"## Question\n{about}\n{entry.text.strip()}\n"


def _answer(entry: Entry) -> str:
    parts = ["## Answer\n"]
    if entry.context:
        parts.append(f"*Shown to the model: {_listed(it.label for it in entry.context)}*\n")
    parts += (f"- {it.tool}: {_line(it.summary)}" for it in entry.steps)
    if entry.steps:
        parts.append("")
    if entry.text.strip():
        parts.append(f"{entry.text.strip()}\n")
    parts += map(_found, entry.found)
    if entry.state == "stopped":
        parts.append("*The answer was stopped.*\n")
    if entry.error:
        parts.append(f"*{_line(f'{entry.error} {entry.hint}'.strip())}*\n")
    return "\n".join(parts)


def _found(found: Found) -> str:
    longest = max(map(len, _BACKTICKS.findall(found.snippet)), default=0)
    fence = "`" * max(3, longest + 1)
    ending = "" if found.snippet.endswith("\n") else "\n"
    place = f"**{_line(found.label)}**, line {found.line + 1}: {_line(found.why)}"
    return f"{place}\n\n{fence}{found.language}\n{found.snippet}{ending}{fence}\n"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(_code, names))


def _code(text: str) -> str:
    return f"`{_line(text).replace('`', chr(39))}`"


def _line(text: str) -> str:
    return " ".join(text.split())
