"""What a model may look up while it answers: definitions of the tools, and their running.

All of them only read, and only what may be shown to a model: whatever instructions stand in a file,
there is no tool to write, run or send anything. What is asked for wrongly is answered with what is
wrong, so that the model can mend it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.protocol import CallText
from lsp_server.chat.codebase import Codebase
from lsp_server.chat.search import find, find_uses
from lsp_server.chat.transcript import ChatRefused
from lsp_server.workspace.snapshot import Snapshot

MAX_RESULT_CHARACTERS = 12_000
MAX_READ_LINES = 400
_MAX_SEARCH_HITS = 8
_MAX_SYMBOLS = 12
_MAX_USES = 30
_MAX_PROBLEMS = 100
_MAX_LINE_CHARACTERS = 400
_MAX_TOLD = 120


class BadCall(ValueError):
    """What is wrong with a call, in a sentence for the model."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool answers to the model, and in a few words to the user."""

    text: str
    summary: str
    failed: bool = False


def _tool(
    name: str, description: str, required: Sequence[str], /, **properties: Any
) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


_TEXT, _NUMBER = {"type": "string"}, {"type": "integer"}
_DEFINITIONS = (
    _tool(
        "search",
        "Search the workspace's code by words and names; gives the lines that match best.",
        ["query"],
        query=_TEXT,
    ),
    _tool(
        "read",
        f"Read a file of the workspace, or some of its lines (from 1), {MAX_READ_LINES} at most.",
        ["path"],
        path=_TEXT,
        start_line=_NUMBER,
        end_line=_NUMBER,
    ),
    _tool("symbol", "Show where a name is defined, with its code.", ["name"], name=_TEXT),
    _tool("references", "List the places that use a name.", ["name"], name=_TEXT),
    _tool(
        "diagnostics",
        "List the problems that the editor's tools report, of all open files or of one.",
        [],
        path=_TEXT,
    ),
)
DEFINITIONS = json.dumps(_DEFINITIONS, separators=(",", ":"))
_PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    it["function"]["name"]: it["function"]["parameters"] for it in _DEFINITIONS
}


def summarize(call: CallText) -> str:
    """A call in a few words, whatever stands in it."""
    try:
        arguments = json.loads(call.arguments)
        told = ", ".join(str(it) for it in arguments.values()) if arguments else ""
    except (ValueError, AttributeError):
        told = call.arguments
    told = " ".join(told.split())
    return told if len(told) <= _MAX_TOLD else told[: _MAX_TOLD - 1] + "…"


