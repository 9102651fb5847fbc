"""Many clients on one host: throughput, latency by class, fairness, and what is past the limit.

Each client has a connection of its own, as a window has, and a file of its own of the standard
library. As a window does, it gives a completion up after `GENERATION_S`. The phases, each of so many
seconds, at the end of which all that is under way is cancelled:

- alone: one client completes, one request after the other. The floor of a latency.
- all complete: every client does, with a pause between requests as a typist makes it.
- with chats: the same, while some clients keep long answers going, and all warm up.
- one greedy: a client sends more than its share at once while the others ask one by one;
  how its neighbours fare is the fairness under load.
- past the limit: all clients send more than the queue of a class holds. What is refused must be
  refused at once and say so, and the host must serve on.

Fairness is Jain's index of the answers for each client: 1 where all have the same, 1/n where one has
all.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import random
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from inference.client import InferenceClient
from inference.content import Layout, LayoutSection, Message, TextChunk
from inference.endpoint import RUNTIME_DIR_VARIABLE
from inference.engines.vllm import FIM_ORDER
from inference.errors import InferenceError, Overloaded
from inference.protocol import ChatRole, Delta, Done, Priority, Role, Tail
from inference.sampling import Sampling
from inference.scheduler import MAX_QUEUED, MAX_QUEUED_OF_CLIENT
from lsp_server.bench.clients_report import TINY, Phase, as_json, show
from lsp_server.bench.engine import end_host, make_checkpoint
from lsp_server.bench.engine_prompts import Vocabulary
from lsp_server.bench.measure import CouldNotRun, resident_mb
from lsp_server.features.writing import GENERATION_S

__all__ = ["CouldNotRun", "run"]

TINY_CONTEXT_TOKENS = 4_096
CLIENTS = 64
CHATTING = 16
COMPLETION_TOKENS, CHAT_TOKENS = 16, 64
LOAD_TIMEOUT_S = 600.0
SEED = 10
_PAUSE_S = (0.3, 1.2)  # a completion is asked for when the typing pauses
_CHARACTERS = 1_200  # of the file that a client is in


@dataclass
class _Client:
    """A window: what it shows the model, and what it was answered."""

    inference: InferenceClient
    layout: Layout
    chosen: random.Random
    typed: int = 0
    done: dict[Priority, list[float]] = field(default_factory=dict[Priority, list[float]])
    given_up: int = 0
    tokens: int = 0
    refusals: list[Overloaded] = field(default_factory=list[Overloaded])

    async def generate(self, priority: Priority, max_tokens: int) -> None:
        """One request with a line that no other has begun; a refusal is written down."""
        self.typed += 1
        tail = Tail(f"    value_{self.typed} = ", "\n")
        await self._answered(
            priority, self.inference.generate(self.layout, tail, Sampling(max_tokens), priority)
        )

    async def chat(self, max_tokens: int) -> None:
        """As `generate`; what a model that cannot chat is asked instead has the same class."""
        can = self.inference.capabilities
        if can is None or not can.chat:
            await self.generate(Priority.CHAT, max_tokens)
            return
        self.typed += 1
        messages = [Message.of(ChatRole.USER, f"Question {self.typed}: what does this do?")]
        await self._answered(
            Priority.CHAT, self.inference.chat(messages, Sampling(max_tokens), Priority.CHAT)
        )

    async def _answered(self, priority: Priority, stream: Any) -> None:
        started = time.perf_counter()
        answered_ms = self.done.setdefault(priority, [])
        is_completion = priority is Priority.COMPLETION
        try:
            async with (
                asyncio.timeout(GENERATION_S if is_completion else None),
                contextlib.aclosing(stream) as answers,
            ):
                async for message in answers:
                    if isinstance(message, Delta):
                        self.tokens += message.tokens
                    elif isinstance(message, Done):
                        answered_ms.append((time.perf_counter() - started) * 1000)
        except TimeoutError:
            self.given_up += 1
        except Overloaded as error:
            self.refusals.append(error)
        except InferenceError as error:
            raise CouldNotRun(f"a request failed: {error.message}. {error.hint}") from error

    async def complete_and_pause(self) -> None:
        await self.generate(Priority.COMPLETION, COMPLETION_TOKENS)
        await asyncio.sleep(self.chosen.uniform(*_PAUSE_S))

    async def warm_up_and_pause(self) -> None:
        await self.generate(Priority.WARM_UP, 1)
        await asyncio.sleep(self.chosen.uniform(*_PAUSE_S))


async def run(
    console: Console,
    *,
    quick: bool,
    data: Path | None,
    model: str | None = None,
    clients: int | None = None,
) -> dict[str, Any]:
    """Measures and prints; returns the JSON object. Raises `CouldNotRun`."""
    del data
    seconds = 12.0 if quick else 60.0
    with tempfile.TemporaryDirectory(prefix="sparrow-bench-") as scratch:
        os.environ[RUNTIME_DIR_VARIABLE] = str(Path(scratch) / "run")
        name, arguments = await _prepared(model or "wren", Path(scratch))
        async with _connected(name, arguments, clients or CLIENTS) as all_clients:
            phases = await _phases(all_clients, seconds)
            pid = all_clients[0].inference.host_pid
            rss_mb = resident_mb(pid) if pid is not None else 0.0
    result = as_json(model or "wren", phases, rss_mb)
    show(console, result)
    return result


async def _prepared(model: str, scratch: Path) -> tuple[str, dict[str, Any]]:
    """The model's name, and its engine's arguments. `tiny` is made, and served by vLLM."""
    if model != TINY:
        return model, {}
    if importlib.util.find_spec("vllm") is None:
        raise CouldNotRun(f"{TINY} is served by vLLM, which is not installed in this environment")
    checkpoint = scratch / "dense"
    await make_checkpoint("dense", checkpoint, TINY_CONTEXT_TOKENS)
    # A probe of random weights would find no order at all.
    order = Vocabulary.of(checkpoint).fim.orders[0].value
    return f"vllm:{checkpoint}", {"max_model_len": TINY_CONTEXT_TOKENS, FIM_ORDER: order}


@contextlib.asynccontextmanager
async def _connected(
    model: str, arguments: Mapping[str, Any], count: int
) -> AsyncIterator[list[_Client]]:
    """Clients of one host, which ends with them. Each has read its file once."""
    first, *others = (
        InferenceClient(model, name=f"client {it}", idle_minutes=1, engine_args=arguments)
        for it in range(count)
    )
    files = sorted(it for it in Path(os.__file__).parent.glob("*.py") if it.stat().st_size > 20_000)  # noqa: PLR2004
    try:
        first.start()
        await first.wait_ready(LOAD_TIMEOUT_S)
        for other in others:
            other.start()
        await asyncio.gather(*(other.wait_ready(LOAD_TIMEOUT_S) for other in others))
        made = [
            _Client(each, _layout(files[number % len(files)], number), random.Random(SEED + number))  # noqa: S311
            for number, each in enumerate([first, *others])
        ]
        for client in made:
            await client.generate(Priority.COMPLETION, 1)
        yield made
    except InferenceError as error:
        raise CouldNotRun(f"{error.message}. {error.hint}") from error
    finally:
        await asyncio.gather(*(other.close() for other in others))
        await end_host(first)


def _layout(file: Path, number: int) -> Layout:
    """Another stretch for each client, also of the same file."""
    text = file.read_text(encoding="utf-8")
    begin = text.index("\n", number * 211 % (len(text) - _CHARACTERS)) + 1
    end = text.rindex("\n", begin, begin + _CHARACTERS) + 1
    chunk = TextChunk.of(f"# client {number}\n{text[begin:end]}")
    return Layout.of([LayoutSection(Role.PREFIX, f"{number}/{file.name}", (chunk,))])


async def _phases(clients: Sequence[_Client], seconds: float) -> list[Phase]:
    chatting = clients[:: max(1, len(clients) // CHATTING)]
    greedy, *others = clients

    async def ask_for_too_much() -> None:
        wanted = range(2 * MAX_QUEUED_OF_CLIENT)
        await asyncio.gather(*(greedy.generate(Priority.AGENT, COMPLETION_TOKENS) for _ in wanted))

    async def ask_modestly(client: _Client) -> None:
        await client.generate(Priority.AGENT, COMPLETION_TOKENS)

    complete = [client.complete_and_pause for client in clients]
    talk = [lambda it=it: it.chat(CHAT_TOKENS) for it in chatting]
    warm_up = [client.warm_up_and_pause for client in clients]
    modest = [lambda it=it: ask_modestly(it) for it in others]
    return [
        await _phase("alone", clients, complete[:1], seconds, counted=1),
        await _phase("all complete", clients, complete, seconds),
        await _phase("with chats", clients, [*complete, *talk, *warm_up], seconds),
        await _phase("one greedy", clients, [ask_for_too_much, *modest], seconds),
        await _past_the_limit(clients),
    ]


async def _phase(
    name: str,
    clients: Sequence[_Client],
    loops: Sequence[Callable[[], Coroutine[Any, Any, None]]],
    seconds: float,
    counted: int | None = None,
) -> Phase:
    """Each loop again and again for the time."""
    _forget(clients)
    started = time.monotonic()

    async def repeat(step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            await step()
            await asyncio.sleep(0)  # a refusal comes at once

    repeating = [asyncio.create_task(repeat(step)) for step in loops]
    ended, _ = await asyncio.wait(repeating, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for task in repeating:
        task.cancel()
    await asyncio.gather(*repeating, return_exceptions=True)
    for task in ended:
        task.result()  # none ends but by an error
    return _told(name, clients[:counted], time.monotonic() - started)


async def _past_the_limit(clients: Sequence[_Client]) -> Phase:
    """So many requests at once that the queue of their class cannot hold them."""
    _forget(clients)
    started = time.monotonic()
    each = 2 + 2 * MAX_QUEUED // len(clients)
    await asyncio.gather(
        *(it.generate(Priority.AGENT, COMPLETION_TOKENS) for it in clients for _ in range(each))
    )
    phase = _told("past the limit", clients, time.monotonic() - started)
    await clients[0].generate(Priority.COMPLETION, 1)  # it serves on
    if not phase.refusals:
        raise CouldNotRun(f"{each * len(clients)} requests at once were all taken")
    return phase


def _forget(clients: Sequence[_Client]) -> None:
    for client in clients:
        client.done, client.tokens, client.given_up, client.refusals = {}, 0, 0, []


def _told(name: str, clients: Sequence[_Client], seconds: float) -> Phase:
    by_class = {
        priority: asked
        for priority in Priority
        if (asked := [client.done[priority] for client in clients if priority in client.done])
    }
    return Phase(
        name,
        seconds,
        by_class,
        sum(client.tokens for client in clients),
        sum(client.given_up for client in clients),
        [str(error.message) for client in clients for error in client.refusals],
    )
