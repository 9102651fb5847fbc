"""What a chat costs beside the model: from a question to its first word, and what goes over the wire.

The language server is driven over stdio, as an editor does, on a repository that is shown as a
whole (`@repo`): sources of the standard library of the Python that runs. The engine answers at
once. From the question to its first word is an upper bound of what it takes until the engine has
the request, and given for it (`send_to_engine`): the way back is in it. Beside it stand the same
without `@repo`, and as the floor a request that has nothing to be done. The chips are asked for
first, as a view does while the user types: so the host has read the repository. The second turn is
measured by the host's own counters.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from inference.client import InferenceClient
from inference.endpoint import RUNTIME_DIR_VARIABLE
from lsp_server import chat_protocol as protocol
from lsp_server.bench.host_client import host_client
from lsp_server.bench.measure import CouldNotRun, percentile
from lsp_server.session import EditorSession, open_session, sparrow_command
from lsp_server.user_folders import CONFIG_DIR_VARIABLE, DATA_DIR_VARIABLE
from lsp_server.workspace.store_file import CACHE_DIR_VARIABLE

__all__ = ["CouldNotRun", "run"]

PATIENCE_S = 60.0
CONTEXT_TOKENS = 262_144
REPOSITORY_CHARACTERS = 600_000  # which that context holds
MAX_FILE_CHARACTERS = 60_000
QUESTION = "Why is that so?"
REPO = {"kind": "repo", "ref": "", "label": "repo", "detail": ""}


@dataclass
class _Case:
    name: str
    mentions: list[dict[str, str]]
    first_word_ms: list[float] = field(default_factory=list)
    chips_ms: float = 0.0
    tokens: int = 0
    floor_ms: list[float] = field(default_factory=list)
    second_turn_bytes: list[int] = field(default_factory=list)


async def run(console: Console, *, quick: bool, data: Path | None) -> dict[str, Any]:
    """Measures and prints; returns the JSON object. Raises `CouldNotRun`."""
    del data
    samples = 12 if quick else 60
    cases = [_Case("@repo", [REPO]), _Case("no mention", [])]
    with tempfile.TemporaryDirectory(prefix="sparrow-bench-") as scratch:
        folder, model, files = _prepare(Path(scratch))
        settings = {"completion": {"model": "suffix"}, "chat": {"model": model}}
        async with (
            host_client(model) as client,
            open_session(sparrow_command(), folder, settings) as session,
        ):
            chat = _Chat(session)
            async with asyncio.timeout(PATIENCE_S):
                await session.wait_indexed()
                await chat.ask(QUESTION, [])  # the host is reached, and the modules are imported
            for case in cases:
                case.chips_ms, case.tokens = await chat.chips(case.mentions)
            for _ in range(samples):
                for case in cases:
                    await _measure(chat, client, case)
    repo, plain = cases
    result = {
        "name": "chat",
        "samples": samples,
        "files": files,
        "repository_tokens": repo.tokens,
        "send_to_engine_p50_ms": round(statistics.median(repo.first_word_ms), 2),
        "send_to_engine_p95_ms": round(percentile(repo.first_word_ms, 0.95), 2),
        "plain_p50_ms": round(statistics.median(plain.first_word_ms), 2),
        "plain_p95_ms": round(percentile(plain.first_word_ms, 0.95), 2),
        "floor_p50_ms": round(statistics.median(repo.floor_ms + plain.floor_ms), 2),
        "floor_p95_ms": round(percentile(repo.floor_ms + plain.floor_ms, 0.95), 2),
        "first_chips_ms": round(repo.chips_ms, 1),
        "second_turn_wire_bytes": max(repo.second_turn_bytes),
        "plain_second_turn_wire_bytes": max(plain.second_turn_bytes),
    }
    _print(console, cases, files)
    return result


async def _measure(chat: _Chat, client: InferenceClient, case: _Case) -> None:
    """One conversation of two turns."""
    case.floor_ms.append(await chat.round_trip())
    conversation, first_word_ms = await chat.ask(QUESTION, case.mentions)
    case.first_word_ms.append(first_word_ms)
    before = (await client.stats()).bytes_received
    await chat.ask("And what follows from it?", [], conversation)
    case.second_turn_bytes.append((await client.stats()).bytes_received - before)
    await chat.request(protocol.DELETE, id=conversation)


class _Chat:
    def __init__(self, session: EditorSession) -> None:
        self._session = session
        self._first_word: dict[str, float] = {}
        self._ended: dict[str, str] = {}  # by answer: what it ended with
        self._changed = asyncio.Event()
        session.listen(protocol.EVENT, self._took)

    def _took(self, event: Any) -> None:
        if event.kind == "text":
            self._first_word.setdefault(event.answerId, time.perf_counter())
        elif event.kind == "done":
            self._ended[event.answerId] = event.error or event.state
            self._changed.set()

    async def request(self, method: str, **params: Any) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            return await self._session.request(method, params)

    async def round_trip(self) -> float:
        """How long a request takes in ms that has nothing to be done."""
        started = time.perf_counter()
        await self.request(protocol.STOP, id="none")
        return (time.perf_counter() - started) * 1000

    async def chips(self, mentions: list[dict[str, str]]) -> tuple[float, int]:
        """How long it takes in ms until the context is counted, and how much it is."""
        deadline = time.monotonic() + PATIENCE_S
        started = time.perf_counter()
        while True:
            given = {"text": QUESTION, "mentions": mentions, "without": []}
            answer = await self.request(
                protocol.CONTEXT, id=None, **given, uri=None, selection=None
            )
            if answer.isExact:
                return (time.perf_counter() - started) * 1000, answer.usedTokens
            if time.monotonic() > deadline:
                raise CouldNotRun("the context was not counted")

    async def ask(
        self, text: str, mentions: list[dict[str, str]], conversation: str | None = None
    ) -> tuple[str, float]:
        """The conversation, and the time from the question to its first word in ms."""
        params = protocol.SendParams(
            id=conversation,
            text=text,
            mentions=[protocol.Mention(**it) for it in mentions],  # type: ignore[typeddict-item]
            without=[],
            thinking=False,
            replaces=None,
            uri=None,
            selection=None,
        )
        started = time.perf_counter()
        sent = await self.request(protocol.SEND, **params)
        async with asyncio.timeout(PATIENCE_S):
            while sent.answerId not in self._ended:
                self._changed.clear()
                await self._changed.wait()
        if self._ended[sent.answerId] != "done":
            raise CouldNotRun(f"a question was not answered: {self._ended[sent.answerId]}")
        return str(sent.id), (self._first_word[sent.answerId] - started) * 1000


def _prepare(scratch: Path) -> tuple[Path, str, int]:
    """A workspace folder, a model that answers at once, and how many files there are."""
    folder = scratch / "workspace"
    folder.mkdir()
    left, files = REPOSITORY_CHARACTERS, 0
    for path in sorted(Path(os.__file__).parent.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if len(text) <= min(left, MAX_FILE_CHARACTERS):
            (folder / path.name).write_text(text, encoding="utf-8")
            left -= len(text)
            files += 1
    script = scratch / "instant.json"
    rule = {"when": {"message_ends_with": ""}, "reply": ["Because it is. ", "So there."]}
    script.write_text(json.dumps({"rules": [rule], "context_tokens": CONTEXT_TOKENS}))
    for variable, name in (
        (RUNTIME_DIR_VARIABLE, "run"),
        (CACHE_DIR_VARIABLE, "cache"),
        (DATA_DIR_VARIABLE, "data"),
        (CONFIG_DIR_VARIABLE, "config"),
    ):
        os.environ[variable] = str(scratch / name)
    return folder, f"scripted:{script}", files


def _print(console: Console, cases: list[_Case], files: int) -> None:
    table = Table(title=f"Chat: question to first word, over stdio, on {files} files")
    table.add_column("context")
    for heading in (
        "tokens",
        "p50 ms",
        "p95 ms",
        "floor p50",
        "first chips ms",
        "second turn, bytes",
    ):
        table.add_column(heading, justify="right")
    for case in cases:
        table.add_row(
            case.name,
            f"{case.tokens:,}",
            f"{statistics.median(case.first_word_ms):.1f}",
            f"{percentile(case.first_word_ms, 0.95):.1f}",
            f"{statistics.median(case.floor_ms):.1f}",
            f"{case.chips_ms:.0f}",
            str(max(case.second_turn_bytes)),
        )
    console.print(table)
