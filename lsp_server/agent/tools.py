"""What a model may do in the agent loop: search, read, edit, run the tests. Nothing of it leaves a copy.

Edits are held in memory; `tests` runs them in a copy in the sandbox. A tool's answer is a text for the
model, also where it refuses, and is bounded.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from lsp_server.agent.localize import is_source
from lsp_server.agent.patch import find_excess
from lsp_server.edits.blocks import apply_blocks, parse_blocks
from lsp_server.workspace.snapshot import Snapshot
from lsp_server.workspace.words import words

MAX_ANSWER_CHARACTERS = 10_000
_MAX_LINES = 250
_MAX_FOUND = 20


def _function(name: str, description: str, **parameters: str) -> dict[str, Any]:
    kinds = {"from_line": "integer", "to_line": "integer"}
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": {
                    key: {"type": kinds.get(key, "string"), "description": told}
                    for key, told in parameters.items()
                },
                "required": [it for it in parameters if it not in kinds],
            },
        },
    }


TOOLS = json.dumps(
    [
        _function(
            "search",
            "Lines of the repository with these words, and definitions of these names.",
            query="words or names of code",
        ),
        _function(
            "read",
            f"A file's lines with their numbers, {_MAX_LINES} at most.",
            path="the file",
            from_line="the first line, from 1",
            to_line="the last line",
        ),
        _function(
            "edit",
            "Applies search/replace blocks, all or none, and runs the failing tests.",
            blocks="the blocks, each below the path of its file",
        ),
        _function("run_tests", "Runs the failing tests on the files as they are now."),
    ]
)

# Runs the failing tests on files' texts; what it says, and whether all of them pass.
RunTests = Callable[[Mapping[str, str]], Awaitable[tuple[str, bool]]]


class Tools:
    """The files as the model has made them. `text` gives a file's text as it was at the start."""

    def __init__(
        self, index: Snapshot, text: Callable[[str], str | None], run_tests: RunTests
    ) -> None:
        self._index = index
        self._text = text
        self._run_tests = run_tests
        self.changed: dict[str, str] = {}
        self.is_solved = False  # the failing tests passed on what is changed now

    async def use(self, name: str, arguments: Mapping[str, Any]) -> str:
        """The answer to a call; one that cannot be carried out says why."""
        match name:
            case "search":
                answer = self._search(str(arguments.get("query", "")))
            case "read":
                answer = self._read(arguments)
            case "edit":
                answer = await self._edit(str(arguments.get("blocks", "")))
            case "run_tests":
                answer = await self._test()
            case _:
                answer = f"there is no tool {name}: there are search, read, edit and run_tests."
        if len(answer) > MAX_ANSWER_CHARACTERS:
            half = MAX_ANSWER_CHARACTERS // 2
            answer = f"{answer[:half]}\n[...]\n{answer[-half:]}"
        return answer

    def _now(self, path: str) -> str | None:
        return self.changed.get(path, self._text(path))

    def _search(self, query: str) -> str:
        found: list[str] = []
        for name in query.split()[:8]:
            found += (
                f"{it.path}:{it.symbol.name_line + 1}: {it.symbol.signature}"
                for it in self._index.definitions(name)[:5]
            )
        for match in self._index.search_text(list(words(query)), _MAX_FOUND):
            lines = self._index.lines(match.path)[match.start_line : match.end_line]
            wanted = set(words(query))
            best = max(
                range(len(lines)), key=lambda at: len(wanted & set(words(lines[at]))), default=0
            )
            if lines:
                shown = lines[best].strip()[:200]
                found.append(f"{match.path}:{match.start_line + best + 1}: {shown}")
        return "\n".join(dict.fromkeys(found)) or "nothing was found."

    def _read(self, arguments: Mapping[str, Any]) -> str:
        path = str(arguments.get("path", "")).removeprefix("./")
        text = self._now(path)
        if text is None:
            near = [it for it in self._index.paths() if it.endswith(path.rpartition("/")[2])]
            told = f" Did you mean {', '.join(near[:5])}?" if near else ""
            return f"there is no file {path}.{told}"
        lines = text.split("\n")
        first = max(_number(arguments.get("from_line"), 1), 1)
        last = min(_number(arguments.get("to_line"), len(lines)), first + _MAX_LINES - 1)
        numbered = [f"{at:>5} {line}" for at, line in enumerate(lines[first - 1 : last], first)]
        if last < len(lines):
            numbered.append(f"[{len(lines) - last} more lines]")
        return "\n".join(numbered)

    async def _edit(self, blocks: str) -> str:
        named = {it for it in self._index.paths() if is_source(it)}
        parsed = parse_blocks(blocks, named, "")
        if parsed.problems:
            return "nothing was applied. " + " ".join(it.message for it in parsed.problems)
        texts: dict[str, str | None] = {}
        for block in parsed.blocks:
            if block.path not in named:
                return f"nothing was applied: {block.path or 'a block without a path'} may not be edited."
            texts[block.path] = self._now(block.path)
        applied = apply_blocks(parsed.blocks, texts)
        if applied.problems:
            return "nothing was applied. " + "\n".join(it.message for it in applied.problems)
        changed = {**self.changed, **applied.texts}
        if excess := find_excess(changed, self._text):
            return f"nothing was applied: {excess}."
        self.changed = changed
        return await self._test()

    async def _test(self) -> str:
        """What the tests say. After each edit: it is the cheapest way to be right."""
        said, self.is_solved = await self._run_tests(self.changed)
        return said


def _number(value: Any, otherwise: int) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return otherwise