class Tools:
    """`near` is the URI of the active editor, whose folder goes first."""

    def __init__(self, code: Codebase, near: str | None = None) -> None:
        self._code = code
        self._near = near
        self._run: dict[str, Callable[..., Awaitable[Result]]] = {
            "search": self._search,
            "read": self._read,
            "symbol": self._symbol,
            "references": self._references,
            "diagnostics": self._diagnostics,
        }

    async def run(self, call: CallText) -> Result:
        """Never raises for what a model asks for: what is wrong is the answer."""
        try:
            arguments = _read_arguments(call)
            result = await self._run[call.name](**arguments)
        except (BadCall, ChatRefused) as error:
            return Result(f"Nothing was done: {error}", str(error), failed=True)
        if len(result.text) > MAX_RESULT_CHARACTERS:
            text = result.text[:MAX_RESULT_CHARACTERS].rpartition("\n")[0]
            return Result(f"{text}\n[the rest is left out: ask for less]\n", result.summary)
        return result

    async def _search(self, query: str) -> Result:
        told: list[str] = []
        for root, snapshot in self._code.snapshots(self._near):
            for it in find(snapshot, query, _MAX_SEARCH_HITS):
                told += self._shown(root, snapshot, it.path, it.first_line, it.end_line)
        if not told:
            return Result("Nothing was found. Try other words, or a name.", "nothing found")
        return Result("\n".join(told), f"{len(told)} places")

    async def _read(self, path: str, start_line: int = 1, end_line: int = 0) -> Result:
        place = self._code.named(path)
        if place is None:
            raise BadCall(f"{path!r} names no file of the workspace")
        file = await self._code.text_of(place)
        if file is None:
            raise BadCall(f"there is no file {place.name}")
        count = len(file.lines) - (not file.lines[-1]) if file.lines else 0
        first = max(start_line, 1) - 1
        end = min(end_line if end_line > 0 else count, first + MAX_READ_LINES, count)
        if first >= end:
            raise BadCall(f"{place.name} has {count} lines; these are not among them")
        more = f"\n[{place.name} has {count} lines]\n" if end < count or first else ""
        text = _quote(place.name, file.lines, first, end) + more
        return Result(text, f"lines {first + 1} to {end} of {count}")

    async def _symbol(self, name: str) -> Result:
        told: list[str] = []
        bare = name.rpartition(".")[2].strip() or name
        for root, snapshot in self._code.snapshots(self._near):
            for it in snapshot.definitions(bare)[:_MAX_SYMBOLS]:
                start = it.symbol.start_line
                end = min(it.symbol.end_line, start + MAX_READ_LINES // 4)
                told += self._shown(root, snapshot, it.path, start, end)
        if not told:
            raise BadCall(f"{bare} is defined nowhere in the workspace; search for it instead")
        return Result("\n".join(told), f"{len(told)} definitions")

    async def _references(self, name: str) -> Result:
        told: list[str] = []
        bare = name.rpartition(".")[2].strip() or name
        for root, snapshot in self._code.snapshots(self._near):
            for it in find_uses(snapshot, bare, _MAX_USES):
                told += self._shown(root, snapshot, it.path, it.first_line, it.end_line)
        if not told:
            raise BadCall(f"nothing in the workspace uses {bare}")
        return Result("\n".join(told), f"{len(told)} uses")

    async def _diagnostics(self, path: str = "") -> Result:
        wanted = self._code.named(path) if path else None
        if path and wanted is None:
            raise BadCall(f"{path!r} names no file of the workspace")
        told = [
            f"{place.name}:{it.line + 1}: {it.message}"
            for place, problems in self._code.problems().items()
            for it in problems
            if wanted is None or place == wanted
        ][:_MAX_PROBLEMS]
        if not told:
            return Result("The editor shows no problems there.", "no problems")
        return Result("\n".join(told), f"{len(told)} problems")

    def _shown(self, root: Path, snapshot: Snapshot, path: str, first: int, end: int) -> list[str]:
        """Lines of a file with their numbers; nothing where the file must not be shown."""
        place = self._code.place(root, path)
        if self._code.refusal(place.uri):
            return []
        return [_quote(place.name, snapshot.lines(path), first, end)]


def _read_arguments(call: CallText) -> dict[str, Any]:
    """The arguments of a call. Raises `BadCall`."""
    parameters = _PARAMETERS.get(call.name)
    if parameters is None:
        names = ", ".join(_PARAMETERS)
        raise BadCall(f"there is no tool {call.name[:60]!r}; there are {names}")
    try:
        arguments: Any = json.loads(call.arguments or "{}")
    except ValueError as error:
        raise BadCall(f"the arguments are not JSON: {error}") from error
    if not isinstance(arguments, dict):
        raise BadCall("the arguments are not an object")
    known = parameters["properties"]
    if unknown := [it for it in arguments if it not in known]:
        raise BadCall(
            f"{call.name} has no parameter {unknown[0][:60]!r}; it has {', '.join(known)}"
        )
    given = {name: value for name, value in arguments.items() if value is not None}
    if missing := [it for it in parameters["required"] if not given.get(it)]:
        raise BadCall(f"{call.name} needs {missing[0]}")
    return {name: _typed(name, value, known[name]["type"]) for name, value in given.items()}


def _typed(name: str, value: Any, kind: str) -> Any:
    if kind == "string":
        if isinstance(value, str):
            return value
    elif isinstance(value, int) and not isinstance(value, bool):
        return value
    elif isinstance(value, str) and value.strip().lstrip("-").isdecimal() and len(value) < 10:  # noqa: PLR2004 - a line's number
        return int(value)
    raise BadCall(f"{name} must be {'a text' if kind == 'string' else 'a whole number'}")


def _quote(name: str, lines: Sequence[str], first: int, end: int) -> str:
    """Lines with their numbers, under the name of their file."""
    quoted = (
        f"{number + 1:>5}  {lines[number].rstrip()[:_MAX_LINE_CHARACTERS]}"
        for number in range(first, min(end, len(lines)))
    )
    return "\n".join([f"{name}:", *quoted, ""])
